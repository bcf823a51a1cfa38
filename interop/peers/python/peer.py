#!/usr/bin/python3
"""A peer of the matrix on Python's ssl module, which knows nothing of offers: OpenSSL's configuration has a module
that offers, or that requests certificates by offer.

    peer.py --server --cert FILE --key FILE --client-ca FILE --ask nobody|offered [--tls12] [--retry]
    peer.py --connect ADDR:PORT --ca FILE --cert FILE --key FILE --count N

Reports are lines of JSON; null stands for values that Python does not know.
"""
import argparse
import json
import socket
import socketserver
import ssl

PATIENCE = 10  # seconds for each read and write
REQUEST = b"GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def subject_of(certificate):
    names = [pair for part in certificate["subject"] for pair in part] if certificate else []
    return ",".join("%s=%s" % ("CN" if kind == "commonName" else kind, value) for kind, value in names) or None


class Handler(socketserver.StreamRequestHandler):
    timeout = PATIENCE

    def setup(self):
        self.request.settimeout(PATIENCE)
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self):
        while self.rfile.readline(1000).strip():
            pass
        report = {
            "tls_version": self.request.version(),
            "resumed": self.request.session_reused,
            "decision": None,
            "verified_subject": subject_of(self.request.getpeercert()),
            "acknowledged": None,
        }
        body = json.dumps(report).encode() + b"\n"
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def finish(self):
        super().finish()
        self.request.unwrap()  # close_notify


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


def serve(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    context.load_verify_locations(options.client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL if options.ask == "offered" else ssl.CERT_NONE
    if options.tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if options.retry:
        context.set_ecdh_curve("secp384r1")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.context = context
        print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
        server.serve_forever()


def connect(options):
    host, port = options.connect.rsplit(":", 1)
    context = ssl.create_default_context(cafile=options.ca)
    context.load_cert_chain(options.cert, options.key)
    session = None
    for _ in range(options.count):
        with socket.create_connection((host, int(port)), PATIENCE) as tcp, context.wrap_socket(
                tcp, server_hostname="localhost", session=session) as tls:
            tls.sendall(REQUEST)
            answer = b""
            while piece := tls.recv(16384):
                answer += piece
            session = tls.session
            report = {"tls_version": tls.version(), "resumed": tls.session_reused, "asked": None}
        print(json.dumps(report))
        print(answer.partition(b"\r\n\r\n")[2].decode())


parser = argparse.ArgumentParser()
for name in "--cert", "--key", "--client-ca", "--ask", "--connect", "--ca":
    parser.add_argument(name)
parser.add_argument("--count", type=int, default=1)
for name in "--server", "--tls12", "--retry":
    parser.add_argument(name, action="store_true")
arguments = parser.parse_args()
if arguments.server:
    serve(arguments)
else:
    connect(arguments)
