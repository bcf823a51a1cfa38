"""A client of HTTP/2 by the library h2: prints its events, one a line."""

import socket
import sys

import h2.config
import h2.connection
import h2.events

port, announces = int(sys.argv[1]), sys.argv[2:] == ["announces"]
client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
client.initiate_connection()
start = client.data_to_send()
if announces:
    # The library cannot send settings above 255: add an entry to the first SETTINGS.
    preface, settings = start[:24], start[24:]
    start = preface + bytes([0, 0, settings[2] + 6]) + settings[3:] + bytes([0xFF, 0x10, 0, 0, 0, 1])
stream = socket.create_connection(("127.0.0.1", port))
stream.sendall(start)
target = [(":method", "POST"), (":authority", "a"), (":scheme", "http"), (":path", "/")]
body = bytes(range(250)) * 400
left = dict.fromkeys((1, 3, 5), body)
received = dict.fromkeys(left, b"")
for number in left:
    client.send_headers(number, target)
client.ping(b"pingpong")


def send():
    for number in left:
        while left[number]:
            window = client.local_flow_control_window(number)
            length = min(len(left[number]), window, client.max_outbound_frame_size)
            if length == 0:
                break
            end = length == len(left[number])
            client.send_data(number, left[number][:length], end_stream=end)
            left[number] = left[number][length:]
    stream.sendall(client.data_to_send())


send()
if announces:
    stream.sendall(bytes([0, 0, 11, 0xF1, 0, 0, 0, 0, 0]) + b"certificate")
open_streams = len(left)
while open_streams:
    octets = stream.recv(65536)
    if not octets:
        sys.exit("the server closed the connection")
    for event in client.receive_data(octets):
        name = type(event).__name__
        if isinstance(event, h2.events.RemoteSettingsChanged):
            changes = event.changed_settings.values()
            print(name, sorted((int(c.setting), c.new_value) for c in changes))
        elif isinstance(event, h2.events.UnknownFrameReceived):
            print(name, event.frame.type, event.frame.stream_id, event.frame.body.hex())
        elif isinstance(event, h2.events.ResponseReceived):
            headers = [header for header in event.headers if header[0] not in (b"date", "date")]
            print(name, event.stream_id, headers)
        elif isinstance(event, h2.events.DataReceived):
            received[event.stream_id] += event.data
            client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            print(name, event.stream_id, received[event.stream_id] == body)
            open_streams -= 1
        elif isinstance(event, h2.events.WindowUpdated):
            pass
        else:
            print(name)
    send()
client.close_connection()
stream.sendall(client.data_to_send())
while octets := stream.recv(65536):
    for event in client.receive_data(octets):
        print(type(event).__name__)
