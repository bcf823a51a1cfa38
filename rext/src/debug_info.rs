//! The properties of a server's connection, as JSON and for the log.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_ext::quic::HandshakeData;
use rustls_ext::rustls::server::{ClientAuth, ClientAuthDecision, ClientAuthStatus};
use rustls_ext::rustls::{HandshakeKind, ProtocolVersion, ServerConnection};
use rustls_ext::wire::Offer;
use rustls_ext::{PeerIdentity, subject_of};
use serde::{Serialize, Serializer};

use crate::tls;

/// The properties of a server's connection: the response to `GET /debug`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebugInfo {
    /// `HTTP/3.0`, `HTTP/2.0` or `HTTP/1.1`.
    pub protocol: Cow<'static, str>,
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: Cow<'static, str>,
    /// True if the session was resumed.
    pub resumed: bool,
    /// The extensions by which the client offered to authenticate: see [`Offer::name`].
    pub offered_by: &'static str,
    /// The origins at which the client hinted, such as `spiffe://example.org`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// The numbers of the TLS flags in the ClientHello.
    pub flags_received: Vec<u16>,
    /// The policy's decision: `none`, `request` or `require`; a client that is refused has no connection.
    pub decision: &'static str,
    /// The outcome: `not_asked`, `asked`, `declined`, `refused` or `authenticated`.
    pub status: &'static str,
    /// The subject of the client's certificate in the format of RFC 4514, if it was verified.
    pub verified_subject: Option<String>,
    /// True if the server acknowledged that it requested a certificate because of the client's
    /// offer.
    pub acknowledged: bool,
    /// The scope in which the client's certificate was verified, if it was.
    pub scope: Option<String>,
    /// The client's address.
    #[serde(skip)]
    pub peer: SocketAddr,
    /// The same as text, which is made once for the log and the responses.
    #[serde(rename = "peer", serialize_with = "text")]
    pub peer_text: Arc<str>,
}

impl DebugInfo {
    /// Collects the properties of `connection`, whose handshake is complete. `protocol` stays empty:
    /// it is set for each request.
    pub fn of(connection: &ServerConnection, peer: SocketAddr) -> Self {
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        Self {
            tls_version: tls::version_name(connection.protocol_version()),
            ..Self::with(connection.client_auth(), resumed, Verified::of(connection), peer)
        }
    }

    /// The same for a QUIC connection. `handshake` is of the time after the handshake.
    pub fn over_quic(handshake: &HandshakeData, peer: SocketAddr) -> Self {
        let resumed = handshake.kind == Some(HandshakeKind::Resumed);
        Self::with(handshake.client_auth(), resumed, Verified::over_quic(handshake), peer)
    }

    fn with(
        auth: Option<&ClientAuth>,
        resumed: bool,
        verified: Option<Verified>,
        peer: SocketAddr,
    ) -> Self {
        let (verified_subject, scope) = match verified {
            Some(Verified { subject, scope }) => (Some(subject), Some(scope)),
            None => (None, None),
        };
        Self {
            protocol: Cow::Borrowed(""),
            // The version of QUIC (RFC 9001 section 4.2).
            tls_version: tls::version_name(Some(ProtocolVersion::TLSv1_3)),
            resumed,
            offered_by: auth.map_or(Offer::NONE, |auth| auth.offer()).name(),
            origins: auth
                .and_then(|auth| auth.origins())
                .map(|origins| origins.iter().map(|origin| origin.to_string()).collect())
                .unwrap_or_default(),
            flags_received: auth
                .and_then(|auth| auth.flags())
                .map(|flags| flags.iter().map(u16::from).collect())
                .unwrap_or_default(),
            decision: auth.map_or("none", |auth| decision_name(auth.decision())),
            status: auth.map_or("not_asked", |auth| status_name(auth.status())),
            verified_subject,
            acknowledged: auth.is_some_and(|auth| auth.acknowledged()),
            scope,
            peer,
            peer_text: peer.to_string().into(),
        }
    }
}

fn text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// A verified client: the subject of its certificate, and the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The subject of its certificate.
    pub subject: String,
    /// The scope in which it was verified.
    pub scope: String,
}

impl Verified {
    /// Returns the client of `connection`, if it is authenticated in the scope of the decision.
    pub fn of(connection: &ServerConnection) -> Option<Self> {
        Self::in_scope_of(connection.client_auth()?, |scope| {
            PeerIdentity::from_connection(connection, scope)
        })
    }

    /// The same for a QUIC connection.
    pub fn over_quic(handshake: &HandshakeData) -> Option<Self> {
        Self::in_scope_of(handshake.client_auth()?, |scope| handshake.peer_identity(scope))
    }

    fn in_scope_of<'a>(
        auth: &ClientAuth,
        identity: impl FnOnce(&str) -> Option<PeerIdentity<'a>>,
    ) -> Option<Self> {
        let scope = auth.decision().demand()?.scope();
        let leaf = identity(scope)?.chain.first()?;
        Some(Self { subject: subject_of(leaf), scope: scope.to_owned() })
    }
}

fn decision_name(decision: &ClientAuthDecision) -> &'static str {
    match decision {
        ClientAuthDecision::None => "none",
        ClientAuthDecision::Request(_) => "request",
        ClientAuthDecision::Require(_) => "require",
        ClientAuthDecision::Refuse => "refuse",
        _ => "unknown",
    }
}

fn status_name(status: ClientAuthStatus) -> &'static str {
    match status {
        ClientAuthStatus::NotAsked => "not_asked",
        ClientAuthStatus::Asked => "asked",
        ClientAuthStatus::Declined => "declined",
        ClientAuthStatus::Refused => "refused",
        ClientAuthStatus::Authenticated { .. } => "authenticated",
        _ => "unknown",
    }
}
