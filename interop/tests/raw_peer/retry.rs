//! A second ClientHello that differs from the first. Values that a policy sees must not change; all other
//! changes have the same result as with upstream. Without a policy, all changes do.

use std::sync::{Arc, Mutex};

use raw_peer::{CertificateAnswer, ClientConfig, Edit, Peer, Plan, Shares, Slot};
use rustls::crypto::ring;
use rustls::server::{
    ClientAuthDecision, ClientAuthPolicy, ClientHello as Shown, ResolvesServerCert,
};
use rustls::sign::CertifiedKey;
use rustls::{Error, HandshakeKind};

use crate::changes::{Change, seen, unseen};
use crate::demand::{FLAGS, OFFER, alerts, requesting};
use crate::harness::Pair;
use crate::pki::{Pki, for_rustls};

/// Lets a policy decide, and notes everything that a ClientHello shows: to the policy, and to the
/// resolver of certificates, which sees each of two hellos.
#[derive(Debug)]
struct Witness {
    decision: ClientAuthDecision,
    key: Arc<CertifiedKey>,
    decided: Mutex<Vec<String>>,
    resolved: Mutex<Vec<String>>,
}

impl Witness {
    fn new(pki: &Pki) -> Self {
        let (chain, key) = for_rustls(&pki.server);
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).unwrap();
        Self {
            decision: requesting(pki),
            key: Arc::new(key),
            decided: Mutex::default(),
            resolved: Mutex::default(),
        }
    }
}

impl ClientAuthPolicy for Witness {
    fn decide(&self, hello: &Shown<'_>) -> Result<ClientAuthDecision, Error> {
        self.decided.lock().unwrap().push(format!("{hello:?}"));
        Ok(self.decision.clone())
    }
}

impl ResolvesServerCert for Witness {
    fn resolve(&self, hello: Shown<'_>) -> Option<Arc<CertifiedKey>> {
        self.resolved.lock().unwrap().push(format!("{hello:?}"));
        Some(Arc::clone(&self.key))
    }
}

fn config(pki: &Pki, (first, second): &Change) -> ClientConfig {
    let mut plan = Plan::one(Slot::SecondClientHello, second.clone());
    plan.client_hello.clone_from(first);
    let shares = Shares::Only(Vec::new());
    let answer = CertificateAnswer::With(pki.client.clone());
    ClientConfig { shares, plan, answer, ..ClientConfig::default() }
}

/// A server with a policy that meets this change, and what both were shown.
fn decided(pki: &Pki, change: &Change) -> (Pair, Arc<Witness>) {
    let witness = Arc::new(Witness::new(pki));
    let mut server = pki.rustls_server(false);
    server.client_auth_policy = Some(Arc::clone(&witness) as _);
    server.cert_resolver = Arc::clone(&witness) as _;
    let mut pair = Pair::client(config(pki, change), server);
    pair.run();
    (pair, witness)
}

#[test]
fn a_decision_stands_since_a_second_hello_may_not_change_its_input() {
    let pki = Pki::new();
    for (change, error, alert) in seen() {
        let (pair, witness) = decided(&pki, &change);
        assert_eq!(pair.theirs, Err(error), "{change:?}");
        assert_eq!(alerts(&pair), [(2, alert)], "{change:?}");
        assert_eq!(witness.decided.lock().unwrap().len(), 1);
        // The policy did not see the second one.
        assert_eq!(witness.resolved.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_second_hello_may_only_change_values_that_no_policy_sees() {
    let pki = Pki::new();
    let same = (vec![Edit::add(FLAGS, OFFER)], Edit::replace(FLAGS, OFFER));
    for change in unseen().into_iter().chain([same]) {
        let (pair, witness) = decided(&pki, &change);
        assert_eq!(pair.theirs, Ok(()), "{change:?}");
        pair.assert_complete();
        let kind = pair.tls.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::FullWithHelloRetryRequest));
        let decided = witness.decided.lock().unwrap();
        let [shown] = &decided[..] else { panic!("asked once") };
        let resolved = witness.resolved.lock().unwrap();
        assert_eq!(*resolved, [shown.clone(), shown.clone()], "{change:?}");
    }
}

/// How far it came, with what error, and which alerts that brought.
macro_rules! outcome {
    ($server:expr, $config:expr) => {{
        let mut server = $server;
        let mut client = Peer::client($config).unwrap();
        let mut theirs = Ok(());
        loop {
            let up = client.take_output();
            let mut rest = up.as_slice();
            while theirs.is_ok() && !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                theirs = server.process_new_packets().map(drop);
            }
            let mut down = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut down).unwrap();
            }
            if up.is_empty() && down.is_empty() {
                break (
                    format!("{theirs:?}"),
                    Vec::from_iter(client.alerts()),
                    client.is_complete(),
                );
            }
            let _ = client.read(&down);
        }
    }};
}

#[test]
fn without_a_policy_a_second_hello_may_change_the_same_values_as_with_upstream() {
    let pki = Pki::new();
    let patched = Arc::new(pki.rustls_server(false));
    let (chain, key) = for_rustls(&pki.server);
    let provider = Arc::new(rustls_pristine::crypto::ring::default_provider());
    let pristine = rustls_pristine::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls_pristine::ALL_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let pristine = Arc::new(pristine);
    let mut completed = 0;
    for change in seen().into_iter().map(|(change, ..)| change).chain(unseen()) {
        let ours = outcome!(
            rustls::ServerConnection::new(Arc::clone(&patched)).unwrap(),
            config(&pki, &change)
        );
        let upstreams = outcome!(
            rustls_pristine::ServerConnection::new(Arc::clone(&pristine)).unwrap(),
            config(&pki, &change)
        );
        assert_eq!(ours, upstreams, "{change:?}");
        completed += usize::from(ours.2);
    }
    assert!(completed > unseen().len(), "a change of what a policy would have seen goes through");
}
