//! An offer in a resolver: `OfferingResolver`.

use std::sync::{Arc, Mutex};

use rustls::client::{ClientAuthOfferStatus, ResolvesClientCert};
use rustls::server::{ClientAuthDecision, ClientAuthPolicy, ClientHello};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, Error, HandshakeKind, ServerConfig, SignatureScheme, SupportedProtocolVersion,
    quic,
};
use rustls_ext::wire::{CodePoints, Flag, Offer};
use rustls_ext::{ClientAuthOffer, OfferingResolver, PeerIdentity};

use crate::common::{CertAndKey, Pki, Switch, When, handshake, provider};
use crate::{quic_client, quic_pump};

/// Requires an agent's certificate of clients that offer one, and records their offers.
#[derive(Debug)]
struct Seen(Mutex<Vec<Offer>>, Arc<Switch>);

impl Seen {
    fn new(pki: &Pki) -> Arc<Self> {
        let decision = ClientAuthDecision::Require(pki.demand("agents").because_offered());
        Arc::new(Self(Mutex::default(), Switch::new(When::Offered, decision)))
    }

    fn offer(&self) -> Offer {
        self.0.lock().unwrap().pop().unwrap()
    }
}

impl ClientAuthPolicy for Seen {
    fn decide(&self, hello: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        self.0.lock().unwrap().push(hello.client_auth_offer());
        self.1.decide(hello)
    }
}

fn server(pki: &Pki, policy: &Arc<Seen>) -> ServerConfig {
    let mut config = pki.server_config(&[&TLS13, &TLS12]);
    config.client_auth_policy = Some(policy.clone());
    config
}

/// A client whose resolver carries `carried`, and whose field is the default.
fn client(
    pki: &Pki,
    identity: &CertAndKey,
    carried: ClientAuthOffer,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let inner = Arc::new(identity.unchecked());
    let mut config = pki.client_config(None, ClientAuthOffer::default(), &[version]);
    config.client_auth_cert_resolver = Arc::new(OfferingResolver::new(inner, carried));
    config
}

#[test]
fn a_client_makes_the_offer_that_its_resolver_carries() {
    let pki = Pki::new();
    let policy = Seen::new(&pki);
    let server = Arc::new(server(&pki, &policy));
    let new_client = || Arc::new(client(&pki, &pki.agent, ClientAuthOffer::flag(), &TLS13));

    let client = new_client();
    let (c, s) = handshake(&client, &server);
    assert_eq!(policy.offer(), Offer::FLAG);
    assert_eq!(c.client_auth_status(), ClientAuthOfferStatus::Acknowledged);
    assert!(!PeerIdentity::from_connection(&s, "agents").unwrap().resumed);

    let (_, s) = handshake(&client, &server);
    assert_eq!(policy.offer(), Offer::FLAG);
    assert!(PeerIdentity::from_connection(&s, "agents").unwrap().resumed);

    let mut c = quic_client(&new_client());
    let mut s = quic::ServerConnection::new(server, quic::Version::V1, Vec::new()).unwrap();
    quic_pump(&mut c, &mut s).unwrap();
    assert_eq!(policy.offer(), Offer::FLAG);
    assert_eq!(c.client_auth_status(), ClientAuthOfferStatus::Acknowledged);
}

#[test]
fn the_field_of_the_config_wins_where_it_differs_from_the_default() {
    let pki = Pki::new();
    let policy = Seen::new(&pki);
    let server = Arc::new(server(&pki, &policy));
    for (field, expected) in [
        (ClientAuthOffer::default(), Offer::FLAG),
        (ClientAuthOffer::care(), Offer::CARE),
        // No offer, and not the default.
        (ClientAuthOffer::default().prefer_resumption(), Offer::NONE),
    ] {
        let mut client = client(&pki, &pki.agent, ClientAuthOffer::flag(), &TLS13);
        client.client_auth_offer = field;
        let (_, s) = handshake(&Arc::new(client), &server);
        assert_eq!(policy.offer(), expected);
        assert_eq!(PeerIdentity::from_connection(&s, "agents").is_some(), expected != Offer::NONE);
    }
}

#[test]
fn care_5_holds_for_an_offer_that_a_resolver_carries() {
    let pki = Pki::new();
    let request = ClientAuthDecision::Request(pki.demand("agents"));
    let policy = Switch::new(When::Always, request);
    let server = Arc::new(pki.server_with(&policy, &[&TLS12]));
    let care = ClientAuthOffer::care;
    for (offer, sends) in [(care(), false), (care().with_certificate_under_tls12(true), true)] {
        let client = client(&pki, &pki.agent, offer, &TLS12);
        let (c, s) = handshake(&Arc::new(client), &server);
        assert!(c.client_auth_echoed());
        assert_eq!(PeerIdentity::from_connection(&s, "agents").is_some(), sends);
    }
}

