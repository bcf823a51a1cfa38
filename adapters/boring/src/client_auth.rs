//! The outcome of client authentication on one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use boring::ssl::SslRef;
use boring::x509::X509;

use crate::scope::Scope;

/// Whether the server requests a certificate, and in which scope.
pub type Decision = adapter_common::Decision<Arc<Scope>>;

/// The client's offer, and the server's decision.
pub type ClientAuth = adapter_common::ClientAuth<Arc<Scope>>;

/// The data that the adapter stores in a connection.
#[derive(Clone, Debug)]
pub(crate) struct State {
    auth: ClientAuth,
    verified: Arc<AtomicBool>,
}

impl State {
    pub(crate) fn of(ssl: &SslRef) -> Option<&Self> {
        ssl.ex_data(crate::index().ok()?)
    }

    /// Records BoringSSL's verdict on a certificate of the chain. A callback that replaces
    /// BoringSSL's own verification does not call this, so it cannot mark a chain as verified.
    pub(crate) fn record(&self, verified: bool) {
        self.verified.store(verified, Ordering::Release);
    }
}

impl From<ClientAuth> for State {
    fn from(auth: ClientAuth) -> Self {
        Self { auth, verified: Arc::default() }
    }
}

/// Returns the client's offer and the server's decision, for a connection of a context with
/// [`install`](crate::install); `None` before the ClientHello.
pub fn client_auth(ssl: &SslRef) -> Option<&ClientAuth> {
    State::of(ssl).map(|state| &state.auth)
}

/// Returns the certificate with which the client authenticated in this scope; `None` if it did not
/// authenticate (yet), or in another scope. A chain that was accepted only by a replacement of
/// BoringSSL's own verification (`set_cert_verify_callback`, `set_custom_verify_callback`) does not
/// count.
pub fn identity(ssl: &SslRef, scope: &str) -> Option<X509> {
    let State { auth, verified } = State::of(ssl)?;
    let asked = auth.decision().scope()?;
    // A client that was asked for a certificate is never resumed, and a failed verification ends
    // the handshake. Any other chain does not count.
    let verified = verified.load(Ordering::Acquire)
        && ssl.verify_result().is_ok()
        && !ssl.session_reused()
        && ssl.is_init_finished();
    (asked.name() == scope && verified).then(|| ssl.peer_certificate()).flatten()
}
