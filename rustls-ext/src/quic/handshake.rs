use std::any::Any;

use quinn_proto::crypto::ExportKeyingMaterialError;
use rustls::client::ClientAuthOfferStatus;
use rustls::pki_types::CertificateDer;
use rustls::quic::Connection;
use rustls::server::ClientAuth;
use rustls::{Error, HandshakeKind, SupportedCipherSuite};

use crate::PeerIdentity;
use crate::authenticator::{Endpoint, ExporterError, Exporters};

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
    /// Set when the handshake is complete.
    suite: Option<SupportedCipherSuite>,
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
        let is_complete = !tls.is_handshaking();
        let auth = server.filter(|_| is_complete).and_then(|server| server.client_auth());
        let chain = || tls.peer_certificates().unwrap_or_default().to_vec();
        Self {
            protocol: tls.alpn_protocol().map(<[u8]>::to_vec),
            server_name: server.and_then(|server| server.server_name()).map(str::to_owned),
            kind: tls.handshake_kind(),
            suite: tls.negotiated_cipher_suite().filter(|_| is_complete),
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

    /// Takes the values for [authenticators](crate::authenticator) of `sender`, or of both sides,
    /// from the connection whose data this is. `export` is `export_keying_material` of quinn's
    /// `Connection`.
    ///
    /// ```no_run
    /// use rustls_ext::authenticator::Endpoint;
    /// # use rustls_ext::quic::HandshakeData;
    ///
    /// # fn take(connection: quinn::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let handshake = HandshakeData::from_quinn(connection.handshake_data()).ok_or("no data")?;
    /// let exporters = handshake.exporters(Endpoint::Client, |output, label, context| {
    ///     connection.export_keying_material(output, label, context)
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ExporterError`] if quinn was asked for this data before the handshake was complete, or if
    /// `export` fails.
    pub fn exporters(
        &self,
        sender: impl Into<Option<Endpoint>>,
        mut export: impl FnMut(&mut [u8], &[u8], &[u8]) -> Result<(), ExportKeyingMaterialError>,
    ) -> Result<Exporters, ExporterError> {
        let suite = self.suite.ok_or(ExporterError::Handshaking)?;
        let suite = suite.tls13().ok_or(ExporterError::NotTls13)?;
        Exporters::from_exporter(suite, sender, |output, label| {
            export(output, label, &[])
                .map_err(|_| Error::General("quinn cannot export keying material".into()))
        })
    }
}
