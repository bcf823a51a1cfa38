"""Computes authenticators.json again, from RFC 9261 and Python's own hash and HMAC.

Run it with Python 3; it prints how many cases agree, or fails.
"""

import hashlib
import hmac
import json
import pathlib


def digest(name, *parts):
    return hashlib.new(name, b"".join(parts)).digest()


def message(data):
    """The first handshake message of data, with its header, and the rest."""
    end = 4 + int.from_bytes(data[1:4], "big")
    return data[:end], data[end:]


def finished(name, key, *transcript):
    mac = hmac.new(key, digest(name, *transcript), name).digest()
    return bytes([20, 0, 0, len(mac)]) + mac


def empty(name, key, handshake_context, request, context):
    body = bytes([len(context)]) + context + bytes(3)
    certificate = b"\x0b" + len(body).to_bytes(3, "big") + body
    return finished(name, key, handshake_context, request, certificate)


# From another implementation. Its requests have no handshake header.
fizz = b"12345678901234567890123456789012"
request = bytes.fromhex("14303132333435363738396162636465666768696a0008000d000400020403")
tag = "11fae4bcdf4673b6dfb276d886c4cd1c5b0920da961643f062d1d4a6062115b1"
assert empty("sha256", fizz, fizz, request, b"0123456789abcdefghij")[4:].hex() == tag

cases = json.loads(pathlib.Path(__file__).with_name("authenticators.json").read_text())["cases"]
count = 0
for case in cases:
    if case["kind"] != "authenticator":
        continue
    fields = ["handshake_context", "finished_key", "request", "authenticator"]
    handshake_context, key, request, authenticator = (bytes.fromhex(case[f]) for f in fields)
    name = case["hash"].replace("-", "")
    if authenticator[0] == 20:
        context = request[5 : 5 + request[4]] if request else b""
        agrees = authenticator == empty(name, key, handshake_context, request, context)
    else:
        certificate, rest = message(authenticator)
        verify, last = message(rest)
        agrees = last == finished(name, key, handshake_context, request, certificate, verify)
        signed = b"\x20" * 64 + b"Exported Authenticator\0"
        signed += digest(name, handshake_context, request, certificate)
        assert case.get("signed_message", signed.hex()) == signed.hex(), case["name"]
        if "result" in case:
            assert verify[8:] == b"\x5a" * 64, case["name"]
            assert int.from_bytes(verify[4:6], "big") == case["scheme"], case["name"]
    if "result" in case or case["broken_rule"] == "EA-9":
        assert agrees == ("result" in case), case["name"]
        assert ("signed_message" in case) == (case.get("result") == "possession"), case["name"]
        count += 1
print(f"{count} cases agree")
