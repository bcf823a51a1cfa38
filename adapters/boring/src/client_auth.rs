//! What came of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adapter_common::Refusal;
use boring::ssl::SslRef;
use boring::x509::X509;
use rustls_ext_wire::Offer;

use crate::decision::Decision;

/// What is known of a client, from its ClientHello on.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    offer: Offer,
    decision: Decision,
    refusal: Option<Refusal>,
    verified: Arc<AtomicBool>,
}

impl ClientAuth {
    /// That of a connection of a context that [`install`](crate::install) was called for; `None`
    /// before its ClientHello.
    pub fn of(ssl: &SslRef) -> Option<&Self> {
        ssl.ex_data(crate::index().ok()?)
    }

    pub(crate) fn new(offer: Offer, decision: Decision) -> Self {
        Self { offer, decision, refusal: None, verified: Arc::default() }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        let refusal = Some(refusal);
        Self { offer: Offer::NONE, decision: Decision::None, refusal, verified: Arc::default() }
    }

    /// Notes what BoringSSL finds of a certificate in the chain. That it found all of them good is no
    /// word of a callback that was set in place of BoringSSL's own verification.
    pub(crate) fn note(&self, verified: bool) {
        self.verified.store(verified, Ordering::Release);
    }

    /// How the client offers to authenticate.
    pub fn offer(&self) -> Offer {
        self.offer
    }

    /// What was decided.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Why the ClientHello was refused, if it was.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }
}

/// The certificate with which the client of a connection authenticated in this scope; `None` if it
/// did not, in another one, or not yet. That includes clients that only another verification than
/// BoringSSL's own let pass (`set_cert_verify_callback`, `set_custom_verify_callback`).
pub fn identity(ssl: &SslRef, scope: &str) -> Option<X509> {
    let auth = ClientAuth::of(ssl)?;
    let asked = auth.decision().scope()?;
    // Whoever was asked is not resumed, and verification ends the handshake where it fails; a chain
    // that came another way is no identity.
    let verified = auth.verified.load(Ordering::Acquire)
        && ssl.verify_result().is_ok()
        && !ssl.session_reused()
        && ssl.is_init_finished();
    (asked.name() == scope && verified).then(|| ssl.peer_certificate()).flatten()
}
