//! `rext route` between real clients and real servers.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use common::{Files, Server, TIMEOUT};
use raw_peer::{ClientConfig, Edit, Peer, ext, version};
use rustls_ext::wire::{CodePoints, FlagSet};

struct Router {
    server: Server,
    port: u16,
}

impl Router {
    fn new(files: &Files, offered: u16, default: u16, args: &[&str]) -> Self {
        let (offered, default) = (format!("127.0.0.1:{offered}"), format!("127.0.0.1:{default}"));
        let usual = ["route", "--offered", &offered, "--default", &default];
        let server = files.start_with_args(&[&usual[..], args].concat(), |_| {});
        Self { port: server.port, server }
    }

    fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
        tcp
    }
}

/// Two servers: one requires a certificate, and one requests none.
fn site(files: &Files) -> (Server, Server) {
    (files.serve(&["--policy", "always"]), files.serve(&["--policy", "never"]))
}

const HELLO: &[u8] = include_bytes!("../../rustls-ext-wire/corpus/curl+flag.bin");

#[test]
fn clients_that_offer_are_routed_to_the_server_that_requires_a_certificate() {
    let files = Files::new();
    let (requiring, not_requesting) = site(&files);
    let router = Router::new(&files, requiring.port, not_requesting.port, &[]);
    for args in [&[][..], &["--http1"]] {
        let offering = [args, &["--offer", "flag"]].concat();
        let reply = files.connect_to(router.port, Some("client"), &offering);
        assert_eq!(reply.server[0]["status"], "authenticated", "{reply:?}");
        let reply = files.connect_to(router.port, Some("client"), args);
        assert_eq!(reply.server[0]["status"], "not_asked", "{reply:?}");
    }
    // A server's refusal is passed through unchanged.
    let reply = files.connect_to(router.port, None, &["--offer", "flag"]);
    assert_eq!(reply.code, Some(1));
    assert!(reply.errors[0].contains("certificate_required"), "{reply:?}");
    drop((requiring, not_requesting));
}

/// The first flight of a client of these versions, with these edits.
fn hello(versions: &[u16], edits: Vec<Edit>) -> Vec<u8> {
    let mut config = ClientConfig { versions: versions.to_vec(), ..ClientConfig::default() };
    config.plan.client_hello = edits;
    Peer::client(config).unwrap().take_output()
}

#[test]
fn flags_9_a_flag_in_a_client_hello_without_tls_1_3_is_no_offer_and_care_is() {
    let points = CodePoints::default();
    let flag = FlagSet::single(points.request_client_auth());
    let flag = || Edit::add(points.tls_flags(), flag.body().unwrap());
    let care = || Edit::add(points.care().unwrap(), []);
    let versions_gone = || Edit::remove(ext::SUPPORTED_VERSIONS);
    let malformed = || Edit::add(points.tls_flags(), [1, 0]);
    let (tls13, tls12) = (version::TLS13, version::TLS12);
    let hellos = [
        (hello(&[tls13], vec![flag()]), "flag"),
        (hello(&[tls13, tls12], vec![flag()]), "flag"),
        (hello(&[tls13], vec![]), "none"),
        (hello(&[tls12], vec![flag()]), "none"),
        (hello(&[tls12], vec![versions_gone(), flag()]), "none"),
        (hello(&[tls12], vec![malformed()]), "none"),
        (hello(&[tls12], vec![care()]), "care"),
        (hello(&[tls12], vec![flag(), care()]), "care"),
    ];
    let files = Files::new();
    for (n, (bytes, offer)) in hellos.into_iter().enumerate() {
        let (offered, default) = (backend(vec![1]), backend(vec![0]));
        let router = Router::new(&files, offered.0, default.0, &[]);
        let mut tcp = router.tcp();
        tcp.write_all(&bytes).unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, [u8::from(offer != "none")], "hello {n}: {offer}");

        // `rext peek` shows the same offer.
        let path = files.write("hello.bin", &bytes);
        let peek = files.rext(&["peek", path.to_str().unwrap()]).output().unwrap();
        let line: serde_json::Value = serde_json::from_slice(&peek.stdout).unwrap();
        assert_eq!(line["offer"], offer, "hello {n}: {line}");
        assert_eq!(line["error"], serde_json::Value::Null, "hello {n}");
    }
}

