//! Honest clients, and the expected outcome of each.

use fastrand::Rng;
use rustls_ext::rustls::AlertDescription as Alert;
use rustls_ext::wire::Offer;

use super::outcome::{AGENTS, Accepted, ClientOutcome, STAFF, Served, ServerOutcome, Status};
use crate::demo;

/// A host of the server, each with its own rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Requests a certificate of clients that offer.
    Public,
    /// Requires a certificate of clients that offer.
    Agents,
    /// Requires a certificate of the scope "staff".
    Admin,
    /// Requests a certificate of every client, and continues if it refuses the certificate.
    Lenient,
}

impl Host {
    /// All hosts.
    pub const ALL: [Self; 4] = [Self::Public, Self::Agents, Self::Admin, Self::Lenient];

    /// The server name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => demo::PUBLIC,
            Self::Agents => demo::AGENTS,
            Self::Admin => demo::ADMIN,
            Self::Lenient => "lenient.localhost",
        }
    }
}

/// The certificate of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// No certificate.
    None,
    /// Accepted in the scope "agents".
    Agent,
    /// Accepted in the scope "staff".
    Admin,
    /// Of an authority that no scope trusts.
    Stranger,
    /// Of the scope "agents", but expired.
    Expired,
}

/// An honest client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HonestClient {
    /// The host in its server_name.
    pub host: Host,
    /// Its certificate.
    pub certificate: Certificate,
    /// Its offer.
    pub offer: Offer,
    /// Whether it speaks TLS 1.2 only; otherwise TLS 1.3 only.
    pub tls12: bool,
    /// Whether it sends its certificate under TLS 1.2, where anyone can read it (CARE-5).
    pub in_clear: bool,
}

/// The expected outcome of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// At the server.
    pub server: ServerOutcome,
    /// At the client.
    pub client: ClientOutcome,
}

/// The position of a connection in the sequence of one client, and the kind of server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    /// Whether the client made the same connection before.
    pub again: bool,
    /// Whether the server's only group makes a HelloRetryRequest necessary.
    pub retries: bool,
    /// The length of the 0-RTT data that the client sends if it can, in bytes.
    pub early: usize,
}

impl HonestClient {
    /// A random client.
    pub fn random(rng: &mut Rng) -> Self {
        use Certificate::{Admin, Agent, Expired, None, Stranger};
        Self {
            host: rng.choice(Host::ALL).unwrap_or(Host::Public),
            certificate: rng.choice([None, Agent, Agent, Admin, Stranger, Expired]).unwrap_or(None),
            offer: rng
                .choice([
                    Offer::NONE,
                    Offer::NONE,
                    Offer::FLAG,
                    Offer::FLAG,
                    Offer::CARE,
                    Offer::BOTH,
                ])
                .unwrap_or_default(),
            tls12: rng.u8(..4) == 0,
            in_clear: rng.bool(),
        }
    }

    /// The expected outcome of a connection of this client.
    pub fn expected(&self, position: Position) -> Expected {
        let (status, scope, answered) = match self.verdict() {
            Err(alert) => {
                return Expected {
                    server: ServerOutcome::Sent(alert),
                    client: ClientOutcome::Refused { alert, late: !self.tls12 },
                };
            }
            Ok(accepted) => accepted,
        };
        // RES-4 and RES-8: a client that offers resumes only an authenticated session. A session
        // with a refused certificate is not stored.
        let resumed = position.again
            && match status {
                Status::Authenticated => true,
                Status::NotAsked | Status::Declined => self.offer.is_none(),
                Status::Tolerated => false,
            };
        let early = if resumed && !self.tls12 { position.early } else { 0 };
        let asked = status != Status::NotAsked && !resumed;
        // CARE has no acknowledgement.
        let acknowledged = answered && asked && self.offer.has_flag() && !self.tls12;
        Expected {
            server: ServerOutcome::Accepted(Accepted {
                tls12: self.tls12,
                status,
                scopes: scope.into_iter().collect(),
                offered: self.offers(),
                acknowledged,
                resumed,
                retried: position.retries && !position.again && !self.tls12,
                early,
            }),
            client: ClientOutcome::Served(Served {
                asked,
                acknowledged,
                resumed,
                early: early > 0,
            }),
        }
    }

    /// Whether the server sees an offer: flags do not exist in TLS 1.2.
    fn offers(&self) -> bool {
        self.offer.has_care() || self.offer.has_flag() && !self.tls12
    }

    /// The status, the scope, and whether the offer is the reason for the request; or the alert
    /// of a refusal. It follows from the rules in [`super::server::rules`].
    fn verdict(&self) -> Result<(Status, Option<&'static str>, bool), Alert> {
        let offered = self.offers();
        let (scope, required) = match self.host {
            Host::Admin => (STAFF, true),
            Host::Agents if offered => (AGENTS, true),
            Host::Public if offered => (AGENTS, false),
            Host::Lenient => (AGENTS, false),
            Host::Agents | Host::Public => return Ok((Status::NotAsked, None, false)),
        };
        let answered = matches!(self.host, Host::Public | Host::Agents);
        // CARE-5
        let shown = if self.tls12 && !self.offer.is_none() && !self.in_clear {
            Certificate::None
        } else {
            self.certificate
        };
        let alert = match (shown, scope) {
            (Certificate::None, _) if required => return Err(Alert::CertificateRequired),
            (Certificate::None, _) => return Ok((Status::Declined, None, answered)),
            (Certificate::Agent, AGENTS) | (Certificate::Admin, STAFF) => {
                return Ok((Status::Authenticated, Some(scope), answered));
            }
            // The dates are checked before the issuer.
            (Certificate::Expired, _) => Alert::CertificateExpired,
            _ => Alert::UnknownCA,
        };
        match self.host {
            Host::Lenient => Ok((Status::Tolerated, None, answered)),
            _ => Err(alert),
        }
    }
}
