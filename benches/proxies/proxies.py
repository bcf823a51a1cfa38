#!/usr/bin/env python3
"""Compares `rext gateway` with nginx and HAProxy, and versions of `rext` with each other.

    benches/proxies/proxies.py [--rounds N] [--idle N] [--json FILE] [--rext NAME=FILE]...

Each proxy is in front of the same server, on one core of its own; the clients and the server behind are on
the others. The proxies take turns in each round. Numbers are medians over the rounds of what the kernel
accounts to the processes of the proxy (user and system time in /proc/PID/task/*/schedstat), so other
load on the machine disturbs them less than times would be; ratios disturb it least.

Needs Debian's nginx, haproxy, nghttp2-client (h2load), openssl, curl and util-linux (taskset), and a
release build: cargo build --release --bin rext
"""

import argparse
import json
import pathlib
import resource
import select
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

HANDSHAKES = 1000
REQUESTS = 20_000
ROUTED = 1000
MIB = 1024 * 1024
DOWNLOAD = 512 * MIB
LOCALHOST = "127.0.0.1"
# The maximum number of connections of each proxy.
CONNECTIONS = 19_000


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as listener:
        listener.bind((LOCALHOST, 0))
        return listener.getsockname()[1]


def make_pki(folder, client="client"):
    """Authorities and certificates with P-256 keys; the client's has this name."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def request(name, subject, *more):
        run("openssl", "req", *more, *key, "-keyout", folder / f"{name}.key", "-subj", f"/CN={subject}")

    def authority(name):
        extensions = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        request(name, name, "-x509", "-days", "30", "-out", folder / f"{name}.pem", *extensions)

    def issue(name, subject, ca, *extensions):
        request(name, subject, "-new", "-out", folder / f"{name}.csr")
        usual = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
        (folder / f"{name}.ext").write_text("\n".join([*usual, *extensions]))
        run("openssl", "x509", "-req", "-days", "30", "-in", folder / f"{name}.csr", "-CA",
            folder / f"{ca}.pem", "-CAkey", folder / f"{ca}.key", "-CAcreateserial", "-out",
            folder / f"{name}.pem", "-extfile", folder / f"{name}.ext")

    authority("server-ca")
    authority("client-ca")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    issue("server", "localhost", "server-ca", names, "extendedKeyUsage=serverAuth")
    issue(client, client, "client-ca", "extendedKeyUsage=clientAuth")
    (folder / "server-both.pem").write_text(
        (folder / "server.pem").read_text() + (folder / "server.key").read_text())


class Process:
    """A server with all of its child processes."""

    def __init__(self, name, command, port, core, folder, env=None):
        self.name, self.port = name, port
        self.log = open(folder / f"{name}-{port}.log", "w")
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), *map(str, command)], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env=env)
        for _ in range(200):
            try:
                socket.create_connection((LOCALHOST, port)).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise SystemExit(f"{name} did not start: {pathlib.Path(self.log.name).read_text()}")

    def pids(self):
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        return found

    def cpu(self):
        """The time that its threads have used, in seconds."""
        tasks = (task for pid in self.pids() for task in pathlib.Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self):
        """Its proportional set size in bytes."""
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


NGINX = """
daemon off; pid {folder}/nginx-{port}.pid; error_log stderr warn; worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
    access_log off; keepalive_timeout 600s; keepalive_requests 1000000;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    {http}
}}
"""

NGINX_PROXY = """
    upstream behind {{ server 127.0.0.1:{behind}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
        ssl_client_certificate {folder}/client-ca.pem; ssl_verify_client {verify};
        ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache none;
        location / {{
            proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $host; proxy_set_header X-Client $ssl_client_s_dn;
        }}
    }}
"""

NGINX_BEHIND = """
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok\\n"; }} }}
"""

NGINX_TLS = """
    server {{
        listen 127.0.0.1:{port} ssl; root {folder}/files; sendfile on;
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
        ssl_protocols TLSv1.3; ssl_session_tickets off;
    }}
"""

HAPROXY = """
global
    nbthread 1
    maxconn {most}
    tune.ssl.cachesize 0
    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    timeout http-request 60s
    http-reuse always
frontend front
    bind 127.0.0.1:{port} ssl crt {folder}/server-both.pem ca-file {folder}/client-ca.pem verify {verify} alpn h2,http/1.1
    http-request set-header X-Client %[ssl_c_s_dn]
    default_backend behind
backend behind
    server behind 127.0.0.1:{behind}
