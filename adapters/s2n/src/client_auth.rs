//! The outcome of client authentication on one connection.

use std::sync::Arc;

use s2n_tls::cert_chain::CertificateChain;
use s2n_tls::connection::Connection;

use crate::scope::Scope;

/// Whether the server requests a certificate, and in which scope.
pub type Decision = adapter_common::Decision<Arc<Scope>>;

/// The client's offer, and the server's decision.
pub type ClientAuth = adapter_common::ClientAuth<Arc<Scope>>;

/// Returns the client's offer and the server's decision, for a connection whose config has
/// [`ByOffer`](crate::ByOffer); `None` before the ClientHello.
pub fn client_auth(connection: &Connection) -> Option<&ClientAuth> {
    connection.application_context()
}

/// Returns the chain with which the client authenticated in this scope, beginning with its own
/// certificate; `None` if it did not authenticate (yet), or in another scope.
pub fn identity(connection: &Connection, scope: &str) -> Option<CertificateChain<'static>> {
    let asked = client_auth(connection)?.decision().scope()?;
    // s2n-tls reports a client's certificate only after a complete handshake, so it was verified. A
    // client that was asked for a certificate is never resumed; any other chain does not count.
    let verified = connection.client_cert_used() && !connection.resumed();
    (asked.name() == scope && verified).then(|| connection.peer_cert_chain().ok()).flatten()
}
