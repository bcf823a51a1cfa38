"""A client of HTTP/2 by the library h2, over TLS: runs one case, and prints its outcome as JSON."""

import json
import socket
import ssl
import struct
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

port, case = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile="server-ca.pem")
context.set_alpn_protocols(["h2"])
tcp = socket.create_connection(("127.0.0.1", port), timeout=20)
stream = context.wrap_socket(tcp, server_hostname="localhost")
# Checks of what this client sends would refuse some cases.
client = h2.connection.H2Connection(
    h2.config.H2Configuration(
        client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False
    )
)
settings = h2.settings.SettingCodes
if case == "small_window":
    first = {settings.INITIAL_WINDOW_SIZE: 0}
    client.local_settings = h2.settings.Settings(client=True, initial_values=first)
client.initiate_connection()


def head(method, *more):
    pseudo = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", "/" + case)]
    return pseudo + list(more)


def flush():
    stream.sendall(client.data_to_send())


def finish(outcome):
    print(json.dumps(outcome))
    sys.exit()


status, body, end = None, b"", None


def read():
    """Handles what arrives next."""
    global status, body, end
    try:
        octets = stream.recv(65536)
    except OSError:
        octets = b""
    if not octets:
        finish({"goaway": None})
    for event in client.receive_data(octets):
        if isinstance(event, h2.events.ResponseReceived):
            status = {bytes(k) if isinstance(k, bytes) else k.encode(): v for k, v in event.headers}[b":status"]
            status = status.decode() if isinstance(status, bytes) else status
        elif isinstance(event, h2.events.DataReceived):
            body += event.data
            if case != "small_window":
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            end = "whole"
        elif isinstance(event, h2.events.StreamReset):
            end = f"reset {int(event.error_code)}"
        elif isinstance(event, h2.events.ConnectionTerminated) and event.error_code:
            finish({"goaway": int(event.error_code)})
        yield event


def frame(kind, flags, number, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", number) + payload


def expect_goaway():
    """Reads raw frames until the end, since the library stops at errors of its own side."""
    buffer, codes = b"", []
    while True:
        while len(buffer) >= 9:
            length = struct.unpack(">I", b"\0" + buffer[:3])[0]
            if len(buffer) < 9 + length:
                break
            kind, payload, buffer = buffer[3], buffer[9 : 9 + length], buffer[9 + length :]
            if kind == 7:
                codes.append(struct.unpack(">I", payload[4:8])[0])
        try:
            octets = stream.recv(65536)
        except OSError:
            octets = b""
        if not octets:
            finish({"goaway": codes})
        buffer += octets


if case == "cookies":
    cookies = [("cookie", "sid=1"), ("cookie", "csrf=2"), ("cookie", "theme=3")]
    client.send_headers(1, head("GET", *cookies), end_stream=True)
elif case == "get_body":
    client.send_headers(1, head("GET"))
    client.send_data(1, b'{"query":1}', end_stream=True)
elif case == "trailers":
    client.send_headers(1, head("POST", ("te", "trailers"), ("trailer", "x-sum")))
    client.send_data(1, b"body")
    client.send_headers(1, [("x-sum", "7")], end_stream=True)
elif case == "padded":
    client.send_headers(1, head("POST", ("content-length", "4")), priority_weight=256, priority_exclusive=True)
    client.send_data(1, b"body", end_stream=True, pad_length=255)
elif case == "dripped":
    client.send_headers(1, head("POST", ("content-length", "10")))
    flush()
    for digit in range(10):
        client.send_data(1, str(digit).encode(), end_stream=digit == 9)
        client.ping(b"pingpong")
        client.update_settings({settings.MAX_CONCURRENT_STREAMS: digit + 1})
        flush()
elif case == "settings":
    # Tables and windows shrink and grow while a request is open.
    client.send_headers(1, head("GET"), end_stream=True)
    for size in (0, 4096, 1, 65536):
        client.update_settings({settings.HEADER_TABLE_SIZE: size, settings.MAX_FRAME_SIZE: 16384 + size})
    flush()
elif case == "small_window":
    client.send_headers(1, head("GET"), end_stream=True)
    flush()
    while status is None:
        for _ in read():
            pass
        flush()
    assert body == b"", body
    # A settings change opens the window of an open stream.
    client.update_settings({settings.INITIAL_WINDOW_SIZE: 1})
    flush()
    while len(body) < 1:
        for _ in read():
            pass
        flush()
    assert body == b"o", body
    client.increment_flow_control_window(1, 1)
elif case == "rapid_reset":
    try:
        for number in range(1, 6001, 2):
            client.send_headers(number, head("GET"), end_stream=True)
            client.reset_stream(number)
            if number % 100 == 1:
                flush()
        flush()
    except OSError:
        pass
    expect_goaway()
elif case == "window_overflow":
    flush()
    stream.sendall(frame(8, 0, 0, struct.pack(">I", 0x7FFFFFFF)))
    expect_goaway()
elif case == "initial_window":
    flush()
    stream.sendall(frame(4, 0, 0, struct.pack(">HI", 4, 0x80000000)))
    expect_goaway()
flush()
while end is None:
    for _ in read():
        pass
    flush()
finish({"status": status, "body": body.decode(), "end": end})