"""


def start_nginx(name, http, folder, core, **values):
    port = free_port()
    text = NGINX.format(folder=folder, port=port, http=http.format(port=port, folder=folder, **values))
    config = folder / f"nginx-{port}.conf"
    config.write_text(text)
    return Process(name, ["nginx", "-p", folder, "-c", config], port, core, folder)


def start_haproxy(folder, core, behind, verify):
    port = free_port()
    config = folder / f"haproxy-{port}.cfg"
    config.write_text(HAPROXY.format(port=port, folder=folder, behind=behind, verify=verify,
                                     most=CONNECTIONS))
    return Process("HAProxy", ["haproxy", "-db", "-f", config], port, core, folder)


def start_gateway(name, program, folder, core, behind, always):
    port = free_port()
    has = run(program, "gateway", "--help")
    command = [
        program, "gateway", "--listen", f"{LOCALHOST}:{port}", "--cert", folder / "server.pem", "--key",
        folder / "server.key", "--client-ca", folder / "client-ca.pem", "--policy",
        "always" if always else "offered", "--upstream", f"http://{LOCALHOST}:{behind}",
        "--session-cache", "0", "--handshake-timeout", "600", "--idle-timeout", "600",
        "--client-cert", "clients"]
    for option, value in (("--max-connections ", str(CONNECTIONS)), ("--memory ", "16384")):
        if option in has:
            command += [option.strip(), value]
    return Process(name, command, port, core, folder, env={"TOKIO_WORKER_THREADS": "1"})


def start_route(name, program, folder, core, behind):
    port = free_port()
    to = f"{LOCALHOST}:{behind}"
    command = [program, "route", "--listen", f"{LOCALHOST}:{port}", "--offered", to, "--default", to]
    return Process(name, command, port, core, folder, env={"TOKIO_WORKER_THREADS": "1"})


def tls_context(folder, with_certificate):
    context = ssl.create_default_context(cafile=folder / "server-ca.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if with_certificate:
        context.load_cert_chain(folder / "client.pem", folder / "client.key")
    return context


def connect(context, port, source=LOCALHOST):
    tcp = socket.create_connection((LOCALHOST, port), timeout=20, source_address=(source, 0))
    # Otherwise a request can wait 40 ms until the last flight of the handshake is acknowledged.
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(tcp, server_hostname="localhost")


def get(tls):
    """Sends a request on an HTTP/1.1 connection, and reads the small response."""
    tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(b"ok\n"):
        more = tls.recv(4096)
        if not more:
            break
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"unexpected response: {answer!r}")


def handshakes(folder, proxy, with_certificate):
    """CPU per handshake, in microseconds: full ones, each of which the client closes in order."""
    context = tls_context(folder, with_certificate)
    with connect(context, proxy.port) as tls:
        get(tls)
    before = proxy.cpu()
    for _ in range(HANDSHAKES):
        tls = connect(context, proxy.port)
        try:
            # Sends close_notify, and reads up to that of the server, past its tickets.
            tls.unwrap().close()
        except OSError:
            tls.close()
    time.sleep(0.2)
    return (proxy.cpu() - before) / HANDSHAKES * 1e6


def http2_requests(proxy):
    """CPU per small request on 8 HTTP/2 connections with 16 requests at a time, in microseconds."""
    url = f"https://localhost:{proxy.port}/"
    before = proxy.cpu()
    output = run("taskset", "-c", "1", "h2load", "-n", str(REQUESTS), "-c", "8", "-m", "16", url)
    if f"{REQUESTS} succeeded" not in output or "2xx" not in output:
        raise SystemExit(output)
    return (proxy.cpu() - before) / REQUESTS * 1e6


class NotMeasured(Exception):
    pass


def closed_by_server(kept):
    """The number of the first of these idle connections that the server has closed, if it has."""
    poll = select.poll()
    for tls in kept:
        poll.register(tls, select.POLLIN)
    readable = {descriptor for descriptor, _ in poll.poll(0)}
    return next((n for n, tls in enumerate(kept, 1) if tls.fileno() in readable), None)


def idle_memory(folder, proxy, count):
    """Memory per idle connection of an authenticated client after one request, in bytes.

    Gives up with the first connection that fails, that is not served in time, or that the server
    closes: some servers hold fewer connections.
    """
    context = tls_context(folder, True)
    # Memory that is needed once.
    for _ in range(20):
        with connect(context, proxy.port) as tls:
            get(tls)
    before, kept = proxy.memory(), []
    try:
        for number in range(count):
            try:
                kept.append(connect(context, proxy.port, f"127.0.{number // 5000 + 1}.1"))
                get(kept[-1])
            except (OSError, SystemExit) as err:
                raise NotMeasured(f"connection {number + 1} of {count} is not served: {err}") from err
            # Not after each one, since this looks at all of them.
            is_due = number % 100 == 99 or number + 1 == count
            if is_due and (closed := closed_by_server(kept)):
                raise NotMeasured(f"the server closed idle connection {closed} of {number + 1}")
        return (proxy.memory() - before) / count
    finally:
        for tls in kept:
            tls.close()


def routed(folder, proxy):
    """CPU of `rext route` per connection, in microseconds, and per GiB, in milliseconds."""
    context = tls_context(folder, False)
    before = proxy.cpu()
    for _ in range(ROUTED):
        tls = connect(context, proxy.port)
        tls.sendall(b"GET /small HTTP/1.0\r\n\r\n")
        while tls.recv(4096):
            pass
        tls.close()
    per_connection = (proxy.cpu() - before) / ROUTED * 1e6
    before = proxy.cpu()
    run("taskset", "-c", "1", "curl", "-sSfk", "-o", "/dev/null", f"https://{LOCALHOST}:{proxy.port}/large")
    return per_connection, (proxy.cpu() - before) * 1e3 * 1024 * MIB / DOWNLOAD


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--json")
    parser.add_argument("--rext", action="append", default=[], metavar="NAME=FILE")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # HAProxy wants two descriptors for each connection, and some more.
    global CONNECTIONS
    CONNECTIONS = min(19_000, hard // 2 - 50)
    args.idle = min(args.idle, CONNECTIONS - 50)
    programs = dict(item.split("=", 1) for item in args.rext) or {"rext": "target/release/rext"}
    programs = {name: shutil.which(program) or program for name, program in programs.items()}
    rows = {}

    def add(name, what, value):
        rows.setdefault(what, {}).setdefault(name, []).append(value)
        print(f"{what}: {name}: {value:.1f}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        make_pki(folder)
        (folder / "files").mkdir()
        (folder / "files" / "small").write_text("ok\n")
        with open(folder / "files" / "large", "wb") as large:
            large.truncate(DOWNLOAD)
        behind = start_nginx("behind", NGINX_BEHIND, folder, 1)
        tls_behind = start_nginx("tls-behind", NGINX_TLS, folder, 1)

        def proxies(always):
            verify = "on" if always else "optional"
            yield lambda: start_nginx("nginx", NGINX_PROXY, folder, 0, behind=behind.port, verify=verify)
            haproxy = "required" if always else "optional"
            yield lambda: start_haproxy(folder, 0, behind.port, haproxy)
            for name, program in programs.items():
                yield lambda name=name, program=program: start_gateway(
                    name, program, folder, 0, behind.port, always)

        def measured(start, measure):
            proxy = start()
            try:
                return proxy.name, measure(proxy)
            finally:
                proxy.stop()

        try:
            for _ in range(args.rounds):
                for start in proxies(True):
                    name, value = measured(start, lambda proxy: handshakes(folder, proxy, True))
                    add(name, "CPU per mutual handshake, µs", value)
                for start in proxies(False):
                    name, value = measured(start, lambda proxy: handshakes(folder, proxy, False))
                    add(name, "CPU per handshake without certificate, µs", value)
                for start in proxies(False):
                    name, value = measured(start, http2_requests)
                    add(name, "CPU per small HTTP/2 request, µs", value)
                for name, program in programs.items():
                    start = lambda: start_route(name, program, folder, 0, tls_behind.port)
                    _, (connection, gib) = measured(start, lambda proxy: routed(folder, proxy))
                    add(f"{name} route", "CPU per routed connection, µs", connection)
                    add(f"{name} route", "CPU per routed GiB, ms", gib)
            for start in proxies(True):
                what = f"memory per idle connection of {args.idle}, KiB"
                proxy = start()
                try:
                    add(proxy.name, what, idle_memory(folder, proxy, args.idle) / 1024)
                except (OSError, NotMeasured) as err:
                    print(f"{what}: {proxy.name}: not measured: {err}", flush=True)
                finally:
                    proxy.stop()
        finally:
            behind.stop()
            tls_behind.stop()

    report(rows)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def report(rows):
    """Prints the medians, and their ratios to the first one."""
    for what, by_name in rows.items():
        print(f"\n| {what} | median | all | ratio |\n|---|---|---|---|")
        first = None
        for name, values in by_name.items():
            median = statistics.median(values)
            first = first or median
            everything = ", ".join(f"{value:.1f}" for value in values)
            print(f"| {name} | {median:.1f} | {everything} | {median / first:.2f} |")


if __name__ == "__main__":
    main()
