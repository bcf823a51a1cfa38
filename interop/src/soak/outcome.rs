//! How a connection ends, as each end has it.

use std::fmt;

use rustls_ext::rustls::server::ClientAuthStatus;
use rustls_ext::rustls::{AlertDescription, HandshakeKind, ProtocolVersion, ServerConnection};
use rustls_ext::tokio::AcceptError;
use rustls_ext::{PeerIdentity, alert_name, with_causes};

/// A scope.
pub const AGENTS: &str = "agents";
/// The other scope.
pub const STAFF: &str = "staff";

/// How a handshake ended at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerOutcome {
    /// It is complete.
    Accepted(Accepted),
    /// The server sent this alert.
    Sent(AlertDescription),
    /// The server has found a fault, and its error does not tell which alert it sent, if any.
    Refused,
    /// The client sent this alert.
    Received(AlertDescription),
    /// The client was gone.
    HungUp,
    /// The client took too long.
    Timeout,
    /// Something that is never right.
    Unexpected(String),
}

/// What the server knows of a client that it has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether it is TLS 1.2.
    pub tls12: bool,
    /// How far the client's authentication has come.
    pub status: Status,
    /// The scopes in which a handler is told that there is somebody.
    pub scopes: Vec<&'static str>,
    /// Whether the client offered to authenticate.
    pub offered: bool,
    /// Whether the server said that it asks because of that.
    pub acknowledged: bool,
    /// Whether the session is an earlier one.
    pub resumed: bool,
    /// Whether there was a HelloRetryRequest.
    pub retried: bool,
    /// The bytes of 0-RTT data.
    pub early: usize,
}

/// How far the authentication of a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was not asked.
    NotAsked,
    /// It has declined.
    Declined,
    /// Its certificate does not count, and that does not matter.
    Tolerated,
    /// It is authenticated.
    Authenticated,
}

/// What came of the application data, at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// So many bytes were sent back, and the end was orderly.
    Echoed(usize),
    /// It broke off.
    Broken,
    /// Nothing came for too long.
    Idle,
}

/// How a connection ended at the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOutcome {
    /// The client got its data back, and the end was orderly.
    Served(Served),
    /// The server sent an alert.
    Refused {
        /// Which.
        alert: AlertDescription,
        /// Whether the client's handshake was complete.
        late: bool,
    },
    /// It broke off where a refusal was due.
    LikelyRefused,
    /// The client did not like what came, and sent this alert.
    GaveUp(Option<AlertDescription>),
    /// It broke off.
    Broken,
    /// The client waits no more: what it is waiting for never comes.
    Stalled,
    /// Something that is never right.
    Unexpected(String),
}

/// What a client knows of a connection that served it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Whether it was asked for a certificate.
    pub asked: bool,
    /// Whether it was told that its offer is the reason.
    pub acknowledged: bool,
    /// Whether the session is an earlier one.
    pub resumed: bool,
    /// Whether its 0-RTT data was taken.
    pub early: bool,
}

impl Accepted {
    /// What is known of `connection`, of which so much 0-RTT data was read.
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
    /// What is never right.
    pub fn unexpected(&self) -> Option<&str> {
        match self {
            Self::Unexpected(text) => Some(text),
            _ => None,
        }
    }
}

impl ClientOutcome {
    /// What is never right.
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

/// In few words, so that many can be counted together.
impl fmt::Display for ServerOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(accepted) => {
                f.write_str(match accepted.status {
                    Status::NotAsked => "not asked",
                    Status::Declined => "declined",
                    Status::Tolerated => "not authenticated",
                    Status::Authenticated => "authenticated",
                })?;
                f.write_str(if accepted.resumed { ", resumed" } else { "" })
            }
            Self::Sent(alert) => write!(f, "{} from server", alert_name(*alert)),
            Self::Refused => f.write_str("refused, unnamed"),
            Self::Received(alert) => write!(f, "{} from client", alert_name(*alert)),
            Self::HungUp => f.write_str("hung up"),
            Self::Timeout => f.write_str("timed out"),
            Self::Unexpected(_) => f.write_str("unexpected"),
        }
    }
}
