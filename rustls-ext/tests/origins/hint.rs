//! What a hint leads to, and what it does not prove.

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension};
use rustls::client::ClientAuthOfferStatus as Client;
use rustls::server::{ClientAuthDecision, ClientAuthStatus as Server};
use rustls::{
    AlertDescription, CertificateError, Error, HandshakeKind, PeerIncompatible, RootCertStore,
};
use rustls_ext::wire::{MAX_ORIGIN_BYTES, Offer, OriginError, WriteOriginsError};
use rustls_ext::{
    Anchors, ClientAuthOffer, ClientFacts, PeerIdentity, Policy, PolicyError, Rule, RuleProblem,
    Verdict, explain,
};

use crate::common::{handshake, provider, refused};
use crate::world::{COM, ORG, Recording, World, hint, issue};

#[test]
fn wio_4_each_client_is_asked_for_the_certificate_of_the_domain_that_it_hints_at() {
    let world = World::new();
    let server = world.server(world.rules());
    for (authority, domain, scope) in [(&world.org, ORG, "org"), (&world.com, COM, "com")] {
        let identity = issue(authority, &[&format!("{domain}/agent/1")]);
        let recording = Recording::new(&identity);
        let mut client = world.client_config(&identity, hint(&[domain]));
        client.client_auth_cert_resolver = recording.clone();
        let (c, s) = handshake(&Arc::new(client), &server);

        assert!(PeerIdentity::from_connection(&s, scope).is_some());
        let auth = s.client_auth().unwrap();
        assert!(matches!(auth.status(), Server::Authenticated { resumed: false, .. }));
        assert_eq!(auth.offer(), Offer::ORIGINS);
        let origins: Vec<_> = auth.origins().unwrap().iter().map(|it| it.to_string()).collect();
        assert_eq!(origins, [domain]);
        assert_eq!(c.client_auth_status(), Client::AskedWithoutAcknowledgement);
        // The request names the authorities of that scope alone.
        let names: Vec<_> =
            authority.roots().subjects().iter().map(|it| it.as_ref().to_vec()).collect();
        assert_eq!(*recording.asked.lock().unwrap(), [names]);
    }
}

#[test]
fn wio_4_nobody_else_is_asked_and_a_hint_authenticates_nobody() {
    let world = World::new();
    let server = world.server(world.rules());
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    for offer in
        [ClientAuthOffer::default(), ClientAuthOffer::flag(), hint(&["spiffe://example.net"])]
    {
        let (_, s) = handshake(&Arc::new(world.client_config(&identity, offer)), &server);
        assert_eq!(s.client_auth().unwrap().status(), Server::NotAsked);
        assert!(PeerIdentity::from_connection(&s, "org").is_none());
    }
    // A hint without a certificate.
    let client = world.pki.client_config(None, hint(&[ORG]), crate::world::BOTH_VERSIONS);
    let failure = refused(&Arc::new(client), &server);
    assert_eq!(failure.error, Error::NoCertificatesPresented);
    assert_eq!(failure.alert(), Some(AlertDescription::CertificateRequired));
}

#[test]
fn wio_4_hellos_whose_origins_are_all_unknown_can_be_refused() {
    let world = World::new();
    let server = world.server(world.rules().refuse_unknown_origins());
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    let failure = refused(&world.client(&identity, &["spiffe://example.net"]), &server);
    assert_eq!(failure.error, Error::PeerIncompatible(PeerIncompatible::RefusedByPolicy));
    assert_eq!(failure.alert(), Some(AlertDescription::HandshakeFailure));
    // With another offer, too.
    let offer = ClientAuthOffer::flag_and_care().with_origins(["spiffe://example.net"]).unwrap();
    let failure = refused(&Arc::new(world.client_config(&identity, offer)), &server);
    assert_eq!(failure.alert(), Some(AlertDescription::HandshakeFailure));
    // One known origin is enough, and no hint is no fault.
    let (_, s) = handshake(&world.client(&identity, &["spiffe://example.net", ORG]), &server);
    assert!(PeerIdentity::from_connection(&s, "org").is_some());
    let (_, s) = handshake(&world.client(&identity, &[]), &server);
    assert_eq!(s.client_auth().unwrap().status(), Server::NotAsked);
}

