//! What is known of the client of a connection.

use std::sync::Arc;

use rustls::ServerConnection;
use rustls::pki_types::CertificateDer;

use crate::scope::Scope;

/// Whether a client is asked for a certificate, and in which scope.
pub type Decision = adapter_common::Decision<Arc<Scope>>;

/// How a client offered to authenticate, and what was decided.
pub type ClientAuth = adapter_common::ClientAuth<Arc<Scope>>;

/// Returns the chain with which the client of `connection` authenticated in `scope`, its own
/// certificate first; `None` if it did not, if it did so in another scope, or before the handshake is
/// complete.
///
/// `auth` is from the [`ByOffer::on_client_hello`](crate::ByOffer::on_client_hello) whose config the
/// connection has.
pub fn identity<'a>(
    connection: &'a ServerConnection,
    auth: &ClientAuth,
    scope: &str,
) -> Option<&'a [CertificateDer<'static>]> {
    let asked = auth.decision().scope()?;
    (asked.name() == scope && !connection.is_handshaking())
        .then(|| connection.peer_certificates())
        .flatten()
}
