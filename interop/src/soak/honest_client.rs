//! Honest clients, and what is right for each.

use fastrand::Rng;
use rustls_ext::rustls::AlertDescription as Alert;
use rustls_ext::wire::Offer;

use super::outcome::{AGENTS, Accepted, ClientOutcome, STAFF, Served, ServerOutcome, Status};
use crate::demo;

/// Whom a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Asks who offers, and goes on without.
    Public,
    /// Insists where somebody offers.
    Agents,
    /// Insists, on the staff's.
    Admin,
    /// Asks everybody, and goes on with whatever comes.
    Lenient,
}

impl Host {
    /// All of them.
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

/// What a client has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing.
    None,
    /// What counts in the scope "agents".
    Agent,
    /// What counts in the scope "staff".
    Admin,
    /// What counts nowhere.
    Stranger,
    /// What counted in the scope "agents" once.
    Expired,
}

/// An honest client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HonestClient {
    /// Whom it asks for.
    pub host: Host,
    /// What it has to show.
    pub certificate: Certificate,
    /// How it offers to authenticate.
    pub offer: Offer,
    /// Whether it speaks TLS 1.2, and not 1.3.
    pub tls12: bool,
    /// Whether it then shows its certificate although it offers.
    pub in_clear: bool,
}

/// What is right at both ends of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// At the server.
    pub server: ServerOutcome,
    /// At the client.
    pub client: ClientOutcome,
}

/// Where in a sequence of connections of one client, and to which server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    /// Whether there was a connection before that was like this one.
    pub again: bool,
    /// Whether the server needs a key share that nobody sends unless asked for it.
    pub retries: bool,
    /// How much 0-RTT data the client sends where it can, in bytes.
    pub early: usize,
}

impl HonestClient {
    /// Anybody.
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

    /// What is right for a connection of this client.
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
        // RES-4 and RES-8: without authentication, whoever offers does not resume. What was refused
        // is not remembered.
        let resumed = position.again
            && match status {
                Status::Authenticated => true,
                Status::NotAsked | Status::Declined => self.offer.is_none(),
                Status::Tolerated => false,
            };
        let early = if resumed && !self.tls12 { position.early } else { 0 };
        let asked = status != Status::NotAsked && !resumed;
        // There is no way to acknowledge CARE.
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

    /// Whether the server takes it that the client offers: there are no flags in TLS 1.2.
    fn offers(&self) -> bool {
        self.offer.has_care() || self.offer.has_flag() && !self.tls12
    }

    /// How far the client comes, in which scope, and whether it is asked because of its offer; or
    /// how it is refused. The policy in words: see [`super::server::rules`].
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
            // That is looked at first.
            (Certificate::Expired, _) => Alert::CertificateExpired,
            _ => Alert::UnknownCA,
        };
        match self.host {
            Host::Lenient => Ok((Status::Tolerated, None, answered)),
            _ => Err(alert),
        }
    }
}