#[test]
fn the_code_points_of_an_offer_that_a_resolver_carries_are_in_use() {
    let pki = Pki::new();
    let experiment = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap();
    let policy = Seen::new(&pki);
    let mut server = server(&pki, &policy);
    server.client_auth_code_points = experiment;
    let offer = ClientAuthOffer::flag().with_code_points(experiment);
    let client = client(&pki, &pki.agent, offer, &TLS13);
    let (c, _) = handshake(&Arc::new(client), &Arc::new(server));
    assert_eq!(policy.offer(), Offer::FLAG);
    assert_eq!(c.client_auth_status(), ClientAuthOfferStatus::Acknowledged);
}

#[test]
fn res_8_a_client_whose_resolver_carries_an_offer_does_not_resume_without_authentication() {
    let pki = Pki::new();
    let policy = Switch::new(When::Always, ClientAuthDecision::None);
    for version in [&TLS13, &TLS12] {
        let server = Arc::new(pki.server_with(&policy, &[version]));
        let care = ClientAuthOffer::care;
        for (offer, kind) in
            [(care(), HandshakeKind::Full), (care().prefer_resumption(), HandshakeKind::Resumed)]
        {
            let client = Arc::new(client(&pki, &pki.agent, offer, version));
            handshake(&client, &server);
            let (_, s) = handshake(&client, &server);
            assert_eq!(s.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

/// The subjects, the schemes, and whether the offer was acknowledged, if the resolver got that.
type Call = (Vec<Vec<u8>>, Vec<SignatureScheme>, Option<bool>);

/// A resolver that records its calls.
#[derive(Debug, Default)]
struct Inner {
    calls: Mutex<Vec<Call>>,
    key: Option<Arc<CertifiedKey>>,
    raw: bool,
    certs: bool,
}

impl Inner {
    fn called(
        &self,
        subjects: &[&[u8]],
        schemes: &[SignatureScheme],
        acknowledged: Option<bool>,
    ) -> Option<Arc<CertifiedKey>> {
        let subjects = subjects.iter().map(|name| name.to_vec()).collect();
        self.calls.lock().unwrap().push((subjects, schemes.to_vec(), acknowledged));
        self.key.clone()
    }
}

impl ResolvesClientCert for Inner {
    fn resolve(
        &self,
        subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.called(subjects, schemes, None)
    }

    fn resolve_with_acknowledgement(
        &self,
        subjects: &[&[u8]],
        schemes: &[SignatureScheme],
        acknowledged: bool,
    ) -> Option<Arc<CertifiedKey>> {
        self.called(subjects, schemes, Some(acknowledged))
    }

    fn only_raw_public_keys(&self) -> bool {
        self.raw
    }

    fn has_certs(&self) -> bool {
        self.certs
    }
}

#[test]
fn an_offering_resolver_answers_as_the_inner_one() {
    let pki = Pki::new();
    let key =
        CertifiedKey::from_der(pki.agent.chain.clone(), pki.agent.key(), &provider()).unwrap();
    let key = Arc::new(key);
    let (subject, schemes) = (b"name", [SignatureScheme::ED25519]);
    for (raw, certs) in [(false, false), (false, true), (true, false), (true, true)] {
        let key = certs.then(|| key.clone());
        let inner = Arc::new(Inner { key: key.clone(), raw, certs, ..Inner::default() });
        let outer = OfferingResolver::new(inner.clone(), ClientAuthOffer::flag());
        assert_eq!((outer.only_raw_public_keys(), outer.has_certs()), (raw, certs));
        let answers = [
            outer.resolve(&[subject], &schemes),
            outer.resolve_with_acknowledgement(&[subject], &schemes, true),
            outer.resolve_with_acknowledgement(&[], &[], false),
        ];
        for answer in answers {
            assert_eq!(
                answer.map(|key| key.cert.clone()),
                key.as_ref().map(|key| key.cert.clone())
            );
        }
        assert_eq!(
            *inner.calls.lock().unwrap(),
            [
                (vec![subject.to_vec()], schemes.to_vec(), None),
                (vec![subject.to_vec()], schemes.to_vec(), Some(true)),
                (vec![], vec![], Some(false)),
            ]
        );
    }
}
