#!/usr/bin/python3
"""A server of Python's, which knows nothing of offers. It answers each request with a line of JSON."""
import argparse
import json
import socketserver
import ssl

parser = argparse.ArgumentParser()
parser.add_argument("--cert", required=True)
parser.add_argument("--key", required=True)
parser.add_argument("--ca", required=True)
parser.add_argument("--verify", choices=["none", "optional", "required"], default="optional")
parser.add_argument("--method", choices=["server", "both"], default="server")
parser.add_argument("--tls12", action="store_true")
parser.add_argument("--post-handshake", action="store_true")
parser.add_argument("--other", nargs=2, metavar=("NAME", "CA"), help="another context for a name")
options = parser.parse_args()

METHODS = {"server": ssl.PROTOCOL_TLS_SERVER, "both": ssl.PROTOCOL_TLS}
VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def context_with(authorities):
    context = ssl.SSLContext(METHODS[options.method])
    context.load_cert_chain(options.cert, options.key)
    context.load_verify_locations(authorities)
    context.verify_mode = VERIFY[options.verify]
    context.post_handshake_auth = options.post_handshake
    if options.tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def subject_of(certificate):
    names = [value for part in certificate["subject"] for _, value in part] if certificate else []
    return names[0] if names else None


class Handler(socketserver.StreamRequestHandler):
    def setup(self):
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self):
        stay = True
        while stay and self.rfile.readline(1000).strip():
            while header := self.rfile.readline(1000).strip():
                stay = stay and header.lower() != b"connection: close"
            answer = {
                "subject": subject_of(self.request.getpeercert()),
                "resumed": self.request.session_reused,
                "version": self.request.version(),
            }
            body = (json.dumps(answer) + "\n").encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def finish(self):
        super().finish()
        self.request.unwrap()  # close_notify


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # of a client; what counts is that the server goes on


with Server(("127.0.0.1", 0), Handler) as server:
    server.context = context_with(options.ca)
    if options.other:
        other = context_with(options.other[1])

        def on_server_name(connection, name, _context):
            if name == options.other[0]:
                connection.context = other

        server.context.sni_callback = on_server_name
    print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()
