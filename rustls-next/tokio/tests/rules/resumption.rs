//! Sessions, and the scope in which they resume.

use std::sync::Arc;

use raw_peer::{CertificateAnswer, ClientConfig, Ticket};
use rustls::ServerConfig;
use rustls::client::ClientAuthOffer;
use rustls::error::{CertificateError, PeerMisbehaved};
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{
    ClientAuthDecision, ClientAuthDemand, ClientAuthStatus, WebPkiClientVerifier,
};

use crate::harness::*;

/// The same with sessions that the server stores, and with tickets; under TLS 1.3 and TLS 1.2.
fn bases(site: &Site) -> Vec<ServerConfig> {
    let mut bases = Vec::new();
    for provider in [rustls_ring::DEFAULT_TLS13_PROVIDER, rustls_ring::DEFAULT_TLS12_PROVIDER] {
        let stored = site.plain(Arc::new(provider));
        let mut tickets = stored.clone();
        tickets.ticketer = Some(tickets.provider().ticketer_factory.ticketer().unwrap());
        bases.extend([stored, tickets]);
    }
    bases
}

fn with(base: &ServerConfig, now: &Now) -> ServerConfig {
    let mut config = base.clone();
    config.client_auth_policy = Some(Arc::new(now.clone()));
    config
}

/// A client that sends a certificate under both versions.
fn client(site: &Site) -> rustls::ClientConfig {
    site.client(ClientAuthOffer::default())
}

fn anonymous(site: &Site) -> rustls::ClientConfig {
    rustls::ClientConfig::builder(provider())
        .with_root_certificates(roots(&site.servers))
        .with_no_client_auth()
        .unwrap()
}

/// Whether the connection is resumed, and the scope in which its client is authenticated.
fn visit(server: &ServerConfig, client: &rustls::ClientConfig) -> (bool, Option<String>) {
    let (server, client) = both(server, client);
    assert_eq!((&server.error, &client.error), (&None, &None));
    (server.is_resumed(), server.scope().map(str::to_owned))
}

fn in_scope(resumed: bool, scope: &str) -> (bool, Option<String>) {
    (resumed, Some(scope.into()))
}

#[test]
fn res_1_and_res_2_a_session_resumes_only_if_it_satisfies_the_decision() {
    let site = Site::new();
    let all = [
        ClientAuthDecision::None,
        site.request("agents"),
        site.require("agents"),
        site.request("staff"),
        site.require("staff"),
    ];
    let scope = |it: &ClientAuthDecision| it.demand().map(|it| it.scope().to_owned());
    for base in bases(&site) {
        for first in &all {
            for second in &all {
                let (now, client) = (Now::new(first.clone()), client(&site));
                let server = with(&base, &now);
                assert_eq!(visit(&server, &client), (false, scope(first)));
                now.set(second.clone());
                // Both not asked, or the same scope.
                let resumed = scope(first) == scope(second);
                assert_eq!(
                    visit(&server, &client),
                    (resumed, scope(second)),
                    "{first:?} {second:?}"
                );
            }
        }
    }
}

#[test]
fn res_2_a_session_without_a_certificate_does_not_satisfy_a_requirement() {
    let site = Site::new();
    for base in bases(&site) {
        for first in [ClientAuthDecision::None, site.request("agents")] {
            let (now, client) = (Now::new(first), anonymous(&site));
            let server = with(&base, &now);
            assert_eq!(visit(&server, &client), (false, None));
            now.set(site.require("agents"));
            let (server, _) = both(&server, &client);
            assert_eq!(server.error, Some(PeerMisbehaved::NoCertificatesPresented.into()));
        }
    }
}

#[test]
fn res_2_a_config_without_a_policy_keeps_its_own_rules() {
    let site = Site::new();
    for base in bases(&site) {
        // Its verifier is mandatory, and its sessions are those of the other config.
        let mut mandatory =
            ServerConfig::builder_with_details(base.provider().clone(), site.clock.clone())
                .with_client_cert_verifier(site.verifier())
                .with_single_cert(identity(&site.server), key(&site.server))
                .unwrap();
        mandatory.session_storage = base.session_storage.clone();
        mandatory.ticketer = base.ticketer.clone();

        let client = anonymous(&site);
        let open = with(&base, &Now::new(ClientAuthDecision::None));
        assert_eq!(visit(&open, &client), (false, None));
        let (server, _) = both(&mandatory, &client);
        assert_eq!(server.error, Some(PeerMisbehaved::NoCertificatesPresented.into()));

        // A session that records a scope is not one of its own.
        let client = self::client(&site);
        let asking = with(&base, &Now::new(site.request("agents")));
        assert_eq!(visit(&asking, &client), in_scope(false, "agents"));
        let (server, _) = both(&mandatory, &client);
        assert_eq!(server.error, None);
        assert!(!server.is_resumed());
        // Its own sessions resume, as in upstream.
        let (server, _) = both(&mandatory, &client);
        assert!(server.is_resumed());
        // They name no scope in which their certificate counts, so they resume under no decision.
        for (decision, scope) in
            [(ClientAuthDecision::None, None), (site.request("agents"), Some("agents"))]
        {
            let client = self::client(&site);
            let (server, _) = both(&mandatory, &client);
            assert_eq!((&server.error, server.is_resumed()), (&None, false));
            let deciding = with(&base, &Now::new(decision));
            assert_eq!(visit(&deciding, &client), (false, scope.map(str::to_owned)));
        }
    }
}

