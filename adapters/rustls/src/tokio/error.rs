use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use adapter_common::Refusal;
use rustls_ext_wire::{Alert, NotTls};

use super::gate::SecondHello;
use crate::alert_of;

/// Why a connection was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The client sent nothing, or too little, in this time.
    Timeout(Duration),
    /// The ClientHello was refused, with the alert of [`alert()`](Self::alert).
    Refused(Refusal),
    /// The second ClientHello, after a HelloRetryRequest, was refused, with the alert of
    /// [`alert()`](Self::alert).
    SecondHello(SecondHello),
    /// The client speaks another protocol than TLS.
    NotTls(NotTls),
    /// The handshake failed in rustls.
    Tls(rustls::Error),
    /// The client closed the connection before it sent anything, as port probes do.
    Closed,
    /// The connection failed.
    Io(io::Error),
}

impl AcceptError {
    /// Returns the alert with which the ClientHello was refused; `None` for other errors, for which
    /// rustls sends its own alerts.
    pub fn alert(&self) -> Option<Alert> {
        match self {
            Self::Refused(refusal) | Self::SecondHello(SecondHello::Refused(refusal)) => {
                Some(alert_of(*refusal))
            }
            Self::SecondHello(SecondHello::Differs) => Some(Alert::ILLEGAL_PARAMETER),
            _ => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(err: io::Error) -> Self {
        let tls = err.get_ref().and_then(|err| err.downcast_ref::<rustls::Error>());
        match tls {
            Some(tls) => Self::Tls(tls.clone()),
            None => Self::Io(err),
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(time) => write!(f, "no complete handshake within {time:?}"),
            Self::Refused(_) => f.write_str("the ClientHello was refused"),
            Self::SecondHello(_) => f.write_str("the second ClientHello was refused"),
            Self::NotTls(what) => what.fmt(f),
            Self::Tls(_) => f.write_str("the handshake failed"),
            Self::Closed => f.write_str("the client closed the connection before it sent anything"),
            Self::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the client hung up during the handshake")
            }
            Self::Io(_) => f.write_str("connection failed"),
        }
    }
}

impl StdError for AcceptError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::SecondHello(refused) => Some(refused),
            Self::Tls(err) => Some(err),
            // The text contains all that the cause contains.
            Self::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => None,
            Self::Io(err) => Some(err),
            Self::Timeout(_) | Self::NotTls(_) | Self::Closed => None,
        }
    }
}
