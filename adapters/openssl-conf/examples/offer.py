#!/usr/bin/python3
"""Makes an ssl.SSLContext of Python's offer to authenticate, without OpenSSL's configuration.

    context = ssl.create_default_context()
    context.load_cert_chain("agent.pem", "agent.key")
    offer.enable(context, "/usr/local/lib/librext_openssl.so")

Python has no function that returns the SSL_CTX of a context. It is the first field after the head of
the object, as in CPython 3.6 to 3.13, but nothing promises that it stays there. So enable() checks
that the field points to an SSL_CTX of the OpenSSL that librext_openssl.so uses, with the options of
this context, and raises OfferError if not. Where you can, use the configuration module instead: it
depends on nothing of Python's.

As a program: offer.py LIBRARY URL CA CERT KEY prints the body of the response.
"""
import ctypes
import os
import ssl
import sys
import urllib.request

FLAG, CARE = 1, 2


class OfferError(Exception):
    """The context cannot be made to offer."""


class _Config(ctypes.Structure):
    """rext_ossl_client_config"""

    _fields_ = [
        ("offer", ctypes.c_int32),
        ("origins", ctypes.c_void_p),
        ("origin_count", ctypes.c_size_t),
        ("numbers", ctypes.c_void_p),
        ("certificate_under_tls12", ctypes.c_int),
        ("resume_unauthenticated", ctypes.c_int),
        ("certificate", ctypes.c_void_p),
        ("offers", ctypes.c_void_p),
        ("argument", ctypes.c_void_p),
    ]


def _readable(address, length):
    """Whether memory can be read there; a wrong pointer must not end the process."""
    try:
        memory = os.open("/proc/self/mem", os.O_RDONLY)
    except OSError as error:
        raise OfferError("cannot check the context: %s" % error) from error
    try:
        return address % 8 == 0 and len(os.pread(memory, length, address)) == length
    except (OSError, OverflowError):
        return False
    finally:
        os.close(memory)


def _pointer(library, context):
    """The SSL_CTX of a context."""
    if sys.implementation.name != "cpython" or not isinstance(context, ssl.SSLContext):
        raise OfferError("not an ssl.SSLContext of CPython: %r" % context)
    field = id(context) + object.__basicsize__
    pointer = ctypes.c_void_p.from_address(field).value
    # Only the start of it, but more than this code looks at.
    if not pointer or not _readable(pointer, 512):
        raise OfferError("the SSL_CTX is not where it was in Python 3.6 to 3.13")
    method, options = library.SSL_CTX_get_ssl_method, library.SSL_CTX_get_options
    for function in method, library.TLS_client_method, library.TLS_method:
        function.restype = ctypes.c_void_p
    method.argtypes = options.argtypes = [ctypes.c_void_p]
    options.restype = ctypes.c_uint64
    if method(pointer) not in (library.TLS_client_method(), library.TLS_method()):
        raise OfferError(
            "not an SSL_CTX for clients of the OpenSSL that the library uses (Python has %s)"
            % ssl.OPENSSL_VERSION
        )
    # Python 3.6 to 3.9 take options as unsigned long, which has the same bits.
    if options(pointer) != int(context.options) & 0xFFFFFFFFFFFFFFFF:
        raise OfferError("the SSL_CTX does not have the options of the context")
    return pointer


def _reason(library):
    """The last error in OpenSSL's queue."""
    data = ctypes.c_char_p()
    flags = ctypes.c_int()
    library.ERR_peek_last_error_all.restype = ctypes.c_ulong
    library.ERR_peek_last_error_all(None, None, None, ctypes.byref(data), ctypes.byref(flags))
    reason = (data.value or b"no reason is known").decode(errors="replace")
    library.ERR_clear_error()
    return reason


def enable(context, path, offer=FLAG):
    """Makes the connections of a context offer. Call it once, after load_cert_chain().

    path: librext_openssl.so. offer: FLAG, CARE or their sum. Raises OfferError or OSError.
    """
    library = ctypes.CDLL(path)
    pointer = _pointer(library, context)
    # Under TLS 1.2, the certificate is sent as without an offer.
    config = _Config(offer=offer, certificate_under_tls12=1)
    function = library.rext_ossl_client_hosted
    function.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Config)]
    function.restype = ctypes.c_int
    if function(pointer, ctypes.byref(config)) != 1:
        raise OfferError(_reason(library))


def main(path, url, ca, cert, key):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    enable(context, path)
    with urllib.request.urlopen(url, context=context) as response:
        sys.stdout.write(response.read().decode())


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit("usage: offer.py LIBRARY URL CA CERT KEY")
    main(*sys.argv[1:])
