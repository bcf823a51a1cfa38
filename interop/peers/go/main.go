// A server and a client on Go's crypto/tls, with the options and output of the adapters' examples.
//
// crypto/tls shows a server the types of the extensions, not their bodies. So the server recognises CARE,
// which has no body; of the TLS flags, it only sees that the extension is there.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	tlsFlags = 62
	care     = 0xffca
)

func main() {
	server := flag.Bool("server", false, "serve")
	cert := flag.String("cert", "", "certificate chain, in PEM")
	key := flag.String("key", "", "its key, in PEM")
	clientCA := flag.String("client-ca", "", "authorities of clients, in PEM")
	ask := flag.String("ask", "nobody", "whom to ask: nobody or offered")
	retry := flag.Bool("retry", false, "agree to P-384 only")
	tls12 := flag.Bool("tls12", false, "speak TLS 1.2 only")
	connect := flag.String("connect", "", "where to connect to")
	ca := flag.String("ca", "", "authorities of servers, in PEM")
	count := flag.Int("count", 1, "how many connections to make")
	flag.Parse()

	identity, err := tls.LoadX509KeyPair(*cert, *key)
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{identity}}
	if *tls12 {
		config.MaxVersion = tls.VersionTLS12
	}
	if *retry {
		config.CurvePreferences = []tls.CurveID{tls.CurveP384}
	}
	if *server {
		serve(config, pool(*clientCA), *ask == "offered")
		return
	}
	config.RootCAs = pool(*ca)
	config.ServerName = "localhost"
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range *count {
		visit(config, *connect)
	}
}

type served struct {
	Version      string  `json:"tls_version"`
	Resumed      bool    `json:"resumed"`
	Decision     string  `json:"decision"`
	Subject      *string `json:"verified_subject"`
	Acknowledged bool    `json:"acknowledged"`
}

func serve(config *tls.Config, authorities *x509.CertPool, asks bool) {
	// Every request for a certificate takes a full handshake, and leaves no session: a session does not
	// record the scope of its request.
	asking := config.Clone()
	asking.ClientAuth = tls.VerifyClientCertIfGiven
	asking.ClientCAs = authorities
	asking.SessionTicketsDisabled = true

	var asked sync.Map
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		// Flags have no effect in TLS 1.2.
		flags := config.MaxVersion != tls.VersionTLS12 && slices.Contains(hello.Extensions, tlsFlags)
		if asks && (flags || slices.Contains(hello.Extensions, care)) {
			asked.Store(hello.Conn, true)
			return asking, nil
		}
		return nil, nil
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Printf("listening on %s\n", listener.Addr())
	for {
		socket, err := listener.Accept()
		check(err)
		go func() {
			defer socket.Close()
			socket.SetDeadline(time.Now().Add(10 * time.Second))
			connection := tls.Server(socket, config)
			if err := connection.Handshake(); err != nil {
				say(map[string]string{"error": err.Error()})
				return
			}
			state := connection.ConnectionState()
			line := served{Version: version(state), Resumed: state.DidResume, Decision: "none"}
			if _, found := asked.LoadAndDelete(socket); found {
				line.Decision = "request"
			}
			if len(state.VerifiedChains) > 0 {
				subject := state.PeerCertificates[0].Subject.String()
				line.Subject = &subject
			}
			say(line)
			if request, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
				request.Body.Close()
				body, _ := json.Marshal(line)
				fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+
					"Connection: close\r\nContent-Length: %d\r\n\r\n%s\n", len(body)+1, body)
				connection.CloseWrite()
				io.Copy(io.Discard, socket)
			}
		}()
	}
}

type connected struct {
	Version string          `json:"tls_version"`
	Resumed bool            `json:"resumed"`
	Asked   bool            `json:"asked"`
	Server  json.RawMessage `json:"server"`
}

func visit(config *tls.Config, address string) {
	asked := false
	mine := config.Clone()
	mine.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return &config.Certificates[0], nil
	}
	socket, err := net.DialTimeout("tcp", address, 10*time.Second)
	check(err)
	defer socket.Close()
	socket.SetDeadline(time.Now().Add(10 * time.Second))
	connection := tls.Client(socket, mine)
	check(connection.Handshake())
	_, err = io.WriteString(connection, "GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	check(err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	check(err)
	body, err := io.ReadAll(response.Body)
	check(err)
	state := connection.ConnectionState()
	line := connected{Version: version(state), Resumed: state.DidResume, Asked: asked}
	if json.Valid(body) {
		line.Server = body
	} else {
		line.Server = []byte("null")
	}
	say(line)
	os.Stdout.Write(body)
}

func version(state tls.ConnectionState) string {
	if state.Version == tls.VersionTLS13 {
		return "TLSv1.3"
	}
	return "TLSv1.2"
}

func pool(path string) *x509.CertPool {
	text, err := os.ReadFile(path)
	check(err)
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		check(fmt.Errorf("%s: no certificate in it", path))
	}
	return authorities
}

func say(line any) {
	text, err := json.Marshal(line)
	check(err)
	fmt.Println(string(text))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}
