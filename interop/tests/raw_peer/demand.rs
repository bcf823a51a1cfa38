//! Servers of ours that decide by a policy, and the flags that this is about.

use std::sync::Arc;

use interop::raw::Alert;
use rustls::Error;
use rustls::crypto::ring;
use rustls::server::{
    ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy, ClientHello, WebPkiClientVerifier,
};

use crate::harness::Pair;
use crate::pki::Pki;

pub const FLAGS: u16 = 62;
pub const ILLEGAL_PARAMETER: u8 = 47;

/// request_client_auth alone.
pub const OFFER: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// A flag that nobody knows, alone.
pub const OTHER: [u8; 2] = [1, 2];
/// Both.
pub const BOTH: [u8; 12] = [11, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// resumption_across_names alone.
pub const ACROSS_NAMES: [u8; 3] = [2, 0, 1];

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
    ClientAuthDemand::new(verifier.build().unwrap(), scope).unwrap().in_answer_to_offer()
}

pub fn requesting(pki: &Pki) -> ClientAuthDecision {
    ClientAuthDecision::Request(demand(pki, "clients"))
}

/// Decides the same for everybody.
#[derive(Debug)]
struct Always(ClientAuthDecision);

impl ClientAuthPolicy for Always {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        Ok(self.0.clone())
    }
}

/// A server that decides the same for everybody.
pub fn deciding(pki: &Pki, decision: ClientAuthDecision) -> rustls::ServerConfig {
    let mut config = pki.rustls_server(false);
    config.client_auth_policy = Some(Arc::new(Always(decision)));
    config
}
