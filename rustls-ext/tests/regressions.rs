//! Advisories about servers that let a resumed session bypass a demand, each as an attack.

mod common;

use std::sync::Arc;

use common::{CertAndKey, Pki, Ready, Side, Switch, When, handshake, refused};
use rustls::server::{ClientAuthDecision, ProducesTickets, ServerSessionMemoryCache};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, HandshakeKind, ServerConfig, SupportedProtocolVersion,
};
use rustls_ext::{ClientAuthOffer, PeerIdentity};

type Version = &'static SupportedProtocolVersion;

/// Session storage or ticket keys that several servers share.
#[derive(Clone)]
enum Shared {
    Storage(Arc<ServerSessionMemoryCache>),
    Tickets(Arc<dyn ProducesTickets>),
}

impl Shared {
    fn both() -> [Self; 2] {
        let ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        [Self::Storage(ServerSessionMemoryCache::new(64)), Self::Tickets(ticketer)]
    }

    fn by(&self, mut config: ServerConfig) -> Arc<ServerConfig> {
        match self.clone() {
            Self::Storage(storage) => config.session_storage = storage,
            Self::Tickets(ticketer) => config.ticketer = ticketer,
        }
        Arc::new(config)
    }

    fn demanding(
        &self,
        pki: &Pki,
        decision: ClientAuthDecision,
        version: Version,
    ) -> Arc<ServerConfig> {
        self.by(pki.server_with(&Switch::new(When::Always, decision), &[version]))
    }
}

fn everywhere(test: impl Fn(Version, Shared)) {
    for version in [&TLS13, &TLS12] {
        for shared in Shared::both() {
            test(version, shared);
        }
    }
}

fn client(pki: &Pki, identity: Option<&CertAndKey>, version: Version) -> Arc<ClientConfig> {
    Arc::new(pki.client_config(identity, ClientAuthOffer::default(), &[version]))
}

