//! The address to listen on, as an option names it.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// On this address.
    Address(SocketAddr),
    /// On the sockets that systemd passes: those with this name (`FileDescriptorName=` of the socket
    /// unit), or all of them.
    Systemd(Option<String>),
}

impl From<SocketAddr> for ListenAddress {
    fn from(addr: SocketAddr) -> Self {
        Self::Address(addr)
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("systemd") {
            Some("") => return Ok(Self::Systemd(None)),
            Some(name) => {
                if let Some(name) = name.strip_prefix(':').filter(|name| !name.is_empty()) {
                    return Ok(Self::Systemd(Some(name.to_owned())));
                }
            }
            None => {}
        }
        let addr = text.parse().map_err(|_| {
            "not an IP address with a port, such as 127.0.0.1:8443 or [::]:443, nor systemd or \
             systemd:NAME"
        })?;
        Ok(Self::Address(addr))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(addr) => addr.fmt(f),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_the_sockets_of_systemd() {
        for text in ["127.0.0.1:0", "[::]:443", "systemd", "systemd:rext-gateway.socket"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for bad in ["", "localhost:1", "127.0.0.1", "systemd:", "systemd1", "fd:3"] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
    }
}
