use std::fmt;

/// A protocol that a client speaks instead of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// HTTP without TLS, of version 1 or 2.
    Http,
    /// The PROXY protocol, version 1 or 2, with which a load balancer tells a server the address of
    /// its client.
    ProxyProtocol,
}

impl OtherProtocol {
    /// Returns the protocol of a connection that begins with these bytes, if it is a known one.
    ///
    /// Five bytes are enough.
    pub fn of(first: &[u8]) -> Option<Self> {
        // TLS also needs five bytes to refuse a record, and all of these differ in their first
        // five.
        const KNOWN: [(&[u8], OtherProtocol); 12] = [
            (b"PROXY ", OtherProtocol::ProxyProtocol),
            (b"\r\n\r\n\0\r\nQUIT\n", OtherProtocol::ProxyProtocol),
            (b"PRI * HTTP", OtherProtocol::Http),
            (b"GET ", OtherProtocol::Http),
            (b"HEAD ", OtherProtocol::Http),
            (b"POST ", OtherProtocol::Http),
            (b"PUT ", OtherProtocol::Http),
            (b"DELETE ", OtherProtocol::Http),
            (b"CONNECT ", OtherProtocol::Http),
            (b"OPTIONS ", OtherProtocol::Http),
            (b"TRACE ", OtherProtocol::Http),
            (b"PATCH ", OtherProtocol::Http),
        ];
        let begins =
            |known: &[u8]| first.len() >= 5 && first.iter().zip(known).all(|(a, b)| a == b);
        KNOWN.iter().find(|(known, _)| begins(known)).map(|(_, protocol)| *protocol)
    }
}

impl fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => {
                "the client sent an HTTP request without TLS; its URL must begin with https"
            }
            Self::ProxyProtocol => {
                "the connection begins with the PROXY protocol, which this server does not read; \
                 switch it off at the load balancer"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_the_proxy_protocol_are_told_from_the_first_bytes() {
        for (first, expected) in [
            (&b"GET / HTTP/1."[..], Some(OtherProtocol::Http)),
            (b"GET /", Some(OtherProtocol::Http)),
            (b"OPTIO", Some(OtherProtocol::Http)),
            (b"PRI * HTTP/2", Some(OtherProtocol::Http)),
            (b"PROXY TCP4 19", Some(OtherProtocol::ProxyProtocol)),
            (b"\r\n\r\n\0\r\nQUIT\n\x21", Some(OtherProtocol::ProxyProtocol)),
            (b"GET", None),
            (b"GETS /", None),
            (b"SSH-2.0-x", None),
            (b"\x16\x03\x01\x02\x00", None),
            (b"\r\n\r\nGET / ", None),
            (b"", None),
        ] {
            assert_eq!(OtherProtocol::of(first), expected, "{first:?}");
        }
    }
}
