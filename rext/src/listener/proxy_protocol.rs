//! Reads the PROXY protocol, versions 1 and 2, with which a load balancer tells a server the address
//! of its client (HAProxy's `proxy-protocol.txt`).

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ppp::v2::AddressFamily;
use ppp::{v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::network::Network;
use crc32c::{CRC32C_LENGTH, checksum};

mod crc32c;
pub(crate) use crc32c::checksum as crc32c;

/// The longest header of version 1, in bytes, with the end of its line (section 2.1).
const V1_LONGEST: usize = 107;
/// The shortest header of version 1, in bytes: `PROXY UNKNOWN` and the end of its line.
const V1_SHORTEST: usize = 15;
/// The first bytes of a header of version 1.
const V1_START: &[u8] = b"PROXY ";
/// The fixed part of a header of version 2, in bytes (section 2.2).
const V2_FIXED: usize = 16;
/// The longest rest of a header of version 2 that is read, in bytes: addresses need 36 bytes, and
/// load balancers add a few hundred bytes.
const V2_LONGEST_REST: usize = 4096;
/// The type of the TLV with the checksum (section 2.2.3).
const CRC32C: u8 = v2::Type::CRC32C as u8;

/// From which addresses a server requires the PROXY protocol.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxySources {
    networks: Vec<Network>,
    timeout: Duration,
}

/// The addresses in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxiedAddresses {
    /// The address of the client of the load balancer.
    pub(crate) client: SocketAddr,
    /// The address that the client connected to.
    pub(crate) destination: SocketAddr,
}

impl ProxySources {
    /// Requires a header on connections from these networks, within this time.
    pub(crate) fn new(networks: &[Network], timeout: Duration) -> Self {
        Self { networks: networks.to_vec(), timeout }
    }

    /// Returns true if connections from this address must begin with a header.
    pub(crate) fn contains(&self, addr: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(addr))
    }

    /// Reads the header at the beginning of a connection, and no byte after it.
    ///
    /// Returns `None` if the connection is the load balancer's own (`LOCAL`, for example a health
    /// check), or if it does not know an IP address of its client (`UNKNOWN`, `UNSPEC`, a Unix
    /// domain socket): then the socket's address counts.
    ///
    /// # Errors
    /// If there is no well-formed header, or not in time. The connection must then be closed.
    pub(crate) async fn read(
        &self,
        tcp: &mut TcpStream,
    ) -> Result<Option<ProxiedAddresses>, HeaderError> {
        let header = timeout(self.timeout, read_header(tcp)).await;
        parse(&header.map_err(|_| HeaderError::Timeout(self.timeout))??)
    }
}

/// Why a header is refused.
#[derive(Debug)]
pub(crate) enum HeaderError {
    /// The connection failed.
    Io(io::Error),
    /// The connection was closed before it began.
    Probe,
    /// The connection was closed within the header.
    Closed,
    /// The header did not arrive in this time.
    Timeout(Duration),
    /// The connection begins with something else.
    Missing,
    /// It is longer than the limit, in bytes.
    TooLong(usize),
    /// It is for another transport than TCP.
    NotTcp,
    /// A header of version 1 is malformed.
    V1(v1::BinaryParseError),
    /// A header of version 2 is malformed.
    V2(v2::ParseError),
    /// Its checksum is wrong.
    Checksum,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("connection failed"),
            Self::Probe => f.write_str("the connection was closed before it began"),
            Self::Closed => f.write_str("the connection was closed within the PROXY header"),
            Self::Timeout(time) => write!(f, "no complete PROXY header within {time:?}"),
            Self::Missing => f.write_str(
                "the connection does not begin with a PROXY header, which --proxy-protocol-from \
                 requires from this address",
            ),
            Self::TooLong(limit) => write!(f, "the PROXY header is longer than {limit} bytes"),
            Self::NotTcp => f.write_str("the PROXY header is for another transport than TCP"),
            Self::V1(_) | Self::V2(_) => f.write_str("the PROXY header is malformed"),
            Self::Checksum => f.write_str("the checksum of the PROXY header is wrong"),
        }
    }
}

impl Error for HeaderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(err) => Some(err),
            Self::V1(err) => Some(err),
            Self::V2(err) => Some(err),
            _ => None,
        }
    }
}

impl From<io::Error> for HeaderError {
    fn from(err: io::Error) -> Self {
        Self::Io(err)
    }
}

/// Reads exactly one header.
async fn read_header(tcp: &mut TcpStream) -> Result<Vec<u8>, HeaderError> {
    let mut header = Vec::with_capacity(V1_LONGEST);
    loop {
        let missing = match missing(&header)? {
            Missing::Nothing => return Ok(header),
            Missing::Bytes(missing) => missing,
            Missing::Line(most) => {
                // All bytes up to the end of the line belong to the header.
                let mut next = [0; V1_LONGEST];
                let next = next.get_mut(..most).unwrap_or_default();
                let arrived = tcp.peek(next).await?;
                let end = next.iter().take(arrived).position(|byte| *byte == b'\n');
                end.map_or(arrived, |end| end + 1)
            }
        };
        // Reads no further than the header.
        let limit = u64::try_from(missing).unwrap_or(u64::MAX);
        match (&mut *tcp).take(limit).read_buf(&mut header).await {
            Ok(0) if header.is_empty() => return Err(HeaderError::Probe),
            Ok(0) => return Err(HeaderError::Closed),
            Err(_) if header.is_empty() => return Err(HeaderError::Probe),
            read => read?,
        };
    }
}

