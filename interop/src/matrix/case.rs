//! The cases in which a client meets a server.

use clap::ValueEnum;
use serde::Serialize;

/// A case. Clients always have a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// The client does not offer; the server asks those who do
    NoOffer,
    /// The client offers; the server asks those who do
    OfferAccepted,
    /// The client offers; the server asks nobody
    OfferIgnored,
    /// The same twice, with the session of the first time; with an offer where both ends can
    Resumption,
    /// The server wants a group for which the client has no key share; with an offer if the client can
    HelloRetryRequest,
    /// The server speaks TLS 1.2 only; with an offer if the client can
    Tls12,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NoOffer,
        Self::OfferAccepted,
        Self::OfferIgnored,
        Self::Resumption,
        Self::HelloRetryRequest,
        Self::Tls12,
    ];

    /// As in the tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::NoOffer => "No offer",
            Self::OfferAccepted => "Offer accepted",
            Self::OfferIgnored => "Offer ignored",
            Self::Resumption => "Resumption",
            Self::HelloRetryRequest => "HelloRetryRequest",
            Self::Tls12 => "TLS 1.2",
        }
    }

    /// How the server is to be.
    pub fn serving(self) -> Serving {
        Serving {
            requests_on_offer: self != Self::OfferIgnored,
            retry: self == Self::HelloRetryRequest,
            tls12: self == Self::Tls12,
        }
    }
}

/// How a server is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Serving {
    /// Whether it asks those who offer, if it can; it never asks anybody else.
    pub requests_on_offer: bool,
    /// Whether it agrees only to a group for which clients have no key share: P-384.
    pub retry: bool,
    /// Whether it speaks TLS 1.2 only.
    pub tls12: bool,
}
