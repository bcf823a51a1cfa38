//! What came of a connection.

use adapter_common::Refusal;
use rustls_ext_wire::Offer;
use s2n_tls::cert_chain::CertificateChain;
use s2n_tls::connection::Connection;

use crate::scope::Decision;

/// What is known of a client, from its ClientHello on.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    offer: Offer,
    decision: Decision,
    refusal: Option<Refusal>,
}

impl ClientAuth {
    /// That of a connection whose config has [`ByOffer`](crate::ByOffer); `None` before its
    /// ClientHello.
    pub fn of(connection: &Connection) -> Option<&Self> {
        connection.application_context()
    }

    pub(crate) fn new(offer: Offer, decision: Decision) -> Self {
        Self { offer, decision, refusal: None }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self { offer: Offer::NONE, decision: Decision::None, refusal: Some(refusal) }
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

/// The chain with which the client of a connection authenticated in this scope, its own certificate
/// first; `None` if it did not, in another one, or not yet.
pub fn identity(connection: &Connection, scope: &str) -> Option<CertificateChain<'static>> {
    let asked = ClientAuth::of(connection)?.decision().scope()?;
    // That a certificate was used s2n-tls says only when the handshake is complete, and so verified.
    // Whoever was asked is not resumed; a chain that came another way is no identity.
    let verified = connection.client_cert_used() && !connection.resumed();
    (asked.name() == scope && verified).then(|| connection.peer_cert_chain().ok()).flatten()
}
