//! A policy in a verifier: `Policy::for_verifier`.

use std::sync::Arc;

use rustls::server::ClientAuthStatus;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, Error, HandshakeKind};
use rustls_ext::{Anchors, ClientAuthOffer, PeerIdentity, Policy, PolicyError, Rule, Verdict};

use crate::common::{CarriedPolicy, Pki, Side, WrappedVerifier, handshake, provider, refused};
use crate::server_with_verifier;

/// Clients that offer need an agent's certificate, and others are not asked.
fn policy(pki: &Pki) -> Policy {
    Policy::builder()
        .provider(provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .rule(Rule::when().offered(true).require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap()
}

/// A verifier that wraps the policy's. Wrappers from before verifiers could carry a policy do not
/// forward it.
fn wrapped(policy: Policy, forwards: bool) -> Arc<dyn ClientCertVerifier> {
    let verifier = policy.for_verifier().unwrap();
    let policy = if forwards { CarriedPolicy::Forwarded } else { CarriedPolicy::None };
    Arc::new(WrappedVerifier { verifier, policy })
}

#[test]
fn a_config_that_is_built_with_a_policy_as_its_verifier_decides_by_the_policy() {
    let pki = Pki::new();
    for verifier in [policy(&pki).for_verifier().unwrap(), wrapped(policy(&pki), true)] {
        let server = Arc::new(server_with_verifier(&pki, verifier, &[&TLS13, &TLS12]));
        for version in [&TLS13, &TLS12] {
            let offer = ClientAuthOffer::care().with_certificate_under_tls12(true);
            let agent = Arc::new(pki.client_config(Some(&pki.agent), offer.clone(), &[version]));
            let (_, first) = handshake(&agent, &server);
            assert_eq!(
                PeerIdentity::from_connection(&first, "agents").unwrap().chain,
                pki.agent.chain
            );
            let (_, again) = handshake(&agent, &server);
            assert_eq!(again.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
            assert!(PeerIdentity::from_connection(&again, "agents").unwrap().resumed);

            let offering = pki.client_config(None, offer, &[version]);
            let failure = refused(&Arc::new(offering), &server);
            assert_eq!((failure.at, failure.error), (Side::Server, Error::NoCertificatesPresented));

            let public =
                pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[version]);
            let (_, server) = handshake(&Arc::new(public), &server);
            assert_eq!(server.client_auth().unwrap().status(), ClientAuthStatus::NotAsked);
        }
    }
}

#[test]
fn a_policy_with_rules_on_addresses_does_not_fit_in_a_verifier() {
    let pki = Pki::new();
    let network: rustls_ext::crates::ipnet::IpNet = "192.0.2.0/24".parse().unwrap();
    let policy = Policy::builder()
        .provider(provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .rule(Rule::when().peer(network).require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    assert!(matches!(policy.for_verifier(), Err(PolicyError::NeedsPeerAddress)));
}

#[test]
fn a_wrapper_that_hides_the_policy_refuses_every_client_with_the_reason() {
    let pki = Pki::new();
    let nothing = Policy::builder().otherwise(Verdict::None).build().unwrap();
    for policy in [policy(&pki), nothing] {
        let verifier = wrapped(policy, false);
        let server = Arc::new(server_with_verifier(&pki, verifier, &[&TLS13, &TLS12]));
        for version in [&TLS13, &TLS12] {
            for offer in [ClientAuthOffer::default(), ClientAuthOffer::care()] {
                let offer = offer.with_certificate_under_tls12(true);
                let none = pki.client_config(None, offer.clone(), &[version]);
                let failure = refused(&Arc::new(none), &server);
                assert_eq!(failure.error, Error::NoCertificatesPresented);

                let agent = pki.client_config(Some(&pki.agent), offer, &[version]);
                let failure = refused(&Arc::new(agent), &server);
                assert_eq!(
                    (failure.at, failure.error.to_string().as_str()),
                    (
                        Side::Server,
                        "unexpected error: no certificate is accepted: the verifier of this server \
                         carries a policy, which was not asked; a verifier that wraps it must \
                         forward `client_auth_policy()`"
                    )
                );
                assert_eq!(failure.alert(), Some(AlertDescription::HandshakeFailure));
            }
        }
    }
}

#[test]
fn res_7_sessions_of_a_policy_do_not_resume_where_a_wrapper_hides_it() {
    let pki = Pki::new();
    for version in [&TLS13, &TLS12] {
        let verifier = policy(&pki).for_verifier().unwrap();
        let shown = Arc::new(server_with_verifier(&pki, verifier, &[version]));
        let mut hidden = server_with_verifier(&pki, wrapped(policy(&pki), false), &[version]);
        hidden.session_storage = shown.session_storage.clone();
        let hidden = Arc::new(hidden);

        // One that authenticated, and one that was not asked.
        let offer = ClientAuthOffer::care().with_certificate_under_tls12(true);
        for offer in [offer, ClientAuthOffer::default()] {
            let client = Arc::new(pki.client_config(Some(&pki.agent), offer, &[version]));
            handshake(&client, &shown);
            let (_, again) = handshake(&client, &shown);
            assert_eq!(again.handshake_kind(), Some(HandshakeKind::Resumed));
            assert!(matches!(refused(&client, &hidden).error, Error::General(_)));
        }
    }
}
