//! What is known of the client of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use boring::ssl::SslRef;
use boring::x509::X509;

use crate::scope::Scope;

/// Whether a client is asked for a certificate.
pub type Decision = adapter_common::Decision<Arc<Scope>>;

/// What is known of a client, from its ClientHello on.
pub type ClientAuth = adapter_common::ClientAuth<Arc<Scope>>;

/// What a connection keeps.
#[derive(Clone, Debug)]
pub(crate) struct State {
    auth: ClientAuth,
    verified: Arc<AtomicBool>,
}

impl State {
    pub(crate) fn of(ssl: &SslRef) -> Option<&Self> {
        ssl.ex_data(crate::index().ok()?)
    }

    /// Notes what BoringSSL finds of a certificate in the chain. That it found all of them good is no
    /// word of a callback that was set in place of BoringSSL's own verification.
    pub(crate) fn note(&self, verified: bool) {
        self.verified.store(verified, Ordering::Release);
    }
}

impl From<ClientAuth> for State {
    fn from(auth: ClientAuth) -> Self {
        Self { auth, verified: Arc::default() }
    }
}

/// What is known of the client of a connection, of a context that [`install`](crate::install) was
/// called for; `None` before its ClientHello.
pub fn client_auth(ssl: &SslRef) -> Option<&ClientAuth> {
    State::of(ssl).map(|state| &state.auth)
}

/// The certificate with which the client of a connection authenticated in this scope; `None` if it
/// did not, in another one, or not yet. That includes clients that only another verification than
/// BoringSSL's own let pass (`set_cert_verify_callback`, `set_custom_verify_callback`).
pub fn identity(ssl: &SslRef, scope: &str) -> Option<X509> {
    let State { auth, verified } = State::of(ssl)?;
    let asked = auth.decision().scope()?;
    // Whoever was asked is not resumed, and verification ends the handshake where it fails; a chain
    // that came another way is no identity.
    let verified = verified.load(Ordering::Acquire)
        && ssl.verify_result().is_ok()
        && !ssl.session_reused()
        && ssl.is_init_finished();
    (asked.name() == scope && verified).then(|| ssl.peer_certificate()).flatten()
}