#[test]
fn wio_4_a_decision_to_refuse_is_predicted() {
    let world = World::new();
    let policy = world.rules().refuse_unknown_origins().build().unwrap();
    let decisions = |facts: &ClientFacts| policy.possible_decisions(None, facts);
    let origin = |text| rustls_ext::wire::Origin::parse(text).unwrap();
    let facts = ClientFacts::new().with_origins([origin("spiffe://example.net")]);
    assert!(matches!(decisions(&facts)[..], [ClientAuthDecision::Refuse]));
    let facts = ClientFacts::new().with_origins([origin("SPIFFE://Example.Com")]);
    let decided = decisions(&facts);
    let [ClientAuthDecision::Require(demand)] = &decided[..] else { panic!("{decided:?}") };
    assert_eq!(demand.scope(), "com");
    // Which origins is unknown: any of the rules may match.
    let facts = ClientFacts::new().with_offer(Offer::ORIGINS);
    assert_eq!(decisions(&facts).len(), 3);
}

#[test]
fn wio_5_a_hint_is_an_offer_and_only_a_flag_that_came_with_it_is_acknowledged() {
    let world = World::new();
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    for conditions in [Rule::when().offered(true), Rule::when().origin(ORG)] {
        let rules = world.scopes().rule(conditions.require("org"));
        let server = world.server(rules.otherwise(Verdict::None));
        let flag = ClientAuthOffer::flag().with_origins([ORG]).unwrap();
        for (offer, acknowledged, status) in [
            (hint(&[ORG]), false, Client::AskedWithoutAcknowledgement),
            (flag, true, Client::Acknowledged),
        ] {
            let (c, s) = handshake(&Arc::new(world.client_config(&identity, offer)), &server);
            assert_eq!(c.client_auth_status(), status);
            let auth = s.client_auth().unwrap();
            assert!(auth.offered());
            assert_eq!(auth.acknowledged(), acknowledged);
            assert!(PeerIdentity::from_connection(&s, "org").is_some());
        }
    }
}

#[test]
fn wio_6_a_client_that_hints_at_one_domain_and_comes_from_another_is_refused() {
    let world = World::new();
    let server = world.server(world.rules());
    let lenient = world.server(
        world
            .scopes()
            .rule(Rule::when().origin(ORG).request_lenient("org"))
            .otherwise(Verdict::None),
    );
    for (uris, explained) in [
        (
            &["spiffe://example.com/agent"][..],
            "the certificate is for spiffe://example.com/agent, which is not in the trust domain \
             spiffe://example.org",
        ),
        // One more URI, elsewhere.
        (
            &["spiffe://example.org/agent", "spiffe://example.com/agent"],
            "the certificate is for spiffe://example.org/agent and spiffe://example.com/agent, which is \
             not in the trust domain spiffe://example.org",
        ),
        (
            &["https://example.org/agent"],
            "the certificate is for https://example.org/agent, which is not \
             in the trust domain spiffe://example.org",
        ),
        (
            &["spiffe://example.org:80/agent"],
            "the certificate is for spiffe://example.org:80/agent, which is not in the trust domain \
             spiffe://example.org",
        ),
        (
            &[],
            "the certificate has no URI as subject alternative name, and must have one in the trust \
             domain spiffe://example.org",
        ),
    ] {
        let identity = issue(&world.org, uris);
        let client = world.client(&identity, &[ORG]);
        let failure = refused(&client, &server);
        assert_eq!(failure.alert(), Some(AlertDescription::AccessDenied), "{uris:?}");
        let expected = CertificateError::OutsideTrustDomain {
            expected: ORG.into(),
            presented: uris.iter().map(|uri| (*uri).to_owned()).collect(),
        };
        assert_eq!(failure.error, expected.into());
        assert_eq!(explain(&failure.error), explained);

        let (_, s) = handshake(&client, &lenient);
        let auth = s.client_auth().unwrap();
        assert_eq!(auth.status(), Server::Refused);
        assert_eq!(auth.refusal().map(explain).as_deref(), Some(explained));
        assert!(PeerIdentity::from_connection(&s, "org").is_none());
    }
    // An authority of the other domain is not trusted in this one, whatever its certificates say.
    let foreign = issue(&world.com, &["spiffe://example.org/agent"]);
    let failure = refused(&world.client(&foreign, &[ORG]), &server);
    assert_eq!(failure.alert(), Some(AlertDescription::UnknownCA));
}