/// A backend that receives everything, and then sends `answer`. The thread returns the received bytes.
fn backend(answer: Vec<u8>) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut got = Vec::new();
        tcp.read_to_end(&mut got).unwrap();
        tcp.write_all(&answer).unwrap();
        got
    });
    (port, thread)
}

#[test]
fn all_bytes_and_the_end_of_each_direction_are_passed_on() {
    let files = Files::new();
    let answer: Vec<u8> = (0..2_000_000u32).map(|n| n as u8).collect();
    let (offered, got) = backend(answer.clone());
    let router = Router::new(&files, offered, 1, &[]);
    let mut tcp = router.tcp();
    // A ClientHello that is sent byte by byte, and more data directly after it.
    for byte in HELLO {
        tcp.write_all(&[*byte]).unwrap();
    }
    tcp.write_all(b"and more").unwrap();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let mut read = Vec::new();
    tcp.read_to_end(&mut read).unwrap();
    assert!(read == answer);
    assert_eq!(got.join().unwrap(), [HELLO, b"and more"].concat());
}

/// Routes a ClientHello, after these bytes, to a backend. Returns the bytes that the backend received
/// before the ClientHello, the client's address, and the router.
fn sent_before(files: &Files, before: &[u8], args: &[&str]) -> (Vec<u8>, SocketAddr, Router) {
    let (port, backend) = backend(b"pong".to_vec());
    let router = Router::new(files, port, 1, args);
    let mut tcp = router.tcp();
    let from = tcp.local_addr().unwrap();
    tcp.write_all(&[before, HELLO].concat()).unwrap();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"pong");
    let got = backend.join().unwrap();
    (got.strip_suffix(HELLO).unwrap().to_vec(), from, router)
}

