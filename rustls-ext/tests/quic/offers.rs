//! Which clients are asked, the outcome, and the status at client and server.

use rustls::client::ClientAuthOfferStatus as Client;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientAuthDecision, ClientAuthStatus as Server};
use rustls::{AlertDescription, CertificateError, Error, HandshakeKind};
use rustls_ext::ClientAuthOffer;
use rustls_ext::quic::HandshakeData;
use rustls_ext::wire::Offer;

use crate::common::{CertAndKey, Pki, Switch, When};
use crate::harness::{Site, refusal};

#[tokio::test]
async fn rca_2_an_accepted_offer_is_acknowledged_and_authenticates() {
    let site = Site::with(|tls| tls.alpn_protocols = vec![b"one".to_vec(), b"two".to_vec()]);
    site.if_offered(site.require());
    let mut tls = site.agent(ClientAuthOffer::flag());
    tls.alpn_protocols = vec![b"two".to_vec()];
    let visit = site.visit(&tls).await;

    let client = visit.at_client();
    assert_eq!(client.client_auth_status(), Some(Client::Acknowledged));
    assert_eq!(client.protocol.as_deref(), Some(&b"two"[..]));
    assert!(client.server_name.is_none() && client.client_auth().is_none());
    assert!(client.peer_identity("agents").is_none(), "that is for servers");

    let server = visit.at_server();
    assert_eq!(server.protocol.as_deref(), Some(&b"two"[..]));
    assert_eq!(server.server_name.as_deref(), Some("localhost"));
    assert_eq!(server.kind, Some(HandshakeKind::Full));
    assert_eq!(server.client_auth_status(), None);
    let auth = server.client_auth().unwrap();
    assert!(auth.offered() && auth.acknowledged());
    let identity = server.peer_identity("agents").unwrap();
    assert_eq!(identity.chain, site.pki.agent.chain);
    assert!(!identity.resumed);
    assert!(server.peer_identity("staff").is_none(), "another scope is another matter");
}

#[tokio::test]
async fn care_2_and_care_3_an_offer_by_care_is_echoed_and_not_acknowledged() {
    let site = Site::new();
    for (decision, asked) in [(ClientAuthDecision::None, false), (site.require(), true)] {
        site.if_offered(decision);
        let visit = site.visit(&site.agent(ClientAuthOffer::care())).await;
        let client = visit.at_client();
        assert!(client.client_auth_echoed());
        let status = if asked { Client::AskedWithoutAcknowledgement } else { Client::Offered };
        assert_eq!(client.client_auth_status(), Some(status));
        let server = visit.at_server();
        let auth = server.client_auth().unwrap();
        assert_eq!(auth.offer(), Offer::CARE);
        assert!(!auth.acknowledged() && !server.client_auth_echoed());
        assert_eq!(visit.authenticated(), asked);
    }
    let visit = site.visit(&site.agent(ClientAuthOffer::flag())).await;
    assert!(!visit.at_client().client_auth_echoed());
}

#[tokio::test]
async fn a_client_that_does_not_offer_is_not_asked() {
    let site = Site::new();
    site.if_offered(site.require());
    let visit = site.visit(&site.agent(ClientAuthOffer::default())).await;
    assert_eq!(visit.at_client().client_auth_status(), Some(Client::NotOffered));
    let server = visit.at_server();
    let auth = server.client_auth().unwrap();
    assert!(!auth.offered() && !auth.acknowledged());
    assert_eq!(auth.status(), Server::NotAsked);
    assert!(server.peer_identity("agents").is_none());
}

#[tokio::test]
async fn rca_3_a_server_with_another_reason_asks_without_acknowledgement() {
    let site = Site::new();
    site.always(ClientAuthDecision::Require(site.pki.demand("agents")));
    for offer in [ClientAuthOffer::flag(), ClientAuthOffer::default()] {
        let visit = site.visit(&site.agent(offer)).await;
        let status = visit.at_client().client_auth_status();
        assert_eq!(status, Some(Client::AskedWithoutAcknowledgement));
        assert!(visit.authenticated());
    }
}

#[tokio::test]
async fn rca_9_an_offer_may_be_ignored() {
    let site = Site::new();
    let visit = site.visit(&site.agent(ClientAuthOffer::flag())).await;
    assert_eq!(visit.at_client().client_auth_status(), Some(Client::Offered));
    assert!(visit.at_server().client_auth().unwrap().offered());
    assert!(!visit.authenticated());
}

