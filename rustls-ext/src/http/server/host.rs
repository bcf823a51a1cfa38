use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::request::Parts;
use http::uri::Authority;
use http::{Version, header};
use rustls::pki_types::DnsName;

/// The host that a request is for, in the form of a TLS client's server name.
///
/// Names are neither copied nor checked again if that is not needed: each request has one.
#[derive(Clone, Debug)]
pub(super) enum Host {
    /// The server name of the request's connection, as for most requests.
    OfConnection,
    /// The first so many bytes of the request's target, which are in lower case.
    OfTarget(Authority, usize),
    /// Another DNS name, in lower case and without a final dot.
    Other(Arc<str>),
    /// Clients send no server name for an address (RFC 6066 section 3).
    Address,
}

impl Host {
    /// Returns the host of a request. If the request names the host in several places, they must
    /// agree. `server_name` is that of the connection, in lower case.
    ///
    /// HTTP/2 and HTTP/3 have the host in `:authority`, and may also have it in `Host`. HTTP/1.1
    /// has it in `Host`, and may also have it in its target. Programs that read one of these must
    /// not see another host than programs that read the other (RFC 9113 section 8.3.1, RFC 9112
    /// section 3.2.2).
    ///
    /// Only HTTP/1.0 allows a request without a host (RFC 9112 section 3.2). Such a request is for
    /// the `server_name` of its connection, if the client sent one.
    pub(super) fn of(parts: &Parts, server_name: Option<&str>) -> Result<Self, HostProblem> {
        let authority = parts.uri.authority();
        let target = authority.map(|target| Written::read(target.as_str(), server_name));
        let target = target.transpose()?;
        let mut lines = parts.headers.get_all(header::HOST).into_iter();
        let line = lines.next().map(|line| Written::read_field(line.as_bytes(), server_name));
        let line = line.transpose()?;
        if lines.next().is_some() {
            return Err(HostProblem::Repeated);
        }
        match (target, line) {
            (Some(target), Some(line)) if !target.is(&line) => Err(HostProblem::Contradictory),
            (Some(written), _) => Ok(written.keep(authority)),
            (None, Some(written)) => Ok(written.keep(None)),
            (None, None) if parts.version == Version::HTTP_10 && server_name.is_some() => {
                Ok(Self::OfConnection)
            }
            (None, None) => Err(HostProblem::Missing),
        }
    }

    /// The server name that a client sends for this host, in lower case and without a final dot;
    /// `None` for an address. `server_name` is that of the connection.
    pub(super) fn name<'a>(&'a self, server_name: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::OfConnection => server_name,
            Self::OfTarget(target, length) => target.as_str().get(..*length),
            Self::Other(name) => Some(name),
            Self::Address => None,
        }
    }
}

/// A host as a request writes it, with or without a port.
#[derive(Debug)]
struct Written<'a> {
    name: Name<'a>,
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Name<'a> {
    /// The server name of the connection.
    OfConnection,
    /// Another one, in lower case and without a final dot.
    Dns(Cow<'a, str>),
    Address(IpAddr),
}

impl<'a> Written<'a> {
    /// Reads a `Host` field.
    fn read_field(text: &'a [u8], server_name: Option<&str>) -> Result<Self, HostProblem> {
        Self::of_connection(text, server_name).map_or_else(
            || {
                let text = std::str::from_utf8(text).map_err(|_| HostProblem::Malformed)?;
                Self::read(text, server_name)
            },
            Ok,
        )
    }

    /// Reads the server name of the connection, with or without a port: it has been checked.
    fn of_connection(text: &[u8], server_name: Option<&str>) -> Option<Self> {
        let port = port(text.strip_prefix(server_name?.as_bytes())?).ok()?;
        Some(Self { name: Name::OfConnection, port })
    }

    /// Reads a DNS name or an address, with or without a port (RFC 3986 section 3.2). User
    /// information before it is not allowed here (RFC 9110 section 4.2.4).
    fn read(text: &'a str, server_name: Option<&str>) -> Result<Self, HostProblem> {
        if text.is_empty() {
            return Err(HostProblem::Missing);
        }
        if let Some(own) = Self::of_connection(text.as_bytes(), server_name) {
            return Ok(own);
        }
        let (name, rest) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (address, rest) = bracketed.split_once(']').ok_or(HostProblem::Malformed)?;
                let address: Ipv6Addr = address.parse().map_err(|_| HostProblem::Malformed)?;
                (Name::Address(address.into()), rest)
            }
            None => {
                let colon = text.bytes().position(|byte| byte == b':');
                let (written, rest) = text.split_at(colon.unwrap_or(text.len()));
                (Name::read(written, server_name)?, rest)
            }
        };
        Ok(Self { name, port: port(rest.as_bytes())? })
    }

    fn is(&self, other: &Self) -> bool {
        const HTTPS: u16 = 443;
        self.name == other.name && self.port.unwrap_or(HTTPS) == other.port.unwrap_or(HTTPS)
    }

    /// Keeps the name for the time of the request. `target` is the text that was read, if it is the
    /// request's target.
    fn keep(self, target: Option<&Authority>) -> Host {
        match (self.name, target) {
            (Name::OfConnection, _) => Host::OfConnection,
            (Name::Dns(Cow::Borrowed(name)), Some(target)) => {
                Host::OfTarget(target.clone(), name.len())
            }
            (Name::Dns(name), _) => Host::Other(name.into()),
            (Name::Address(_), _) => Host::Address,
        }
    }
}