#[test]
fn care_4_a_resumed_connection_has_neither_an_echo_nor_an_acknowledgement() {
    let site = Site::new();
    for base in bases(&site) {
        let server = with(&base, &Now::new(site.request("agents")));
        let offer = ClientAuthOffer::flag_and_care().with_certificate_under_tls12(true);
        let client = site.client(offer);
        let is_tls_13 = base.provider().tls12_cipher_suites.is_empty();
        for resumed in [false, true] {
            let (server, client) = both(&server, &client);
            assert_eq!((&server.error, &client.error), (&None, &None));
            assert_eq!((server.is_resumed(), server.scope()), (resumed, Some("agents")));
            assert_eq!(client.connection.side().client_auth_echoed(), !resumed);
            assert_eq!(server.client_auth().acknowledged(), is_tls_13 && !resumed);
        }
    }
}

/// A session of a raw client on this server.
fn ticket(server: &ServerConfig, config: ClientConfig) -> Option<Ticket> {
    Some(served(server, config).0.tickets()[0].clone())
}

#[test]
fn res_3_a_client_that_offers_is_asked_whatever_session_it_has() {
    let site = Site::new();
    let server = site.by_offer();
    let declines = ClientConfig { answer: CertificateAnswer::Empty, ..site.offering(FLAG) };
    for config in [site.silent(), declines] {
        let ticket = ticket(&server, config);
        let (peer, server) = served(&server, ClientConfig { ticket, ..site.offering(FLAG) });
        assert!(!peer.is_resumed());
        assert_eq!(server.scope(), Some("agents"));
    }
}

#[test]
fn res_4_a_client_that_declined_and_does_not_offer_resumes_without_a_request() {
    let site = Site::new();
    for base in bases(&site) {
        let server = with(&base, &Now::new(site.request("agents")));
        let client = anonymous(&site);
        for resumed in [false, true, true] {
            let (server, _) = both(&server, &client);
            assert_eq!(server.is_resumed(), resumed);
            assert_eq!(server.client_auth().status(), ClientAuthStatus::Declined);
        }
    }
}

#[test]
fn res_5_a_chain_that_no_longer_verifies_leads_to_a_full_handshake() {
    let site = Site::new();
    let crl = site.agents.crl(&[&site.agent]).unwrap();
    let crl = CertificateRevocationListDer::from_pem_slice(crl.as_bytes()).unwrap();
    let revoking = WebPkiClientVerifier::builder(roots(&site.agents), &provider())
        .with_crls([crl])
        .build()
        .unwrap();
    let revoking = ClientAuthDemand::new(Arc::new(revoking), "agents").unwrap();
    for base in bases(&site) {
        let (now, client) = (Now::new(site.request("agents")), client(&site));
        let server = with(&base, &now);
        assert_eq!(visit(&server, &client), in_scope(false, "agents"));
        assert_eq!(visit(&server, &client), in_scope(true, "agents"));
        now.set(ClientAuthDecision::Request(revoking.clone()));
        // In the full handshake, the client sent the certificate again.
        let (server, _) = both(&server, &client);
        assert_eq!(server.error, Some(CertificateError::Revoked.into()));
    }
}

#[test]
fn res_5_a_proof_is_used_for_seven_days() {
    const DAY: u64 = 24 * 60 * 60;
    let site = Site::new();
    // Stored sessions, so that no ticket expires before.
    for base in bases(&site).into_iter().filter(|base| base.ticketer.is_none()) {
        let server = with(&base, &Now::new(site.require("agents")));
        let client = client(&site);
        *site.clock.0.lock().unwrap() = 0;
        assert_eq!(visit(&server, &client), in_scope(false, "agents"));
        // A resumption does not renew the proof.
        for (days, resumed) in [(4, true), (6, true), (8, false), (9, true)] {
            *site.clock.0.lock().unwrap() = days * DAY;
            assert_eq!(visit(&server, &client), in_scope(resumed, "agents"), "day {days}");
        }
    }
}

