//! The server's decision, and its record of a client's offer.

use rustls_ext_wire::Offer;

use crate::hello::Refusal;

/// Whether the server requests a certificate, and in which scope. `S` is the scope of a TLS
/// library: the name under which certificates are accepted, and their verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<S> {
    /// The server does not request a certificate.
    None,
    /// The server requests a certificate, and continues without one. A certificate that does not
    /// verify in the scope ends the handshake.
    Request(S),
    /// The server requires a certificate that verifies in the scope.
    Require(S),
}

impl<S> Decision<S> {
    /// Returns the scope of the request, if there is one.
    pub fn scope(&self) -> Option<&S> {
        match self {
            Self::None => None,
            Self::Request(scope) | Self::Require(scope) => Some(scope),
        }
    }

    /// Returns `none`, `request` or `require`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Request(_) => "request",
            Self::Require(_) => "require",
        }
    }
}

/// A client's offer, and the server's decision.
#[derive(Clone, Debug)]
pub struct ClientAuth<S> {
    offer: Offer,
    decision: Decision<S>,
    refusal: Option<Refusal>,
}

impl<S> ClientAuth<S> {
    /// Makes the record of a client whose ClientHello is accepted.
    pub fn new(offer: Offer, decision: Decision<S>) -> Self {
        Self { offer, decision, refusal: None }
    }

    /// Makes the record of a client whose ClientHello is refused.
    pub fn refused(refusal: Refusal) -> Self {
        Self { offer: Offer::NONE, decision: Decision::None, refusal: Some(refusal) }
    }

    /// Returns the ways in which the client offers to authenticate.
    pub fn offer(&self) -> Offer {
        self.offer
    }

    /// Returns the decision.
    pub fn decision(&self) -> &Decision<S> {
        &self.decision
    }

    /// Returns why the ClientHello was refused, if it was.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }
}