#[test]
fn wio_6_a_uri_that_cannot_be_read_is_outside_of_every_trust_domain() {
    let world = World::new();
    let server = world.server(world.rules());
    let uri = |bytes: &[u8]| [&[0x86, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    for second in [&b"spiffe://example.org/agent/2"[..], b"\xff"] {
        let names = [uri(b"spiffe://example.org/agent/1"), uri(second)].concat();
        let mut params = CertificateParams::new(vec![]).unwrap();
        let names = [&[0x30, u8::try_from(names.len()).unwrap()], &names[..]].concat();
        let names = CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
        params.custom_extensions.push(names);
        let client = world.client(&world.org.sign(params), &[ORG]);
        if second.is_ascii() {
            let (_, s) = handshake(&client, &server);
            assert!(PeerIdentity::from_connection(&s, "org").is_some());
        } else {
            let failure = refused(&client, &server);
            assert_eq!(failure.alert(), Some(AlertDescription::AccessDenied));
        }
    }
}

#[test]
fn wio_6_case_does_not_matter_and_the_rule_holds_without_a_hint_too() {
    let world = World::new();
    let server = world.server(world.rules());
    let shouted = issue(&world.org, &["SPIFFE://Example.ORG/agent"]);
    let (_, s) = handshake(&world.client(&shouted, &["Spiffe://EXAMPLE.org"]), &server);
    assert!(PeerIdentity::from_connection(&s, "org").is_some());

    let server = world.server(world.scopes().otherwise(Verdict::Require("org".into())));
    let (_, s) = handshake(&world.client(&shouted, &[]), &server);
    assert!(PeerIdentity::from_connection(&s, "org").is_some());
    let failure = refused(&world.client(&issue(&world.org, &["spiffe://a.example"]), &[]), &server);
    assert_eq!(failure.alert(), Some(AlertDescription::AccessDenied));
}

#[test]
fn wio_6_a_pinned_certificate_is_no_exception() {
    let world = World::new();
    let identity = issue(&world.com, &["spiffe://example.com/agent"]);
    let pinned = |domain| {
        let anchors =
            Anchors::from_roots(RootCertStore::empty()).with_pinned(identity.chain.clone());
        Policy::builder()
            .provider(provider())
            .scope("one", anchors.unwrap().with_trust_domain(domain).unwrap())
            .otherwise(Verdict::Require("one".into()))
    };
    let (_, s) = handshake(&world.client(&identity, &[]), &world.server(pinned(COM)));
    assert!(PeerIdentity::from_connection(&s, "one").is_some());
    let failure = refused(&world.client(&identity, &[]), &world.server(pinned(ORG)));
    assert_eq!(failure.alert(), Some(AlertDescription::AccessDenied));
}

#[test]
fn wio_6_a_rule_on_an_origin_needs_a_scope_of_that_trust_domain() {
    let world = World::new();
    let problem = |rule: Rule| {
        let builder = world
            .scopes()
            .scope("any", Anchors::from_roots(world.org.roots()))
            .rule(rule)
            .otherwise(Verdict::None);
        match builder.build() {
            Err(PolicyError::Rule { rule: Some(1), problem }) => Some(problem),
            Err(other) => panic!("{other}"),
            Ok(_) => None,
        }
    };
    let other = |scope: &str| {
        Some(RuleProblem::OtherTrustDomain { scope: scope.into(), origin: ORG.into() })
    };
    assert_eq!(problem(Rule::when().origin("SPIFFE://example.ORG").request("org")), None);
    assert_eq!(problem(Rule::when().origin(ORG).ask_nothing()), None);
    assert_eq!(problem(Rule::when().origin(ORG).request("com")), other("com"));
    assert_eq!(problem(Rule::when().origin(ORG).require("any")), other("any"));
    assert_eq!(
        problem(Rule::when().origin("spiffe://example.org/path").request("org")),
        Some(RuleProblem::BadOrigin {
            origin: "spiffe://example.org/path".into(),
            error: OriginError::Path
        })
    );
    assert_eq!(
        problem(Rule::when().origin(ORG).offered(false).request("org")),
        Some(RuleProblem::Contradiction)
    );
    let unnamed = world.scopes().refuse_unknown_origins().otherwise(Verdict::None).build();
    assert!(matches!(unnamed, Err(PolicyError::NoKnownOrigins)));
    // A verifier of the user's own does not check it.
    let own = Anchors::from_verifier(world.org.verifier()).with_trust_domain(ORG).unwrap();
    let built = Policy::builder().scope("own", own).otherwise(Verdict::None).build();
    assert!(matches!(built, Err(PolicyError::OwnVerifier { .. })));
}

#[test]
fn a_rule_on_an_origin_is_covered_by_one_on_the_same_origin_or_on_any_offer() {
    let world = World::new();
    let covered = |first: Rule, second: Rule| {
        let built = world.scopes().rule(first).rule(second).otherwise(Verdict::None).build();
        match built {
            Ok(_) => false,
            Err(PolicyError::Rule { rule: Some(2), problem: RuleProblem::Unreachable { by } }) => {
                by == [1]
            }
            Err(other) => panic!("{other}"),
        }
    };
    let org = || Rule::when().origin(ORG).request("org");
    assert!(covered(Rule::when().offered(true).ask_nothing(), org()));
    assert!(covered(Rule::when().offered_by(Offer::ORIGINS).ask_nothing(), org()));
    assert!(covered(Rule::when().origin("SPIFFE://EXAMPLE.ORG").ask_nothing(), org()));
    assert!(!covered(Rule::when().origin(COM).ask_nothing(), org()));
    assert!(!covered(Rule::when().offered_by(Offer::FLAG).ask_nothing(), org()));
    assert!(!covered(org(), Rule::when().offered(true).ask_nothing()));
}

#[test]
fn wio_8_a_sender_is_told_when_it_configures_more_than_is_looked_at() {
    let origin = |number: usize| format!("spiffe://{number}.example");
    let offer = |origins: Vec<String>| ClientAuthOffer::flag().with_origins(origins).map(drop);
    assert_eq!(offer((0..16).map(origin).collect()), Ok(()));
    assert_eq!(offer((0..17).map(origin).collect()), Err(WriteOriginsError::TooMany));
    let long = format!("spiffe://{}", "a".repeat(MAX_ORIGIN_BYTES));
    assert_eq!(offer(vec![long]), Err(WriteOriginsError::TooLong));
    assert_eq!(offer(vec![]), Err(WriteOriginsError::Empty));
    let error = OriginError::NoScheme;
    assert_eq!(
        offer(vec!["example.org".into()]),
        Err(WriteOriginsError::NotAnOrigin { index: 0, error })
    );
}

#[test]
fn wio_9_a_session_resumes_only_in_the_scope_of_its_origin() {
    let world = World::new();
    let server = world.server(world.rules());
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    let mut client = world.client_config(&identity, hint(&[ORG]));
    let (_, s) = handshake(&Arc::new(client.clone()), &server);
    assert_eq!(s.handshake_kind(), Some(HandshakeKind::Full));
    let (_, s) = handshake(&Arc::new(client.clone()), &server);
    assert_eq!(s.handshake_kind(), Some(HandshakeKind::Resumed));
    let auth = s.client_auth().unwrap();
    assert!(matches!(auth.status(), Server::Authenticated { resumed: true, .. }));
    assert!(PeerIdentity::from_connection(&s, "org").is_some());

    // The same session with another hint: another scope, so it does not resume, and its certificate does
    // not count.
    client.client_auth_offer = hint(&[COM]);
    let failure = refused(&Arc::new(client.clone()), &server);
    assert_eq!(failure.alert(), Some(AlertDescription::UnknownCA));
    // Without a hint, nobody is asked, and an authenticated session does not resume either (RES-2).
    client.client_auth_offer = ClientAuthOffer::default();
    let (_, s) = handshake(&Arc::new(client), &server);
    assert_eq!(s.handshake_kind(), Some(HandshakeKind::Full));
    assert_eq!(s.client_auth().unwrap().status(), Server::NotAsked);
}
