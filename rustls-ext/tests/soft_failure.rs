//! A lenient request continues although the client's certificate does not count: the client is then
//! unauthenticated, the reason is kept, and its chain is dropped.

mod common;

use std::sync::Arc;

use common::{CertAndKey, Pki, Side, Switch, When, handshake, provider, refused};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SerialNumber, date_time_ymd};
use rustls::server::{
    ClientAuthDecision, ClientAuthDemand, ClientAuthStatus, WebPkiClientVerifier,
};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, CertificateError, Error, HandshakeKind};
use rustls_ext::{ClientAuthOffer, PeerIdentity};

/// A certificate of the agents' authority, with a flaw.
fn flawed(pki: &Pki, flaw: impl FnOnce(&mut CertificateParams)) -> CertAndKey {
    let mut params = CertificateParams::new(vec!["agent".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from(4711u64));
    flaw(&mut params);
    pki.agents.sign(params)
}

/// The demand of the scope "agents", with a list that revokes certificate 4711.
fn revoking(pki: &Pki) -> ClientAuthDemand {
    let list = pki.agents.revoke(&[4711]);
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(pki.agents.roots()), provider())
            .with_crls([list])
            .build()
            .unwrap();
    ClientAuthDemand::new(verifier, "agents").unwrap()
}

/// The flaw of each, the demand that refuses it, and the alert that it would cause.
fn flaws(pki: &Pki) -> Vec<(&'static str, CertAndKey, ClientAuthDemand, AlertDescription)> {
    let agents = || pki.demand("agents");
    vec![
        ("UnknownIssuer", pki.staff.issue("boss"), agents(), AlertDescription::UnknownCA),
        (
            "ExpiredContext",
            flawed(pki, |params| params.not_after = date_time_ymd(2001, 1, 1)),
            agents(),
            AlertDescription::CertificateExpired,
        ),
        (
            "NotValidYetContext",
            flawed(pki, |params| params.not_before = date_time_ymd(3900, 1, 1)),
            agents(),
            AlertDescription::CertificateExpired,
        ),
        (
            "InvalidPurposeContext",
            flawed(pki, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            agents(),
            AlertDescription::UnsupportedCertificate,
        ),
        ("Revoked", flawed(pki, |_| {}), revoking(pki), AlertDescription::CertificateRevoked),
    ]
}

#[test]
fn a_lenient_request_continues_after_a_refused_certificate() {
    let pki = Pki::new();
    for version in [&TLS13, &TLS12] {
        for (reason, identity, demand, _) in flaws(&pki) {
            let decision = ClientAuthDecision::Request(demand.or_continue_unauthenticated());
            let policy = Switch::new(When::Always, decision);
            let server = Arc::new(pki.server_with(&policy, &[version]));
            let client = pki.client_config(Some(&identity), ClientAuthOffer::default(), &[version]);
            let client = Arc::new(client);
            // The second time, too: such a session is not resumed.
            for _ in 0..2 {
                let (_, s) = handshake(&client, &server);
                assert_eq!(s.handshake_kind(), Some(HandshakeKind::Full));
                let auth = s.client_auth().unwrap();
                assert_eq!(auth.status(), ClientAuthStatus::Refused, "{reason}");
                let Some(Error::InvalidCertificate(error)) = auth.refusal() else {
                    panic!("{reason}: {:?}", auth.refusal());
                };
                assert!(format!("{error:?}").starts_with(reason), "{reason}: {error:?}");
                assert!(s.peer_certificates().is_none() && s.peer_identity_is_none());
            }
        }
    }
}

trait NoIdentity {
    fn peer_identity_is_none(&self) -> bool;
}

impl NoIdentity for rustls::ServerConnection {
    fn peer_identity_is_none(&self) -> bool {
        PeerIdentity::from_connection(self, "agents").is_none()
    }
}

#[test]
fn without_lenience_the_same_certificates_end_the_handshake() {
    let pki = Pki::new();
    for version in [&TLS13, &TLS12] {
        for (reason, identity, demand, alert) in flaws(&pki) {
            for decision in [
                ClientAuthDecision::Request(demand.clone()),
                // a requirement is never lenient
                ClientAuthDecision::Require(demand.or_continue_unauthenticated()),
            ] {
                let policy = Switch::new(When::Always, decision);
                let server = Arc::new(pki.server_with(&policy, &[version]));
                let client =
                    pki.client_config(Some(&identity), ClientAuthOffer::default(), &[version]);
                let failure = refused(&Arc::new(client), &server);
                assert_eq!(failure.at, Side::Server);
                assert_eq!(failure.alert(), Some(alert), "{reason}");
            }
        }
    }
}

#[test]
fn a_certificate_that_counts_is_taken_all_the_same() {
    let pki = Pki::new();
    for version in [&TLS13, &TLS12] {
        let decision =
            ClientAuthDecision::Request(pki.demand("agents").or_continue_unauthenticated());
        let server = Arc::new(pki.server_with(&Switch::new(When::Always, decision), &[version]));
        let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[version]);
        let (_, s) = handshake(&Arc::new(client), &server);
        assert_eq!(PeerIdentity::from_connection(&s, "agents").unwrap().chain, pki.agent.chain);
        assert_eq!(s.client_auth().unwrap().refusal(), None);
    }
}

#[test]
fn a_proof_with_another_key_is_refused_like_a_certificate() {
    let pki = Pki::new();
    // A stolen certificate with the thief's key.
    let thief = CertAndKey {
        chain: pki.agent.chain.clone(),
        key: KeyPair::generate().unwrap().serialize_der(),
    };
    for version in [&TLS13, &TLS12] {
        let decision =
            ClientAuthDecision::Request(pki.demand("agents").or_continue_unauthenticated());
        let server = Arc::new(pki.server_with(&Switch::new(When::Always, decision), &[version]));
        let mut client = pki.client_config(None, ClientAuthOffer::default(), &[version]);
        client.client_auth_cert_resolver = Arc::new(thief.unchecked());
        let (_, s) = handshake(&Arc::new(client), &server);
        let auth = s.client_auth().unwrap();
        assert_eq!(auth.status(), ClientAuthStatus::Refused);
        let refusal = Error::InvalidCertificate(CertificateError::BadSignature);
        assert_eq!(auth.refusal(), Some(&refusal));
        assert!(s.peer_certificates().is_none() && s.peer_identity_is_none());
    }
}
