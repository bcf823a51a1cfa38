use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Version, header};
use rustls::pki_types::DnsName;

/// The host that a request is for, in the form of a TLS client's server name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Host {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// In lower case and without a final dot.
    Dns(String),
    Address(IpAddr),
}

impl Host {
    /// Returns the host of a request. If the request names the host in several places, they must
    /// agree.
    ///
    /// HTTP/2 and HTTP/3 have the host in `:authority`, and may also have it in `Host`. HTTP/1.1
    /// has it in `Host`, and may also have it in its target. Programs that read one of these must
    /// not see another host than programs that read the other (RFC 9113 section 8.3.1, RFC 9112
    /// section 3.2.2).
    ///
    /// Only HTTP/1.0 allows a request without a host (RFC 9112 section 3.2). Such a request is for
    /// the `server_name` of its connection, if the client sent one.
    pub(super) fn of(parts: &Parts, server_name: Option<&str>) -> Result<Self, HostProblem> {
        let target = parts.uri.authority().map(|a| Self::parse(a.as_str())).transpose()?;
        let mut lines = parts.headers.get_all(header::HOST).into_iter();
        let own = server_name.filter(|_| parts.version == Version::HTTP_10);
        let line = lines.next().map(HeaderValue::to_str).transpose();
        let line = line.map_err(|_| HostProblem::Malformed)?.map(Self::parse).transpose()?;
        if lines.next().is_some() {
            return Err(HostProblem::Repeated);
        }
        match (target, line) {
            (Some(target), Some(line)) if !target.is(&line) => Err(HostProblem::Contradictory),
            (Some(host), _) | (None, Some(host)) => Ok(host),
            (None, None) => {
                let name = own.ok_or(HostProblem::Missing)?.to_owned();
                Ok(Self { name: Name::Dns(name), port: None })
            }
        }
    }

    fn parse(text: &str) -> Result<Self, HostProblem> {
        let bad = || HostProblem::Malformed;
        if text.is_empty() {
            return Err(HostProblem::Missing);
        }
        let authority: Authority = text.parse().map_err(|_| bad())?;
        let written = authority.host();
        // User information before the host is not allowed here (RFC 9110 section 4.2.4).
        let rest = text.strip_prefix(written).ok_or_else(bad)?;
        let port = match rest.strip_prefix(':') {
            // The port after the colon may be empty (RFC 3986 section 3.2.3).
            Some("") => None,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| bad())?)
            }
            None if rest.is_empty() => None,
            _ => return Err(bad()),
        };
        let bracketed = written.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
        let name = match (bracketed, written.parse::<Ipv4Addr>()) {
            (Some(address), _) => {
                let address = address.and_then(|address| address.parse::<Ipv6Addr>().ok());
                Name::Address(address.ok_or_else(bad)?.into())
            }
            (None, Ok(address)) => Name::Address(address.into()),
            (None, Err(_)) => {
                let name = written.strip_suffix('.').unwrap_or(written);
                // A second dot would be accepted here.
                let name = if name.ends_with('.') {
                    return Err(bad());
                } else {
                    DnsName::try_from(name).map_err(|_| bad())?
                };
                Name::Dns(name.to_lowercase_owned().as_ref().to_owned())
            }
        };
        Ok(Self { name, port })
    }

    /// The server name that a client sends for this host: none for an address (RFC 6066 section 3).
    pub(super) fn name(&self) -> Option<&str> {
        match &self.name {
            Name::Dns(name) => Some(name),
            Name::Address(_) => None,
        }
    }

    fn is(&self, other: &Self) -> bool {
        const HTTPS: u16 = 443;
        self.name == other.name && self.port.unwrap_or(HTTPS) == other.port.unwrap_or(HTTPS)
    }
}

/// Why the host of a request cannot be determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostProblem {
    /// The request names no host.
    Missing,
    /// It has more than one `Host` line.
    Repeated,
    /// The host is neither a DNS name nor an address, each with or without a port.
    Malformed,
    /// Its target and its `Host` field name different hosts.
    Contradictory,
}

impl fmt::Display for HostProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the request has no host",
            Self::Repeated => "the request has more than one Host field line",
            Self::Malformed => "the request's host is neither a DNS name nor an address",
            Self::Contradictory => "the request's target and its Host field name different hosts",
        })
    }
}