/// The part of a header that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Nothing,
    /// At least this many bytes, not 0.
    Bytes(usize),
    /// The rest of a line: at most this many bytes, not 0.
    Line(usize),
}

/// Returns which part of a header that begins with these bytes is missing.
fn missing(header: &[u8]) -> Result<Missing, HeaderError> {
    let begins = |start: &[u8]| header.iter().zip(start).all(|(a, b)| a == b);
    if begins(v2::PROTOCOL_PREFIX) && !header.is_empty() {
        let Some(&[high, low]) = header.get(V2_FIXED - 2..V2_FIXED) else {
            return Ok(Missing::Bytes(V2_FIXED - header.len()));
        };
        let rest = usize::from(u16::from_be_bytes([high, low]));
        if rest > V2_LONGEST_REST {
            return Err(HeaderError::TooLong(V2_FIXED + V2_LONGEST_REST));
        }
        return Ok(match (V2_FIXED + rest).saturating_sub(header.len()) {
            0 => Missing::Nothing,
            bytes => Missing::Bytes(bytes),
        });
    }
    if !begins(V1_START) {
        return Err(HeaderError::Missing);
    }
    match header.len() {
        // The shortest header of both versions.
        short @ ..V1_SHORTEST if !header.ends_with(b"\n") => {
            Ok(Missing::Bytes(V1_SHORTEST - short))
        }
        _ if header.ends_with(b"\n") => Ok(Missing::Nothing),
        V1_LONGEST.. => Err(HeaderError::TooLong(V1_LONGEST)),
        read => Ok(Missing::Line(V1_LONGEST - read)),
    }
}

/// Returns the addresses in a complete header.
fn parse(header: &[u8]) -> Result<Option<ProxiedAddresses>, HeaderError> {
    if header.starts_with(V1_START) { parse_v1(header) } else { parse_v2(header) }
}

fn parse_v1(header: &[u8]) -> Result<Option<ProxiedAddresses>, HeaderError> {
    // All that follows UNKNOWN is ignored (section 2.1).
    let unknown = header.strip_prefix(b"PROXY UNKNOWN");
    if unknown.is_some_and(|rest| rest.starts_with(b" ") || rest == b"\r\n")
        && header.ends_with(b"\r\n")
    {
        return Ok(None);
    }
    let parsed = v1::Header::try_from(header).map_err(HeaderError::V1)?;
    Ok(match parsed.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(ip) => addresses(
            (ip.source_address, ip.source_port),
            (ip.destination_address, ip.destination_port),
        ),
        v1::Addresses::Tcp6(ip) => addresses(
            (ip.source_address, ip.source_port),
            (ip.destination_address, ip.destination_port),
        ),
    })
}

fn parse_v2(header: &[u8]) -> Result<Option<ProxiedAddresses>, HeaderError> {
    // Version 2 and the command LOCAL: all that follows is ignored (section 2.2).
    if header.get(v2::PROTOCOL_PREFIX.len()) == Some(&0x20) {
        return Ok(None);
    }
    let parsed = v2::Header::try_from(header).map_err(HeaderError::V2)?;
    if parsed.address_family() == AddressFamily::Unspecified {
        return Ok(None);
    }
    if parsed.protocol != v2::Protocol::Stream {
        return Err(HeaderError::NotTcp);
    }
    let mut at = V2_FIXED + parsed.address_bytes().len();
    for tlv in parsed.tlvs() {
        let tlv = tlv.map_err(HeaderError::V2)?;
        at += 3;
        if tlv.kind == CRC32C && !has_checksum(header, at, &tlv.value) {
            return Err(HeaderError::Checksum);
        }
        at += tlv.len();
    }
    Ok(match parsed.addresses {
        v2::Addresses::IPv4(ip) => addresses(
            (ip.source_address, ip.source_port),
            (ip.destination_address, ip.destination_port),
        ),
        v2::Addresses::IPv6(ip) => addresses(
            (ip.source_address, ip.source_port),
            (ip.destination_address, ip.destination_port),
        ),
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
    })
}

/// Returns true if `value`, which is in the header at `at`, is the checksum of the header (section
/// 2.2.3).
fn has_checksum(header: &[u8], at: usize, value: &[u8]) -> bool {
    let mut zeroed = header.to_vec();
    match zeroed.get_mut(at..at + value.len()) {
        Some(field) if value.len() == CRC32C_LENGTH => field.fill(0),
        _ => return false,
    }
    checksum(&zeroed).to_be_bytes() == value
}

fn addresses(
    client: impl Into<SocketAddr>,
    destination: impl Into<SocketAddr>,
) -> Option<ProxiedAddresses> {
    Some(ProxiedAddresses { client: client.into(), destination: destination.into() })
}

#[cfg(test)]
mod tests;
