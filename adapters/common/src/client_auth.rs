//! What was decided for a client, and what is known of it.

use rustls_ext_wire::Offer;

use crate::hello::Refusal;

/// Whether a client is asked for a certificate. `S` is a stack's own scope: the name under which
/// certificates count, and what verifies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<S> {
    /// The client is not asked.
    None,
    /// The client is asked, and served without a certificate, too. A certificate that does not verify
    /// in the scope ends the handshake.
    Request(S),
    /// The client is asked, and not served without a certificate that verifies in the scope.
    Require(S),
}

impl<S> Decision<S> {
    /// The scope in which the client is asked.
    pub fn scope(&self) -> Option<&S> {
        match self {
            Self::None => None,
            Self::Request(scope) | Self::Require(scope) => Some(scope),
        }
    }

    /// `none`, `request` or `require`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Request(_) => "request",
            Self::Require(_) => "require",
        }
    }
}

/// What is known of a client, from its ClientHello on.
#[derive(Clone, Debug)]
pub struct ClientAuth<S> {
    offer: Offer,
    decision: Decision<S>,
    refusal: Option<Refusal>,
}

impl<S> ClientAuth<S> {
    /// That of a client whose ClientHello is accepted.
    pub fn new(offer: Offer, decision: Decision<S>) -> Self {
        Self { offer, decision, refusal: None }
    }

    /// That of a client whose ClientHello is refused.
    pub fn refused(refusal: Refusal) -> Self {
        Self { offer: Offer::NONE, decision: Decision::None, refusal: Some(refusal) }
    }

    /// How the client offers to authenticate.
    pub fn offer(&self) -> Offer {
        self.offer
    }

    /// What was decided.
    pub fn decision(&self) -> &Decision<S> {
        &self.decision
    }

    /// Why the ClientHello was refused, if it was.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }
}