fn kind(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Option<HandshakeKind> {
    handshake(client, server).1.handshake_kind()
}

#[test]
fn cve_2025_23419_nginx_a_session_of_a_public_server_does_not_open_one_that_demands() {
    everywhere(|version, shared| {
        let pki = Pki::new();
        let public = shared.demanding(&pki, ClientAuthDecision::None, version);
        let admin = ClientAuthDecision::Require(pki.demand("staff"));
        let admin = shared.demanding(&pki, admin, version);
        let attacker = client(&pki, None, version);
        assert_eq!(kind(&attacker, &public), Some(HandshakeKind::Full));
        assert_eq!(kind(&attacker, &public), Some(HandshakeKind::Resumed));
        let failure = refused(&attacker, &admin);
        assert_eq!(failure.at, Side::Server);
        assert_eq!(failure.alert(), Some(AlertDescription::CertificateRequired));
    });
}

#[test]
fn cve_2025_23048_apache_a_session_under_one_authority_does_not_open_a_server_under_another() {
    everywhere(|version, shared| {
        let pki = Pki::new();
        let server =
            |scope| shared.demanding(&pki, ClientAuthDecision::Require(pki.demand(scope)), version);
        let (agents, staff) = (server("agents"), server("staff"));
        let attacker = client(&pki, Some(&pki.agent), version);
        assert_eq!(kind(&attacker, &agents), Some(HandshakeKind::Full));
        assert_eq!(kind(&attacker, &agents), Some(HandshakeKind::Resumed));
        let failure = refused(&attacker, &staff);
        assert_eq!(failure.at, Side::Server);
        assert_eq!(failure.alert(), Some(AlertDescription::UnknownCA));
    });
}

#[test]
fn cve_2025_68121_go_a_session_does_not_outlive_the_authority_of_its_client() {
    everywhere(|version, shared| {
        let pki = Pki::new();
        let before = ClientAuthDecision::Require(pki.demand("agents"));
        let before = shared.demanding(&pki, before, version);
        let attacker = client(&pki, Some(&pki.agent), version);
        assert_eq!(kind(&attacker, &before), Some(HandshakeKind::Full));
        assert_eq!(kind(&attacker, &before), Some(HandshakeKind::Resumed));

        // The server restarts: the same scope and ticket keys, but other anchors.
        let anchors = pki.staff.verifier();
        let demand = rustls::server::ClientAuthDemand::new(anchors, "agents").unwrap();
        let after = shared.demanding(&pki, ClientAuthDecision::Require(demand), version);
        let failure = refused(&attacker, &after);
        assert_eq!(failure.at, Side::Server);
        assert_eq!(failure.alert(), Some(AlertDescription::UnknownCA));
    });
}

#[test]
fn caddy_7443_a_connection_without_a_certificate_does_not_rule_out_a_later_one() {
    everywhere(|version, shared| {
        if version.version != TLS13.version {
            return; // there is no offer in TLS 1.2
        }
        let pki = Pki::new();
        let optional = ClientAuthDecision::Request(pki.demand("agents"));
        let server = shared.demanding(&pki, optional, version);
        let mut visitor = pki.client_config(None, ClientAuthOffer::default(), &[version]);
        let certificate = Ready::new(&pki.agent);
        visitor.client_auth_cert_resolver = certificate.clone();
        assert_eq!(kind(&Arc::new(visitor.clone()), &server), Some(HandshakeKind::Full));
        assert_eq!(kind(&Arc::new(visitor.clone()), &server), Some(HandshakeKind::Resumed));

        // Later, with a certificate, and resuming, as other clients do.
        certificate.ready();
        visitor.client_auth_offer = ClientAuthOffer::flag().prefer_resumption();
        let (_, s) = handshake(&Arc::new(visitor), &server);
        assert_eq!(s.handshake_kind(), Some(HandshakeKind::Full));
        assert!(PeerIdentity::from_connection(&s, "agents").is_some());
    });
}

#[test]
fn rustls_sharing_resumption_storage_confuses_servers_only_without_a_policy() {
    everywhere(|version, shared| {
        let pki = Pki::new();
        let attacker = client(&pki, Some(&pki.agent), version);
        let plain = |authority: &common::Authority| {
            let config = ServerConfig::builder_with_provider(common::provider())
                .with_protocol_versions(&[version])
                .unwrap()
                .with_client_cert_verifier(authority.verifier())
                .with_single_cert(pki.server.chain.clone(), pki.server.key())
                .unwrap();
            shared.by(config)
        };
        // The hazard that upstream documents: an agent's session resumes where staff is required.
        let (agents, staff) = (plain(&pki.agents), plain(&pki.staff));
        assert_eq!(kind(&attacker, &agents), Some(HandshakeKind::Full));
        let (_, confused) = handshake(&attacker, &staff);
        assert_eq!(confused.handshake_kind(), Some(HandshakeKind::Resumed));
        assert!(confused.peer_certificates().is_some());

        // The same two servers, with policies, and the session that the attacker holds.
        let staff = ClientAuthDecision::Require(pki.demand("staff"));
        let failure = refused(&attacker, &shared.demanding(&pki, staff, version));
        assert_eq!(failure.alert(), Some(AlertDescription::UnknownCA));
    });
}

#[test]
fn tickets_of_an_earlier_process_are_checked_against_the_current_rules() {
    for version in [&TLS13, &TLS12] {
        let pki = Pki::new();
        let key = Shared::both()[1].clone();
        let earlier = ClientAuthDecision::Request(pki.demand("agents"));
        let visitor = client(&pki, Some(&pki.agent), version);
        assert_eq!(
            kind(&visitor, &key.demanding(&pki, earlier.clone(), version)),
            Some(HandshakeKind::Full)
        );
        // built again, with the same key
        assert_eq!(
            kind(&visitor, &key.demanding(&pki, earlier, version)),
            Some(HandshakeKind::Resumed)
        );
        let today = ClientAuthDecision::None;
        let (_, s) = handshake(&visitor, &key.demanding(&pki, today, version));
        assert_eq!(s.handshake_kind(), Some(HandshakeKind::Full));
        assert!(s.peer_certificates().is_none());
    }
}
