use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use crate::http::secondary::ConnectionError;
use crate::tokio::{LikelyRefusal, Refusal};

/// Any error.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The URI is neither `http` nor `https`, or has no host.
    BadUri(Uri),
    /// There is no connection. Several requests may have waited for the same one.
    Connect(Arc<ConnectError>),
    /// The server refused the connection after it received the client's Certificate, which may have
    /// been empty.
    Refused {
        /// The alert that the server sent.
        refusal: Refusal,
        /// The identity of that connection.
        identity: Option<Arc<str>>,
    },
    /// The connection broke off at a moment when a refusal is the likely reason.
    LikelyRefused {
        /// How the connection broke off.
        refusal: LikelyRefusal,
        /// The identity of that connection.
        identity: Option<Arc<str>>,
    },
    /// The client ended the connection, because the server broke the rules for requests on open
    /// connections.
    Secondary(ConnectionError),
    /// Sending the request, or waiting for the response, failed.
    Http(hyper::Error),
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection took longer than [`Limits::connect_timeout`](crate::http::client::Limits).
    Timeout(Duration),
    /// The connector failed.
    Transport(BoxError),
    /// The host is not a name that a certificate can contain.
    BadName(String),
    /// The server refused the handshake.
    Refused(Refusal),
    /// TLS failed.
    Tls(io::Error),
    /// HTTP/2 or HTTP/1.1 could not be started.
    Http(hyper::Error),
    /// The certificate would have been sent under TLS 1.2, where it is not encrypted (CANT-8); see
    /// [`Credentials`](crate::http::client::Credentials::certificate_under_tls12).
    NotConfidential,
    /// The server closed several connections in a row before a request could be sent.
    Closed,
    /// The runtime is shutting down.
    Cancelled,
}

impl Error {
    /// Returns the server's refusal, during or after the handshake.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            Self::Connect(err) => match &**err {
                ConnectError::Refused(refusal) => Some(refusal),
                _ => None,
            },
            _ => None,
        }
    }
}

impl From<Arc<ConnectError>> for Error {
    fn from(err: Arc<ConnectError>) -> Self {
        Self::Connect(err)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUri(uri) => write!(f, "{uri} is not an http or https URI with a host"),
            Self::Connect(_)
            | Self::Refused { .. }
            | Self::LikelyRefused { .. }
            | Self::Secondary(_)
            | Self::Http(_) => f.write_str("no response"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::BadUri(_) => None,
            Self::Connect(err) => Some(&**err),
            Self::Refused { refusal, .. } => Some(refusal),
            Self::LikelyRefused { refusal, .. } => Some(refusal),
            Self::Secondary(err) => Some(err),
            Self::Http(err) => Some(err),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(time) => write!(f, "no connection within {time:?}"),
            Self::Transport(_) => f.write_str("no connection"),
            Self::BadName(host) => {
                write!(f, "{host:?} is not a name that a server certificate can contain")
            }
            Self::Refused(_) | Self::Tls(_) => f.write_str("the TLS handshake failed"),
            Self::Http(_) => f.write_str("no HTTP connection"),
            Self::NotConfidential => f.write_str(
                "certificate not sent: the server uses TLS 1.2, which does not encrypt it",
            ),
            Self::Closed => f.write_str(
                "the server closed several new connections before a request could be sent",
            ),
            Self::Cancelled => f.write_str("the runtime is shutting down"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(err) => Some(&**err),
            Self::Refused(refusal) => Some(refusal),
            Self::Tls(err) => Some(err),
            Self::Http(err) => Some(err),
            Self::Timeout(_)
            | Self::BadName(_)
            | Self::NotConfidential
            | Self::Closed
            | Self::Cancelled => None,
        }
    }
}
