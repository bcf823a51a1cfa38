use std::any::Any;

use rustls::HandshakeKind;
use rustls::client::ClientAuthOfferStatus;
use rustls::pki_types::CertificateDer;
use rustls::quic::Connection;
use rustls::server::ClientAuth;

use crate::PeerIdentity;

/// Data about a connection's handshake, at the time when quinn was asked for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandshakeData {
    /// The application protocol that was negotiated (RFC 7301).
    pub protocol: Option<Vec<u8>>,
    /// The server name that the client sent (RFC 6066), in lower case; `None` on clients.
    pub server_name: Option<String>,
    /// Whether the handshake is a full one, or resumes an earlier session.
    pub kind: Option<HandshakeKind>,
    /// Set on clients.
    status: Option<ClientAuthOfferStatus>,
    /// Set on clients.
    echoed: bool,
    /// Set on servers with a policy, when the handshake is complete.
    client: Option<(ClientAuth, Vec<CertificateDer<'static>>)>,
}

impl HandshakeData {
    /// Converts the result of `handshake_data()` of quinn's `Connection` or `Connecting`.
    ///
    /// Returns `None` if quinn has no data yet, or if the connection's config is not from this
    /// module.
    pub fn from_quinn(handshake_data: impl Into<Option<Box<dyn Any>>>) -> Option<Self> {
        handshake_data.into()?.downcast().ok().map(|data| *data)
    }

    pub(super) fn read(tls: &Connection) -> Self {
        let (client, server) = match tls {
            Connection::Client(client) => (Some(client), None),
            Connection::Server(server) => (None, Some(server)),
        };
        let auth = server.filter(|_| !tls.is_handshaking()).and_then(|server| server.client_auth());
        let chain = || tls.peer_certificates().unwrap_or_default().to_vec();
        Self {
            protocol: tls.alpn_protocol().map(<[u8]>::to_vec),
            server_name: server.and_then(|server| server.server_name()).map(str::to_owned),
            kind: tls.handshake_kind(),
            status: client.map(|client| client.client_auth_status()),
            echoed: client.is_some_and(|client| client.client_auth_echoed()),
            client: auth.cloned().map(|auth| (auth, chain())),
        }
    }

    /// Returns the client, if this is a server's connection and the client is authenticated in
    /// `scope`.
    ///
    /// Returns `None` during the handshake, and on connections of a config without a policy.
    pub fn peer_identity(&self, scope: &str) -> Option<PeerIdentity<'_>> {
        let (auth, chain) = self.client.as_ref()?;
        PeerIdentity::under(auth, chain, scope)
    }

    /// On servers, returns the policy's decision and its outcome.
    ///
    /// Returns `None` during the handshake, on connections of a config without a policy, and on
    /// clients.
    pub fn client_auth(&self) -> Option<&ClientAuth> {
        self.client.as_ref().map(|(auth, _)| auth)
    }

    /// On clients, returns the outcome of the offer to authenticate; `None` on servers.
    ///
    /// With `Acknowledged` and `AskedWithoutAcknowledgement`, the server may still refuse the
    /// certificate: see [`alert_received`](super::alert_received).
    pub fn client_auth_status(&self) -> Option<ClientAuthOfferStatus> {
        self.status
    }

    /// On clients, returns true if the server declared that it understands CARE offers, whether it
    /// requests a certificate or not; false on servers.
    pub fn client_auth_echoed(&self) -> bool {
        self.echoed
    }
}
