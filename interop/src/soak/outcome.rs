//! The outcome of a connection, as the server and the client see it.

use std::fmt;

use rustls_ext::rustls::server::ClientAuthStatus;
use rustls_ext::rustls::{AlertDescription, HandshakeKind, ProtocolVersion, ServerConnection};
use rustls_ext::tokio::AcceptError;
use rustls_ext::{PeerIdentity, alert_name, with_causes};

/// The scope of agents.
pub const AGENTS: &str = "agents";
/// The scope of staff.
pub const STAFF: &str = "staff";

/// The outcome of a handshake at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerOutcome {
    /// The handshake is complete.
    Accepted(Accepted),
    /// The server sent this alert.
    Sent(AlertDescription),
    /// The server refused the client; its error does not say which alert it sent, if any.
    Refused,
    /// The client sent this alert.
    Received(AlertDescription),
    /// The client closed the connection.
    HungUp,
    /// The handshake took longer than the server allows.
    Timeout,
    /// An outcome that is always wrong, with its description.
    Unexpected(String),
}

/// The server's view of a client whose handshake is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether the version is TLS 1.2.
    pub tls12: bool,
    /// The status of client authentication.
    pub status: Status,
    /// The scopes in which the connection has an authenticated identity.
    pub scopes: Vec<&'static str>,
    /// Whether the client made an offer.
    pub offered: bool,
    /// Whether the server acknowledged the offer.
    pub acknowledged: bool,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether the server sent a HelloRetryRequest.
    pub retried: bool,
    /// The length of the accepted 0-RTT data in bytes.
    pub early: usize,
}

/// The status of client authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The server requested no certificate.
    NotAsked,
    /// The client sent an empty Certificate.
    Declined,
    /// The certificate was refused; the request was lenient, so the connection continues.
    Tolerated,
    /// The client is authenticated.
    Authenticated,
}

/// The outcome of the exchange of application data, at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// This many bytes were sent back, and both sides closed the connection in order.
    Echoed(usize),
    /// The connection broke.
    Broken,
    /// The client sent nothing until the timeout.
    Idle,
}

/// The outcome of a connection at the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOutcome {
    /// The client received its data, and both sides closed the connection in order.
    Served(Served),
    /// The server sent an alert.
    Refused {
        /// The alert.
        alert: AlertDescription,
        /// Whether the client's handshake was complete.
        late: bool,
    },
    /// The connection broke when a refusal was likely.
    LikelyRefused,
    /// The client refused a message of the server, and sent this alert.
    GaveUp(Option<AlertDescription>),
    /// The connection broke.
    Broken,
    /// The connection stalled, so the client stopped waiting.
    Stalled,
    /// An outcome that is always wrong, with its description.
    Unexpected(String),
}

/// The client's view of a connection on which it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Whether the server requested a certificate.
    pub asked: bool,
    /// Whether the server acknowledged the offer.
    pub acknowledged: bool,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether the server accepted 0-RTT data.
    pub early: bool,
}

impl Accepted {
    /// Reads the state of `connection`. `early` is the length of its 0-RTT data in bytes.
    pub fn of(connection: &ServerConnection, early: usize) -> Result<Self, String> {
        let auth = connection.client_auth().ok_or("no decision")?;
        let status = match auth.status() {
            ClientAuthStatus::NotAsked => Status::NotAsked,
            ClientAuthStatus::Declined => Status::Declined,
            ClientAuthStatus::Refused => Status::Tolerated,
            ClientAuthStatus::Authenticated { .. } => Status::Authenticated,
            other => return Err(format!("status {other:?}")),
        };
        let known = |scope: &&str| PeerIdentity::from_connection(connection, scope).is_some();
        let kind = connection.handshake_kind();
        Ok(Self {
            tls12: connection.protocol_version() == Some(ProtocolVersion::TLSv1_2),
            status,
            scopes: [AGENTS, STAFF].into_iter().filter(known).collect(),
            offered: auth.offered(),
            acknowledged: auth.acknowledged(),
            resumed: kind == Some(HandshakeKind::Resumed),
            retried: kind == Some(HandshakeKind::FullWithHelloRetryRequest),
            early,
        })
    }
}

impl ServerOutcome {
    /// The description of an outcome that is always wrong.
    pub fn unexpected(&self) -> Option<&str> {
        match self {
            Self::Unexpected(text) => Some(text),
            _ => None,
        }
    }
}

impl ClientOutcome {
    /// The description of an outcome that is always wrong.
    pub fn unexpected(&self) -> Option<&str> {
        match self {
            Self::Unexpected(text) => Some(text),
            _ => None,
        }
    }
}

impl From<AcceptError> for ServerOutcome {
    fn from(err: AcceptError) -> Self {
        use std::io::ErrorKind;
        match (err.alert_received(), &err) {
            (Some(alert), _) => Self::Received(alert),
            (None, AcceptError::Timeout(_)) => Self::Timeout,
            (None, AcceptError::Tls(tls) | AcceptError::OtherProtocol(_, tls)) => {
                tls.alert_sent().map_or(Self::Refused, Self::Sent)
            }
            (None, AcceptError::Closed) => Self::HungUp,
            (None, AcceptError::Io(io)) => match io.kind() {
                ErrorKind::UnexpectedEof
                | ErrorKind::BrokenPipe
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::NotConnected => Self::HungUp,
                _ => Self::Unexpected(with_causes(&err)),
            },
            _ => Self::Unexpected(with_causes(&err)),
        }
    }
}

/// A short text, by which the report counts outcomes.
impl fmt::Display for ServerOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(accepted) => {
                f.write_str(match accepted.status {
                    Status::NotAsked => "no request",
                    Status::Declined => "declined",
                    Status::Tolerated => "not authenticated",
                    Status::Authenticated => "authenticated",
                })?;
                f.write_str(if accepted.resumed { ", resumed" } else { "" })
            }
            Self::Sent(alert) => write!(f, "{} from server", alert_name(*alert)),
            Self::Refused => f.write_str("refused, alert not known"),
            Self::Received(alert) => write!(f, "{} from client", alert_name(*alert)),
            Self::HungUp => f.write_str("closed by client"),
            Self::Timeout => f.write_str("timed out"),
            Self::Unexpected(_) => f.write_str("unexpected"),
        }
    }
}
