//! What is known of the client of a connection.

use std::sync::Arc;

use s2n_tls::cert_chain::CertificateChain;
use s2n_tls::connection::Connection;

use crate::scope::Scope;

/// Whether a client is asked for a certificate.
pub type Decision = adapter_common::Decision<Arc<Scope>>;

/// What is known of a client, from its ClientHello on.
pub type ClientAuth = adapter_common::ClientAuth<Arc<Scope>>;

/// What is known of the client of a connection, whose config has [`ByOffer`](crate::ByOffer); `None`
/// before its ClientHello.
pub fn client_auth(connection: &Connection) -> Option<&ClientAuth> {
    connection.application_context()
}

/// The chain with which the client of a connection authenticated in this scope, its own certificate
/// first; `None` if it did not, in another one, or not yet.
pub fn identity(connection: &Connection, scope: &str) -> Option<CertificateChain<'static>> {
    let asked = client_auth(connection)?.decision().scope()?;
    // That a certificate was used s2n-tls says only when the handshake is complete, and so verified.
    // Whoever was asked is not resumed; a chain that came another way is no identity.
    let verified = connection.client_cert_used() && !connection.resumed();
    (asked.name() == scope && verified).then(|| connection.peer_cert_chain().ok()).flatten()
}