/// Reads what follows a host: nothing, or a colon and a port, which may be empty (RFC 3986 section
/// 3.2.3).
fn port(rest: &[u8]) -> Result<Option<u16>, HostProblem> {
    match rest.split_first() {
        None | Some((b':', [])) => Ok(None),
        Some((b':', digits)) if digits.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(digits).ok();
            let port = digits.and_then(|digits| digits.parse().ok());
            port.map(Some).ok_or(HostProblem::Malformed)
        }
        Some(_) => Err(HostProblem::Malformed),
    }
}

impl<'a> Name<'a> {
    fn read(written: &'a str, server_name: Option<&str>) -> Result<Self, HostProblem> {
        // Each address ends with a digit.
        if written.ends_with(|end: char| end.is_ascii_digit()) {
            if let Ok(address) = written.parse::<Ipv4Addr>() {
                return Ok(Self::Address(address.into()));
            }
        }
        let name = written.strip_suffix('.').unwrap_or(written);
        // A second dot would be accepted here.
        if name.ends_with('.') || DnsName::try_from(name).is_err() {
            return Err(HostProblem::Malformed);
        }
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        Ok(if Some(&*name) == server_name { Self::OfConnection } else { Self::Dns(name) })
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

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    /// Reads a host with the parsers of the crates `http` and `rustls`, in a simple and slow way.
    fn read_simply(text: &str) -> Result<(Option<String>, Option<u16>), HostProblem> {
        let bad = || HostProblem::Malformed;
        if text.is_empty() {
            return Err(HostProblem::Missing);
        }
        let authority: Authority = text.parse().map_err(|_| bad())?;
        let written = authority.host();
        let rest = text.strip_prefix(written).ok_or_else(bad)?;
        let port = match rest.strip_prefix(':') {
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
                address.and_then(|it| it.parse::<Ipv6Addr>().ok()).ok_or_else(bad)?;
                None
            }
            (None, Ok(_)) => None,
            (None, Err(_)) => {
                let name = written.strip_suffix('.').unwrap_or(written);
                if name.ends_with('.') {
                    return Err(bad());
                }
                Some(DnsName::try_from(name).map_err(|_| bad())?.to_lowercase_owned())
            }
        };
        Ok((name.map(|name| name.as_ref().to_owned()), port))
    }

    const SERVER_NAMES: [Option<&str>; 4] = [None, Some("a.b"), Some("a"), Some("a.b.example")];

    fn check(text: &str) {
        for server_name in SERVER_NAMES {
            let read = Written::read_field(text.as_bytes(), server_name);
            assert_eq!(format!("{read:?}"), format!("{:?}", Written::read(text, server_name)));
            let read = read.map(|written| {
                let port = written.port;
                let host = written.keep(None);
                let is_own = matches!(host, Host::OfConnection);
                let name = host.name(server_name).map(str::to_owned);
                assert_eq!(is_own, name.is_some() && name.as_deref() == server_name, "{text:?}");
                (name, port)
            });
            assert_eq!(read, read_simply(text), "{text:?} on a connection to {server_name:?}");
        }
    }

    #[test]
    fn a_host_is_read_as_the_parsers_of_names_and_authorities_read_it() {
        for text in [
            "",
            ".",
            "..",
            ":",
            ":80",
            "a",
            "A.B",
            "a.b.",
            "a.b..",
            "a.b:",
            "a.b:80",
            "a.b:080",
            "a.b:65535",
            "a.b:65536",
            "a.b:+80",
            "a.b:8 0",
            "a.b:80:80",
            "a.b.:80",
            "a.b80",
            "a.bc",
            "a.b.example",
            "x@a.b",
            "@a.b",
            "a.b@",
            "a.b/",
            "a.b?",
            "a.b#",
            "a%2eb",
            "a.b%",
            "a_b",
            "-a",
            "a-",
            "1.2.3.4",
            "1.2.3.4:5",
            "1.2.3.4.",
            "1.2.3",
            "1.2.3.256",
            "a.1",
            "[::1]",
            "[::1]:8",
            "[::1]8",
            "[::1",
            "::1",
            "[::1]]",
            "[[::1]]",
            "[::ffff:1.2.3.4]:1",
            "[a]",
            "[::1%25lo]",
            "[1.2.3.4]",
            "[1:2:3:4:5:6:7::]:80",
            "\u{e4}.b",
            "a.b\u{e4}",
            "a b",
            "a.b ",
        ] {
            check(text);
        }
        check(&"a".repeat(63));
        check(&"a".repeat(64));
        check(&"a.".repeat(127));
    }

    proptest! {
        #[test]
        fn random_hosts_are_read_as_the_parsers_read_them(
            text in "[aAbB019._:@%/\\[\\]-]{0,12}",
            more in "(a|A)\\.(b|B)(\\.|\\.example)?(:[0-9]{0,6})?[a:.@]?",
        ) {
            check(&text);
            check(&more);
        }
    }

    #[test]
    fn a_name_in_lower_case_is_not_copied_from_the_target() {
        let host = |uri: &str| {
            let (parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
            let host = Host::of(&parts, Some("www.example")).unwrap();
            (host.name(Some("www.example")).map(str::to_owned), host)
        };
        let (name, kept) = host("https://app.example.:8443/");
        assert!(matches!(kept, Host::OfTarget(..)), "{kept:?}");
        assert_eq!(name.as_deref(), Some("app.example"));
        let (name, kept) = host("https://App.example/");
        assert!(matches!(kept, Host::Other(_)), "{kept:?}");
        assert_eq!(name.as_deref(), Some("app.example"));
        let (name, kept) = host("https://WWW.example/");
        assert!(matches!(kept, Host::OfConnection), "{kept:?}");
        assert_eq!(name.as_deref(), Some("www.example"));
    }
}