#[tokio::test]
async fn rca_6_without_a_certificate_a_request_continues_and_a_requirement_does_not() {
    let site = Site::new();
    let tls = site.client(None, ClientAuthOffer::flag());
    site.if_offered(site.request());
    let visit = site.visit(&tls).await;
    assert_eq!(visit.at_client().client_auth_status(), Some(Client::Acknowledged));
    assert_eq!(visit.at_server().client_auth().unwrap().status(), Server::Declined);

    site.if_offered(site.require());
    assert_eq!(site.refused(&tls).await, AlertDescription::CertificateRequired);
}

#[tokio::test]
async fn rca_8_a_chain_for_one_set_of_anchors_does_not_pass_for_another() {
    let site = Site::new();
    site.if_offered(ClientAuthDecision::Request(site.pki.demand("staff")));
    let tls = site.agent(ClientAuthOffer::flag());
    assert_eq!(site.refused(&tls).await, AlertDescription::UnknownCA);
}

#[tokio::test]
async fn no_client_is_authenticated_before_the_handshake_is_complete() {
    let site = Site::new();
    site.always(site.require());
    for identity in [Some(&site.pki.agent), None] {
        let connecting = site.connect(&site.client(identity, ClientAuthOffer::flag()));
        let incoming = site.incoming().await;
        // The server has checked the ClientHello, and the client has no response yet.
        let (server, complete) = incoming.accept().unwrap().into_0rtt().unwrap();
        let data = || HandshakeData::from_quinn(server.handshake_data()).unwrap();
        let early = data();
        assert_eq!(early.server_name.as_deref(), Some("localhost"));
        assert!(early.peer_identity("agents").is_none() && early.client_auth().is_none());

        let (client, _) = tokio::join!(connecting, complete);
        assert!(early.peer_identity("agents").is_none(), "what was known then");
        if identity.is_some() {
            assert!(data().peer_identity("agents").is_some());
        } else {
            let alert = refusal(&client.unwrap().closed().await, &server.closed().await);
            assert_eq!(alert, AlertDescription::CertificateRequired);
            assert!(data().peer_identity("agents").is_none() && data().client_auth().is_none());
        }
    }
}

#[tokio::test]
async fn a_refused_chain_is_dropped_if_the_request_is_lenient() {
    let site = Site::new();
    let demand = site.pki.demand("agents").because_offered().or_continue_unauthenticated();
    site.if_offered(ClientAuthDecision::Request(demand));
    let stranger = site.pki.staff.issue("stranger");
    let tls = site.client(Some(&stranger), ClientAuthOffer::flag());
    let visit = site.visit(&tls).await;
    let server = visit.at_server();
    let auth = server.client_auth().unwrap();
    assert_eq!(auth.status(), Server::Refused);
    let reason = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(auth.refusal(), Some(&reason));
    for scope in ["agents", "staff", ""] {
        assert!(server.peer_identity(scope).is_none());
    }
    assert!(visit.server.peer_identity().is_none());
}

#[tokio::test]
async fn quinn_s_own_chain_has_no_scope_and_is_there_only_where_none_is_needed() {
    let chain = |connection: &quinn::Connection| {
        connection.peer_identity().map(|any| *any.downcast::<Vec<CertificateDer<'_>>>().unwrap())
    };
    let certificates = |identity: &CertAndKey| Some(identity.chain.clone());

    let site = Site::new();
    site.always(site.require());
    let visit = site.visit(&site.agent(ClientAuthOffer::default())).await;
    assert!(visit.authenticated());
    assert_eq!(chain(&visit.server), None);
    assert_eq!(chain(&visit.client), certificates(&site.pki.server));

    // A server without a policy has a verifier of its own, and it alone.
    let pki = Pki::new();
    let tls = rustls::ServerConfig::builder_with_provider(crate::common::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(pki.agents.verifier())
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    let crypto = rustls_ext::quic::QuicServerConfig::try_from(tls).unwrap();
    let config = quinn::ServerConfig::with_crypto(std::sync::Arc::new(crypto));
    let site = Site::of(pki, Switch::new(When::Always, ClientAuthDecision::None), config);
    let visit = site.visit(&site.agent(ClientAuthOffer::flag())).await;
    assert_eq!(chain(&visit.server), certificates(&site.pki.agent));
    let server = visit.at_server();
    assert!(server.client_auth().is_none() && server.peer_identity("agents").is_none());
}
