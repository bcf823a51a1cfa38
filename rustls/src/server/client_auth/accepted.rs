//! The parts of a ClientHello that an `Acceptor` shows, and decisions outside of the handshake.

use alloc::vec::Vec;

use rustls_ext_wire::{CodePoints, ServerNegotiation, Version};

use crate::common_state::Protocol;
use crate::enums::{ContentType, ProtocolVersion};
use crate::error::{Error, InvalidMessage};
use crate::msgs::client_auth::wire_version;
use crate::msgs::handshake::ClientHelloPayload;
use crate::msgs::message::{InboundPlainMessage, Message, MessagePayload};
use crate::server::{
    Accepted, AcceptedAlert, ClientAuthDecision, ClientAuthPolicy, ClientHello, ServerConfig,
    ServerConnection,
};
use crate::suites::compatible_sigscheme_for_suites;
use crate::sync::Arc;

impl ServerConfig {
    /// The version that a handshake with this config chooses for a ClientHello, over TCP.
    ///
    /// `None` if the handshake ends with an alert because there is no common version.
    fn version_for(&self, hello: &ClientHelloPayload) -> Option<ProtocolVersion> {
        let enabled = |version| self.supports_version(version, Protocol::Tcp);
        let (tls13, tls12) = match &hello.supported_versions {
            Some(versions) => (versions.tls13, versions.tls12),
            None => (
                false,
                u16::from(hello.client_version) >= u16::from(ProtocolVersion::TLSv1_2),
            ),
        };
        if tls13 && enabled(ProtocolVersion::TLSv1_3) {
            Some(ProtocolVersion::TLSv1_3)
        } else if tls12 && enabled(ProtocolVersion::TLSv1_2) {
            Some(ProtocolVersion::TLSv1_2)
        } else {
            None
        }
    }
}

impl Accepted {
    /// Makes [`client_hello()`](Self::client_hello) show the same data that a handshake with
    /// `config` shows to its policy.
    ///
    /// This data depends on the config: the protocol version, the code points of the offer, and
    /// with the version whether flags count at all (FLAGS-9).  Call this before a decision is
    /// made outside of the handshake, so that the decision is the same on both paths.  Without
    /// it, the ClientHello has no version, and shows an offer as a TLS1.3 server with the
    /// default code points sees it.
    ///
    /// If the handshake with `config` will fail because there is no common version, the
    /// ClientHello has no version, and no offer.
    pub fn with_config(&mut self, config: &ServerConfig) {
        // A ClientHello that is malformed under these code points is refused by
        // `into_connection()`.
        let _ = self.read_with(config.client_auth_code_points);
        let hello = Self::client_hello_payload(&self.message);
        self.version = config.version_for(hello);
        let enabled = &config.provider.cipher_suites;
        // Collecting would allocate several times.
        let mut suites = Vec::with_capacity(enabled.len());
        suites.extend(
            enabled
                .iter()
                .copied()
                .filter(|suite| {
                    hello
                        .cipher_suites
                        .contains(&suite.suite())
                }),
        );
        self.sig_schemes
            .retain(|scheme| compatible_sigscheme_for_suites(*scheme, &suites));
        match self.version {
            Some(version) => self.read_offer(wire_version(version)),
            None => self.offer = ServerNegotiation::new(config.client_auth_code_points),
        }
    }

    /// Decides for this connection, outside of the handshake.
    ///
    /// [`into_connection()`](Self::into_connection) then uses this decision, and no policy:
    /// neither the one of its config nor one that the config's verifier carries.  An error ends
    /// the handshake with `internal_error`, as an error of a policy does.  After several calls,
    /// the last one counts.
    ///
    /// Use this if other code calls `into_connection()`; otherwise
    /// [`into_connection_with()`](Self::into_connection_with) does both in one call.
    pub fn decide(&mut self, decision: Result<ClientAuthDecision, Error>) {
        self.connection
            .core
            .data
            .client_auth_policy = Some(Arc::new(Decided(decision)));
    }

    /// Like [`into_connection()`](Self::into_connection), with this decision for this
    /// connection.
    ///
    /// The same as calling [`decide()`](Self::decide) before it.
    ///
    /// # Errors
    /// As for `into_connection()`; an error in `decision` is returned, with the alert to send.
    pub fn into_connection_with(
        mut self,
        config: Arc<ServerConfig>,
        decision: Result<ClientAuthDecision, Error>,
    ) -> Result<ServerConnection, (Error, AcceptedAlert)> {
        self.decide(decision);
        self.into_connection(config)
    }

    /// Reads the offer under `highest`, the highest version of the server.
    pub(in crate::server) fn read_offer(&mut self, highest: Version) {
        let hello = Self::client_hello_payload(&self.message);
        let version = match (&hello.supported_versions, highest) {
            (Some(versions), Version::Tls13) if versions.tls13 => Version::Tls13,
            _ => Version::Tls12,
        };
        let code_points = self
            .connection
            .core
            .common_state
            .code_points;
        self.offer = ServerNegotiation::new(code_points);
        // Malformed flags are refused when the handshake continues and TLS1.3 is chosen.
        let _ = self
            .offer
            .on_client_hello(version, hello.client_auth());
    }

    /// Reads the ClientHello again if it was read with other code points.
    pub(in crate::server) fn read_with(
        &mut self,
        code_points: CodePoints,
    ) -> Result<(), InvalidMessage> {
        let common = &mut self.connection.core.common_state;
        if common.code_points == code_points {
            return Ok(());
        }
        common.code_points = code_points;
        if let MessagePayload::Handshake { encoded, .. } = &self.message.payload {
            let plain = InboundPlainMessage {
                typ: ContentType::Handshake,
                version: self.message.version,
                payload: encoded.bytes(),
            };
            self.message = Message::read(plain, code_points)?.into_owned();
        }
        Ok(())
    }
}

/// A decision that was made outside of the handshake, or the reason why there is none.
///
/// It cannot become outdated: a second ClientHello that differs in the data it was based on is
/// refused.
#[derive(Debug)]
struct Decided(Result<ClientAuthDecision, Error>);

impl ClientAuthPolicy for Decided {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        self.0.clone()
    }
}
