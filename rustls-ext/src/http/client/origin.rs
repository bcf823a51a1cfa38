use std::fmt;
use std::net::IpAddr;

use http::uri::Scheme;
use http::{HeaderMap, Uri, header};
use rustls::pki_types::ServerName;

/// The scheme, host and port (RFC 9110 section 4.3.1) that a connection is made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    /// In lower case; an IPv6 address has no brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// Returns the origin of this URI; `None` if it is neither `http` nor `https`, or has no host.
    pub fn of(uri: &Uri) -> Option<Self> {
        let https = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTPS => true,
            scheme if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Some(Self { https, host: host.to_ascii_lowercase(), port })
    }

    /// Returns true if the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Returns the host: a name in lower case, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port in the form of a `Host` field (RFC 9110 section 7.2).
    pub(crate) fn authority(&self) -> String {
        let host = match self.host.parse() {
            Ok(IpAddr::V6(_)) => format!("[{}]", self.host),
            _ => self.host.clone(),
        };
        match (self.https, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The name that the certificate of its servers must have; `None` if a certificate cannot
    /// contain it.
    pub(crate) fn server_name(&self) -> Option<ServerName<'static>> {
        ServerName::try_from(self.host.clone()).ok()
    }

    /// Returns true if all of these `Host` fields name this origin, or if there are none.
    pub(crate) fn is_host_of(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::HOST).into_iter().all(|host| self.is_host(host.as_bytes()))
    }

    /// Returns true if this `Host` field names this origin (RFC 9110 section 7.2).
    ///
    /// Names with and without a final dot are different: servers disagree on whether they are
    /// equal. User information is not allowed there, and some parsers would read another host
    /// because of it.
    fn is_host(&self, field: &[u8]) -> bool {
        if field.contains(&b'@') {
            return false;
        }
        let authority = std::str::from_utf8(field).ok().and_then(|text| text.parse().ok());
        authority.is_some_and(|authority: http::uri::Authority| {
            let scheme = if self.https { "https" } else { "http" };
            let uri =
                Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
            uri.ok().as_ref().and_then(Self::of).as_ref() == Some(self)
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}
