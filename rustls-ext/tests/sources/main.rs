//! Where a decision or an offer comes from: an argument for one connection, the config, or what the
//! config's verifier or resolver carries.

#[path = "../common/mod.rs"]
mod common;
mod decision;
mod precedence;
mod resolver;
mod verifier;

use std::sync::Arc;

use rustls::quic::{self, KeyChange};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    Accepted, Acceptor, ClientAuthDecision, ClientAuthPolicy, ClientHello, WebPkiClientVerifier,
};
use rustls::{
    ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection, SupportedProtocolVersion,
};

use crate::common::{Failure, Pki, name, provider, pump};

/// A policy that must not be called. A connection that calls it ends with this error.
#[derive(Debug)]
pub struct NotToBeAsked;

impl ClientAuthPolicy for NotToBeAsked {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        Err(Error::General("this policy was not to be asked".into()))
    }
}

/// The first flight of `client`, as an acceptor returns it.
pub fn accepted(client: &mut ClientConnection) -> Accepted {
    let mut acceptor = Acceptor::default();
    common::transfer!(client, acceptor);
    acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap()
}

/// A handshake through an acceptor, under this decision.
pub fn handshake_under(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    decision: ClientAuthDecision,
) -> Result<(ClientConnection, ServerConnection), Box<Failure>> {
    let mut client = ClientConnection::new(client.clone(), name()).unwrap();
    let accepted = accepted(&mut client);
    let mut server = accepted
        .into_connection_with(server.clone(), Ok(decision))
        .map_err(|(err, _)| err)
        .unwrap();
    pump(&mut client, &mut server)?;
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

/// A server that is built with `verifier`.
pub fn server_with_verifier(
    pki: &Pki,
    verifier: Arc<dyn ClientCertVerifier>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap()
}

/// A verifier that requests no certificate.
pub fn requests_no_certificate() -> Arc<dyn ClientCertVerifier> {
    WebPkiClientVerifier::no_client_auth()
}

/// The beginning of a connection over QUIC.
pub fn quic_client(config: &Arc<ClientConfig>) -> quic::ClientConnection {
    quic::ClientConnection::new(config.clone(), quic::Version::V1, name(), Vec::new()).unwrap()
}

/// Transfers messages over QUIC, those of one encryption level at a time, until there are no more.
///
/// The error is that of the server.
pub fn quic_pump(
    client: &mut quic::ClientConnection,
    server: &mut quic::ServerConnection,
) -> Result<(), Error> {
    loop {
        let mut message = Vec::new();
        let change: Option<KeyChange> = client.write_hs(&mut message);
        server.read_hs(&message)?;
        let (idle, mut message) = (message.is_empty() && change.is_none(), Vec::new());
        let change = server.write_hs(&mut message);
        client.read_hs(&message).unwrap();
        if idle && message.is_empty() && change.is_none() {
            return Ok(());
        }
    }
}