/// The TLVs of a header of version 2 with addresses of IPv4, which has nothing after it.
fn tlvs(header: &[u8]) -> Vec<(u8, Vec<u8>)> {
    assert_eq!(usize::from(u16::from_be_bytes([header[14], header[15]])), header.len() - 16);
    let mut rest = &header[28..];
    let mut all = Vec::new();
    while let [kind, high, low, after @ ..] = rest {
        let (value, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        all.push((*kind, value.to_vec()));
        rest = after;
    }
    all
}

#[test]
fn a_backend_can_get_the_client_s_address_in_a_proxy_protocol_header() {
    let files = Files::new();
    for args in [&["--send-proxy"][..], &["--send-proxy", "v2"]] {
        let (header, from, router) = sent_before(&files, b"", args);
        let start = [
            &b"\r\n\r\n\0\r\nQUIT\n\x21\x11"[..],
            &header[14..16],
            &[127, 0, 0, 1, 127, 0, 0, 1],
            &from.port().to_be_bytes(),
            &router.port.to_be_bytes(),
        ];
        assert_eq!(header[..28], start.concat());
        // The server name; no protocol, since the client offers two; the id of the log; a checksum.
        let tlvs = tlvs(&header);
        let kinds: Vec<_> = tlvs.iter().map(|(kind, value)| (*kind, value.len())).collect();
        assert_eq!(kinds, [(2, "www.example.com".len()), (5, 32), (3, 4)]);
        assert_eq!(tlvs[0].1, b"www.example.com");
        let id = String::from_utf8(tlvs[1].1.clone()).unwrap();
        router.server.wait_for_log(&["routed", &format!("id=\"{id}\"")]);
    }
    let (header, from, router) = sent_before(&files, b"", &["--send-proxy", "v1"]);
    let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", from.port(), router.port);
    assert_eq!(String::from_utf8(header).unwrap(), line);
    assert_eq!(sent_before(&files, b"", &[]).0, b"");
}

#[test]
fn the_client_s_address_of_a_load_balancer_in_front_is_passed_on() {
    let files = Files::new();
    let from = ["--proxy-protocol-from", "127.0.0.1"];
    let before = b"PROXY TCP4 192.0.2.1 192.0.2.9 1234 443\r\n";
    let v1 = sent_before(&files, before, &[&from[..], &["--send-proxy", "v1"]].concat());
    assert_eq!(v1.0, before);
    v1.2.server.wait_for_log(&["routed", "peer=192.0.2.1:1234"]);
    let v2 = sent_before(&files, before, &[&from[..], &["--send-proxy"]].concat());
    assert_eq!(v2.0[16..28], [192, 0, 2, 1, 192, 0, 2, 9, 4, 210, 1, 187]);
    // Without --send-proxy, the header is not passed on.
    assert_eq!(sent_before(&files, before, &from).0, b"");
    // A header is required.
    let router = Router::new(&files, 1, 1, &from);
    let mut tcp = router.tcp();
    tcp.write_all(HELLO).unwrap();
    assert!(matches!(tcp.read(&mut [0]), Ok(0) | Err(_)));
    router.server.wait_for_log(&[
        "WARN",
        "refused: PROXY protocol",
        "does not begin with a PROXY header",
    ]);
}

#[test]
fn a_client_without_a_well_formed_client_hello_gets_the_alert_of_its_error() {
    let files = Files::new();
    let router = Router::new(&files, 1, 1, &["--hello-timeout", "1.5"]);
    let answer = |bytes: &[u8]| {
        let mut tcp = router.tcp();
        tcp.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        answer
    };
    let alert = |number: u8| vec![21, 3, 3, 0, 2, 2, number];
    // A client of another protocol would not understand an alert.
    assert_eq!(answer(b"GET / HTTP/1.1\r\n\r\n"), b"");
    // Application data; a message that is no ClientHello; extensions that are longer than the message.
    assert_eq!(answer(&[23, 3, 3, 0, 1, 0]), alert(10));
    assert_eq!(answer(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), alert(10));
    let mut longer = HELLO.to_vec();
    let at = longer.len() - 1;
    longer[at] ^= 1;
    longer.truncate(at);
    let length = u16::try_from(at - 5).unwrap().to_be_bytes();
    longer[3..5].copy_from_slice(&length);
    let length = u16::try_from(at - 9).unwrap().to_be_bytes();
    longer[7..9].copy_from_slice(&length);
    assert_eq!(answer(&longer), alert(50));
    // A ClientHello that is never completed.
    assert_eq!(answer(&HELLO[..100]), b"");
}

#[test]
fn the_log_names_other_protocols_and_does_not_mention_probes() {
    let files = Files::new();
    let router = Router::new(&files, 1, 1, &[]);
    router.server.wait_for_log(&["INFO", "routing"]);
    for (bytes, text) in [
        (&b""[..], None),
        (b"GET / HTTP/1.1\r\n\r\n", Some("refused: the client sent an HTTP request without TLS")),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n",
            Some("refused: the connection begins with the PROXY protocol"),
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
            Some("refused: the connection begins with the PROXY protocol"),
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Some("refused: not TLS, but plain text")),
        (&[22, 3, 1], Some("the client closed the connection within its ClientHello")),
    ] {
        let mut tcp = router.tcp();
        tcp.write_all(bytes).unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
        if let Some(text) = text {
            let line = router.server.wait_for_log(&[]);
            assert!(line.contains("WARN") && line.contains(text), "{line}");
        }
    }
}

#[test]
fn a_backend_that_is_not_running_is_an_internal_error() {
    let files = Files::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let router = Router::new(&files, unused, unused, &[]);
    let mut tcp = router.tcp();
    tcp.write_all(HELLO).unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 80]);
}

#[test]
fn a_connection_without_data_is_closed() {
    let files = Files::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let router = Router::new(&files, port, port, &["--idle-timeout", "0.2"]);
    let mut tcp = router.tcp();
    tcp.write_all(HELLO).unwrap();
    let (mut server, _) = silent.accept().unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    let mut got = Vec::new();
    server.read_to_end(&mut got).unwrap();
    assert_eq!(got, HELLO);
}

#[test]
fn unusable_options_are_named() {
    let files = Files::new();
    for (args, part) in [
        (vec!["--offered", "localhost", "--default", "localhost:1"], "not of the form HOST:PORT"),
        (vec!["--offered", "localhost:1"], "--default <HOST:PORT>"),
        (vec!["--offered", "a:1", "--default", "b:1", "--max-connections", "0"], "max-connections"),
    ] {
        let args = [&["route", "--listen", "127.0.0.1:0"], &args[..]].concat();
        let output = files.rext(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(part) && text.lines().count() == 1, "{text}");
    }
}
