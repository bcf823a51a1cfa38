//! The cases in which a client connects to a server.

use clap::ValueEnum;
use serde::Serialize;

/// A case. Clients always have a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// The client does not offer; the server requests certificates of clients that offer
    NoOffer,
    /// The client offers; the server requests certificates of clients that offer
    OfferAccepted,
    /// The client offers; the server requests no certificate
    OfferIgnored,
    /// Two connections, the second with the session of the first; with an offer if both support it
    Resumption,
    /// The client has no key share for the server's group; with an offer if the client supports it
    HelloRetryRequest,
    /// The client hints at the trust domain of its certificate; the server requests a certificate because of it
    OriginHint,
    /// The server supports TLS 1.2 only; with an offer if the client supports it
    Tls12,
}

impl Case {
    /// All cases.
    pub const ALL: [Self; 7] = [
        Self::NoOffer,
        Self::OfferAccepted,
        Self::OfferIgnored,
        Self::Resumption,
        Self::HelloRetryRequest,
        Self::OriginHint,
        Self::Tls12,
    ];

    /// The title in the tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::NoOffer => "No offer",
            Self::OfferAccepted => "Offer accepted",
            Self::OfferIgnored => "Offer ignored",
            Self::Resumption => "Resumption",
            Self::HelloRetryRequest => "HelloRetryRequest",
            Self::OriginHint => "Origin hint",
            Self::Tls12 => "TLS 1.2",
        }
    }

    /// The configuration of the server.
    pub fn serving(self) -> Serving {
        Serving {
            requests_on_offer: !matches!(self, Self::OfferIgnored | Self::OriginHint),
            requests_on_origin: self == Self::OriginHint,
            retry: self == Self::HelloRetryRequest,
            tls12: self == Self::Tls12,
        }
    }
}

/// The configuration of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Serving {
    /// Whether it requests a certificate of clients that offer, if it can. It never requests one of others.
    pub requests_on_offer: bool,
    /// Whether it requests a certificate of clients that hint at [`ORIGIN`](super::ORIGIN), in a scope of this
    /// trust domain.
    pub requests_on_origin: bool,
    /// Whether it supports only a group for which clients send no key share: P-384.
    pub retry: bool,
    /// Whether it supports TLS 1.2 only.
    pub tls12: bool,
}
