use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::AlertDescription;

use super::other_protocol::OtherProtocol;
use super::policy::BoxError;
use crate::{explain, tls_error};

/// Why a connection was not accepted.
///
/// The text for a failed handshake is that of [`explain`](crate::explain()), which contains more
/// than the text of the [`rustls::Error`]. So that error is not the source; it is in
/// [`Tls`](Self::Tls). For the texts of all causes, use [`with_causes`](crate::with_causes).
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The client sent nothing, or too little, in this time.
    Timeout(Duration),
    /// The policy failed, or took longer than the handshake timeout. The alert `internal_error` was
    /// sent to the client.
    Policy(BoxError),
    /// The handshake failed.
    Tls(rustls::Error),
    /// The client speaks another protocol than TLS, so the handshake failed.
    OtherProtocol(OtherProtocol, rustls::Error),
    /// The client closed the connection before it sent anything, as port probes do.
    Closed,
    /// The connection failed.
    Io(io::Error),
}

impl AcceptError {
    /// Returns the alert that the client sent, if it ended the handshake.
    pub fn alert_received(&self) -> Option<AlertDescription> {
        match self {
            Self::Tls(rustls::Error::AlertReceived(alert)) => Some(*alert),
            _ => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(err: io::Error) -> Self {
        match tls_error(&err) {
            Some(tls) => Self::Tls(tls.clone()),
            None => Self::Io(err),
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(time) => write!(f, "no complete handshake within {time:?}"),
            Self::Policy(_) => f.write_str("the policy failed"),
            Self::Tls(rustls::Error::AlertReceived(alert)) => {
                write!(f, "the client ended the handshake with alert {alert:?}")
            }
            Self::Tls(err @ rustls::Error::InvalidCertificate(_)) => {
                write!(f, "refused: invalid peer certificate: {}", explain(err))
            }
            Self::Tls(err) => write!(f, "refused: {}", explain(err)),
            Self::OtherProtocol(protocol, _) => protocol.fmt(f),
            Self::Closed => f.write_str("the client closed the connection before it sent anything"),
            Self::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the client closed the connection during the handshake")
            }
            Self::Io(_) => f.write_str("connection failed"),
        }
    }
}

impl StdError for AcceptError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Policy(err) => Some(&**err),
            // The text contains all that the cause contains.
            Self::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => None,
            Self::Io(err) => Some(err),
            // The text explains the error of rustls.
            Self::Tls(_) | Self::OtherProtocol(..) => None,
            Self::Timeout(_) | Self::Closed => None,
        }
    }
}
