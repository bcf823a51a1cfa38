//! Writes the PROXY protocol, with which the router tells a backend the address of its client
//! (HAProxy's `proxy-protocol.txt`).

use std::io;
use std::net::{IpAddr, SocketAddr};

use clap::ValueEnum;
use ppp::v1;
use ppp::v2::{Builder, Command, Protocol, Type};

use crate::listener::proxy_protocol::crc32c;

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProxyVersion {
    /// A line of text with the addresses only
    V1,
    /// The binary version, with further properties of the connection
    V2,
}

/// What a backend learns about a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proxied<'a> {
    /// The address of the client.
    pub(super) client: SocketAddr,
    /// The address that the client connected to.
    pub(super) destination: SocketAddr,
    /// The server name in its ClientHello.
    pub(super) server_name: Option<&'a [u8]>,
    /// The application protocol, if its ClientHello leaves no choice.
    pub(super) alpn: Option<&'a [u8]>,
    /// An id that no other connection has.
    pub(super) id: &'a str,
}

impl Proxied<'_> {
    /// Returns the header of this version.
    ///
    /// Version 2 has these TLVs (section 2.2): the server name (`PP2_TYPE_AUTHORITY`), the protocol
    /// (`PP2_TYPE_ALPN`), the id (`PP2_TYPE_UNIQUE_ID`) and a checksum (`PP2_TYPE_CRC32C`). There is
    /// no `PP2_TYPE_SSL`, since the router does not end the TLS connection: only the backend learns
    /// about its version, its cipher suite and the client's certificate.
    pub(super) fn header(&self, version: ProxyVersion) -> io::Result<Vec<u8>> {
        let addresses = of_one_family(self.client, self.destination);
        match version {
            ProxyVersion::V1 => Ok(v1::Addresses::from(addresses).to_string().into_bytes()),
            ProxyVersion::V2 => self.v2(addresses),
        }
    }

    fn v2(&self, addresses: (SocketAddr, SocketAddr)) -> io::Result<Vec<u8>> {
        let command = ppp::v2::Version::Two | Command::Proxy;
        let mut header = Builder::with_addresses(command, Protocol::Stream, addresses);
        let tlvs = [(Type::Authority, self.server_name), (Type::ALPN, self.alpn)];
        for (kind, value) in tlvs {
            if let Some(value) = value {
                header = header.write_tlv(kind, value)?;
            }
        }
        header = header.write_tlv(Type::UniqueId, self.id.as_bytes())?;
        // The checksum is the last field, and zero while it is computed.
        const ZERO: [u8; 4] = [0; 4];
        let mut header = header.write_tlv(Type::CRC32C, &ZERO)?.build()?;
        let checksum = crc32c(&header);
        header.truncate(header.len().saturating_sub(ZERO.len()));
        header.extend(checksum.to_be_bytes());
        Ok(header)
    }
}

/// Returns both addresses as IPv4 ones if they are, mapped or not; otherwise both as IPv6 ones.
fn of_one_family(client: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let with_ip = |addr: SocketAddr, ip: IpAddr| SocketAddr::new(ip, addr.port());
    match (client.ip().to_canonical(), destination.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V6(to)) => {
            (with_ip(client, from.to_ipv6_mapped().into()), with_ip(destination, to.into()))
        }
        (IpAddr::V6(from), IpAddr::V4(to)) => {
            (with_ip(client, from.into()), with_ip(destination, to.to_ipv6_mapped().into()))
        }
        (from, to) => (with_ip(client, from), with_ip(destination, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied<'a>(client: &str, destination: &str) -> Proxied<'a> {
        let addr = |text: &str| text.parse().unwrap();
        let (client, destination) = (addr(client), addr(destination));
        Proxied { client, destination, server_name: None, alpn: None, id: "7" }
    }

    const START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

    /// The last two TLVs: the id, and the checksum of the header.
    fn end(header: &[u8]) -> Vec<u8> {
        let mut zeroed = header.to_vec();
        let at = header.len() - 4;
        zeroed[at..].fill(0);
        [&[5, 0, 1, b'7', 3, 0, 4][..], &crc32c(&zeroed).to_be_bytes()].concat()
    }

    #[test]
    fn a_header_of_version_2_has_the_addresses_of_client_and_router() {
        let header = |client: &str, destination: &str| {
            let header = proxied(client, destination).header(ProxyVersion::V2).unwrap();
            header.strip_suffix(&*end(&header)).unwrap().to_vec()
        };
        let v4 = [START, &[0x21, 0x11, 0, 23, 192, 0, 2, 1, 127, 0, 0, 1, 1, 0, 1, 187]].concat();
        assert_eq!(header("192.0.2.1:256", "127.0.0.1:443"), v4);
        assert_eq!(header("[::ffff:192.0.2.1]:256", "[::ffff:127.0.0.1]:443"), v4);
        let one = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let v6 = [START, &[0x21, 0x21, 0, 47], &one, &one, &[1, 0, 1, 187]].concat();
        assert_eq!(header("[::1]:256", "[::1]:443"), v6);
        // Of two families: the client's address is not lost.
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1];
        let mixed = [START, &[0x21, 0x21, 0, 47], &one, &mapped, &[1, 0, 1, 187]].concat();
        assert_eq!(header("[::1]:256", "127.0.0.1:443"), mixed);
    }

    #[test]
    fn a_header_of_version_2_has_the_server_name_and_the_protocol() {
        let proxied = Proxied {
            server_name: Some(b"localhost"),
            alpn: Some(b"h2"),
            ..proxied("192.0.2.1:256", "127.0.0.1:443")
        };
        let header = proxied.header(ProxyVersion::V2).unwrap();
        let tlvs = [&[2, 0, 9][..], b"localhost", &[1, 0, 2], b"h2", &end(&header)].concat();
        assert_eq!(header[14..16], (12 + tlvs.len() as u16).to_be_bytes());
        assert_eq!(header[28..], tlvs);
    }

    #[test]
    fn a_header_of_version_1_is_a_line_with_the_addresses() {
        for (client, destination, line) in [
            ("192.0.2.1:256", "127.0.0.1:443", "PROXY TCP4 192.0.2.1 127.0.0.1 256 443\r\n"),
            (
                "[::ffff:192.0.2.1]:256",
                "[::ffff:127.0.0.1]:443",
                "PROXY TCP4 192.0.2.1 127.0.0.1 256 443\r\n",
            ),
            ("[2001:db8::1]:256", "[::1]:443", "PROXY TCP6 2001:db8::1 ::1 256 443\r\n"),
            ("[::1]:256", "127.0.0.1:443", "PROXY TCP6 ::1 ::ffff:127.0.0.1 256 443\r\n"),
        ] {
            let header = proxied(client, destination).header(ProxyVersion::V1).unwrap();
            assert_eq!(String::from_utf8(header).unwrap(), line);
        }
    }
}