#[test]
fn res_6_early_data_are_refused_with_the_resumption() {
    let site = Site::new();
    let now = Now::new(ClientAuthDecision::None);
    let mut server = site.deciding(&now);
    server.max_early_data_size = 1024;
    let early =
        |ticket, config| ClientConfig { ticket, early_data: Some(b"early".to_vec()), ..config };

    let visitor = ticket(&server, site.silent());
    let (peer, end) = served(&server, early(visitor, site.silent()));
    assert!(peer.early_data_accepted());
    assert_eq!(end.early_data, b"early");

    // The demand refuses such a session, and its early data, in whatever portions these arrive.
    for most in [usize::MAX, 1] {
        for config in [site.offering(FLAG), retrying(site.offering(FLAG))] {
            now.set(ClientAuthDecision::None);
            let visitor = ticket(&server, site.silent());
            now.set(site.require("agents"));
            let (peer, end) = raw_client_in(&server, early(visitor, config), most);
            assert_eq!((&end.error, peer.received_data().as_slice()), (&None, &b"pong"[..]));
            assert!(!peer.is_resumed() && !peer.early_data_accepted());
            assert_eq!((end.early_data.as_slice(), end.scope()), (&[][..], Some("agents")));
        }
    }

    let agent = ticket(&server, site.offering(FLAG));
    let (peer, end) = served(&server, early(agent, site.offering(FLAG)));
    assert!(peer.is_resumed() && peer.early_data_accepted());
    assert_eq!((end.early_data.as_slice(), end.scope()), (&b"early"[..], Some("agents")));
}

#[test]
fn res_7_a_record_that_cannot_be_read_leads_to_a_full_handshake() {
    let site = Site::new();
    let now = Now::new(site.request("agents"));
    let mut server = site.deciding(&now);
    let storage = Arc::new(spoiled::Storage::default());
    server.session_storage = storage.clone();
    for change in [spoiled::Change::Nothing, spoiled::Change::Cut, spoiled::Change::Other] {
        let client = client(&site);
        assert_eq!(visit(&server, &client), in_scope(false, "agents"));
        storage.spoil(change);
        let resumed = matches!(change, spoiled::Change::Nothing);
        assert_eq!(visit(&server, &client), in_scope(resumed, "agents"), "{change:?}");
    }
}

#[test]
fn a_session_without_a_record_is_stored_as_upstream_stores_it() {
    let site = Site::new();
    let sizes = |decision: Option<ClientAuthDecision>| {
        let mut server = site.plain(provider());
        server.client_auth_policy = decision.map(|it| Arc::new(Now::new(it)) as _);
        let storage = Arc::new(spoiled::Storage::default());
        server.session_storage = storage.clone();
        visit_without(&server, &anonymous(&site));
        storage.sizes()
    };
    let upstream = sizes(None);
    assert_eq!(upstream.len(), 2);
    assert_eq!(sizes(Some(ClientAuthDecision::None)), upstream);
    let declined = sizes(Some(site.request("agents")));
    assert!(declined.iter().zip(&upstream).all(|(with, without)| with > without));
}

fn visit_without(server: &ServerConfig, client: &rustls::ClientConfig) {
    let (server, client) = both(server, client);
    assert_eq!((&server.error, &client.error), (&None, &None));
}

/// A storage of sessions that can change them.
mod spoiled {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use rustls::server::{ServerSessionKey, StoresServerSessions};

    #[derive(Clone, Copy, Debug)]
    pub(super) enum Change {
        Nothing,
        /// The last byte is gone.
        Cut,
        /// The first byte of the record is another one.
        Other,
    }

    #[derive(Debug, Default)]
    pub(super) struct Storage(Mutex<HashMap<Vec<u8>, Vec<u8>>>);

    impl Storage {
        pub(super) fn spoil(&self, change: Change) {
            for value in self.0.lock().unwrap().values_mut() {
                match change {
                    Change::Nothing => {}
                    Change::Cut => drop(value.pop()),
                    Change::Other => {
                        // The record ends with scope, time, and the absence of a voucher.
                        let scope = value.windows(6).rposition(|it| it == b"agents").unwrap();
                        value[scope] ^= 1;
                    }
                }
            }
        }

        pub(super) fn sizes(&self) -> Vec<usize> {
            self.0.lock().unwrap().values().map(Vec::len).collect()
        }
    }

    impl StoresServerSessions for Storage {
        fn put(&self, key: ServerSessionKey<'_>, value: Vec<u8>) -> bool {
            self.0.lock().unwrap().insert(key.as_ref().to_vec(), value);
            true
        }

        fn get(&self, key: ServerSessionKey<'_>) -> Option<Vec<u8>> {
            self.0.lock().unwrap().get(key.as_ref()).cloned()
        }

        fn take(&self, key: ServerSessionKey<'_>) -> Option<Vec<u8>> {
            self.0.lock().unwrap().remove(key.as_ref())
        }

        fn can_cache(&self) -> bool {
            true
        }
    }
}
