//! Patched servers that decide by a policy, and the flags of the tests.

use std::sync::{Arc, Mutex};

use raw_peer::{Alert, CertificateAnswer, ClientConfig, Edit, Plan, Shares, Slot, Ticket};
use rustls::crypto::ring;
use rustls::server::{
    ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy, ClientAuthStatus, ClientHello,
    WebPkiClientVerifier,
};
use rustls::{Connection, Error};

use crate::harness::Pair;
use crate::pki::Pki;

pub const EARLY: &[u8] = b"let me in";
pub const FLAGS: u16 = 62;
pub const CARE: u16 = 0xffca;
pub const HINT: u16 = 0xffcb;
pub const ILLEGAL_PARAMETER: u8 = 47;

/// request_client_auth alone.
pub const OFFER: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// An unknown flag, alone.
pub const OTHER: [u8; 2] = [1, 2];
/// Both.
pub const BOTH: [u8; 12] = [11, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// resumption_across_names alone.
pub const ACROSS_NAMES: [u8; 3] = [2, 0, 1];

/// The body of a hint at `spiffe://example.org`.
pub const ORIGINS: &[u8] = b"\0\x16\0\x14spiffe://example.org";
/// The same with one byte too few.
pub const BROKEN_ORIGINS: &[u8] = b"\0\x16\0\x14spiffe://example.or";

/// The alerts that the raw end received, whether or not they were encrypted.
pub fn alerts(pair: &Pair) -> Vec<(u8, u8)> {
    let alerts: Vec<Alert> = pair.alerts();
    alerts.iter().map(|alert| (alert.level, alert.description)).collect()
}

#[track_caller]
pub fn assert_alert(pair: &Pair, description: u8) {
    assert_eq!(alerts(pair), [(2, description)], "{:?}", pair.theirs);
    assert!(pair.theirs.is_err());
}

/// Certificates under this authority, in this scope, and because of the offer if there is one.
pub fn demand(pki: &Pki, scope: &str) -> ClientAuthDemand {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(pki.roots.clone(), provider);
    ClientAuthDemand::new(verifier.build().unwrap(), scope).unwrap().because_offered()
}

pub fn requesting(pki: &Pki) -> ClientAuthDecision {
    ClientAuthDecision::Request(demand(pki, "clients"))
}

pub fn requiring(pki: &Pki, scope: &str) -> ClientAuthDecision {
    ClientAuthDecision::Require(demand(pki, scope))
}

/// A policy with one decision for all clients, which a test can change.
#[derive(Debug)]
pub struct Told(Mutex<ClientAuthDecision>);

impl Told {
    pub fn new(decision: ClientAuthDecision) -> Arc<Self> {
        Arc::new(Self(Mutex::new(decision)))
    }

    pub fn tell(&self, decision: ClientAuthDecision) {
        *self.0.lock().unwrap() = decision;
    }
}

impl ClientAuthPolicy for Told {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// A server with the same decision for all clients.
pub fn deciding(pki: &Pki, decision: ClientAuthDecision) -> rustls::ServerConfig {
    let mut config = pki.rustls_server(false);
    config.client_auth_policy = Some(Told::new(decision));
    config
}

/// The status of client authentication at a patched server.
pub fn server_status(pair: &Pair) -> ClientAuthStatus {
    match &pair.tls {
        Connection::Server(server) => server.client_auth().unwrap().status(),
        Connection::Client(_) => panic!("not a server"),
    }
}

/// A server with a policy that is told what to decide, and takes early data.
pub struct Site {
    pub pki: Pki,
    policy: Arc<Told>,
    pub server: Arc<rustls::ServerConfig>,
}

/// What a raw client does there.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub offers: bool,
    /// Leaves it without a key share, so that it sends a second hello.
    pub retry: bool,
    /// Has no certificate to show.
    pub declines: bool,
}

pub const PLAIN: Visit = Visit { offers: false, retry: false, declines: false };
pub const OFFERS: Visit = Visit { offers: true, ..PLAIN };
pub const DECLINES: Visit = Visit { declines: true, ..PLAIN };
pub const RETRIES: Visit = Visit { retry: true, ..PLAIN };

impl Site {
    pub fn new(stateless: bool) -> Self {
        let pki = Pki::new();
        let policy = Told::new(ClientAuthDecision::None);
        let mut server = pki.rustls_server(false);
        server.client_auth_policy = Some(Arc::clone(&policy) as _);
        server.max_early_data_size = 1000;
        if stateless {
            server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        }
        Self { pki, policy, server: Arc::new(server) }
    }

    pub fn config(&self, visit: Visit) -> ClientConfig {
        let mut config = ClientConfig::default();
        if !visit.declines {
            config.answer = CertificateAnswer::With(self.pki.client.clone());
        }
        if visit.retry {
            config.shares = Shares::Only(Vec::new());
        }
        if visit.offers {
            config.plan = Plan::one(Slot::ClientHello, Edit::add(FLAGS, OFFER));
        }
        config
    }

    pub fn tell(&self, decision: ClientAuthDecision) {
        self.policy.tell(decision);
    }

    /// A session that is made under this decision.
    pub fn ticket(&self, decision: ClientAuthDecision, visit: Visit) -> Ticket {
        self.tell(decision);
        let mut pair = Pair::client(self.config(visit), Arc::clone(&self.server));
        pair.run();
        pair.assert_complete();
        pair.raw.tickets()[0].clone()
    }

    /// A connection with early data, under another decision.
    pub fn early(&self, ticket: Ticket, decision: ClientAuthDecision, visit: Visit) -> Pair {
        self.tell(decision);
        let early_data = Some(EARLY.to_vec());
        let config = ClientConfig { ticket: Some(ticket), early_data, ..self.config(visit) };
        let mut pair = Pair::client(config, Arc::clone(&self.server));
        pair.run();
        pair
    }
}
