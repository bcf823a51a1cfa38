use std::any::Any;

use rustls::HandshakeKind;
use rustls::client::ClientAuthStatus;
use rustls::pki_types::CertificateDer;
use rustls::quic::Connection;
use rustls::server::ClientAuth;

use crate::PeerIdentity;

/// What is known of a connection's handshake, as of when quinn was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandshakeData {
    /// The application protocol that was agreed on (RFC 7301).
    pub protocol: Option<Vec<u8>>,
    /// The server name that the client asked for (RFC 6066), in lower case; `None` on clients.
    pub server_name: Option<String>,
    /// Whether the handshake is a full one, or resumes an earlier session.
    pub kind: Option<HandshakeKind>,
    /// On clients.
    status: Option<ClientAuthStatus>,
    /// On clients.
    echoed: bool,
    /// On servers with a policy, when the handshake is complete.
    client: Option<(ClientAuth, Vec<CertificateDer<'static>>)>,
}

impl HandshakeData {
    /// What `handshake_data()` of quinn's `Connection` or `Connecting` has to say.
    ///
    /// `None` if quinn has nothing to say yet, or the connection's config is not of this module.
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

    /// The client, if this is a server's connection and the client is authenticated in `scope`.
    ///
    /// `None` during the handshake, and on connections of a config without a policy.
    pub fn peer_identity(&self, scope: &str) -> Option<PeerIdentity<'_>> {
        let (auth, chain) = self.client.as_ref()?;
        PeerIdentity::under(auth, chain, scope)
    }

    /// On servers, what the policy decided, and what came of it.
    ///
    /// `None` during the handshake, on connections of a config without a policy, and on clients.
    pub fn client_auth(&self) -> Option<&ClientAuth> {
        self.client.as_ref().map(|(auth, _)| auth)
    }

    /// On clients, what became of the offer to authenticate; `None` on servers.
    ///
    /// With `Acknowledged` and `AskedWithoutAcknowledgement`, the server may still refuse what it
    /// got: see [`alert_received`](super::alert_received).
    pub fn client_auth_status(&self) -> Option<ClientAuthStatus> {
        self.status
    }

    /// On clients, whether the server said that it understands an offer by CARE, whether or not it
    /// asks; `false` on servers.
    pub fn client_auth_echoed(&self) -> bool {
        self.echoed
    }
}
