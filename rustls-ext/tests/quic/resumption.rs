//! Resumption never bypasses a demand (RES rules), over QUIC, with early data and without.

use rustls::client::ClientAuthOfferStatus as Client;
use rustls::server::{ClientAuthDecision, ClientAuthStatus};
use rustls_ext::ClientAuthOffer;
use rustls_ext::quic::HandshakeData;

use crate::common::{Clock, Ready};
use crate::harness::Site;

#[tokio::test]
async fn res_2_a_session_resumes_only_where_the_demand_accepts_it() {
    let site = Site::new();
    let tls = site.agent(ClientAuthOffer::default());
    site.visit(&tls).await.is(false, false, false);
    site.visit(&tls).await.is(true, true, false);

    // RES-6: early data is accepted exactly if the resumption is
    site.always(site.require());
    site.visit(&tls).await.is(false, false, true);
    site.visit(&tls).await.is(true, true, true);
    site.always(site.request());
    site.visit(&tls).await.is(true, true, true);

    // the same certificate in another scope
    site.always(ClientAuthDecision::Request(site.pki.demand("others")));
    let visit = site.visit(&tls).await;
    visit.is(false, false, false);
    assert!(visit.at_server().peer_identity("others").is_some());

    // no client is authenticated if none is asked
    site.always(ClientAuthDecision::None);
    site.visit(&tls).await.is(false, false, false);
}

#[tokio::test]
async fn res_3_a_client_that_offers_does_not_resume_without_a_certificate() {
    let site = Site::new();
    let mut tls = site.agent(ClientAuthOffer::default());
    let resolver = Ready::new(&site.pki.agent);
    tls.client_auth_cert_resolver = resolver.clone();
    site.always(site.request());
    site.visit(&tls).await.is(false, false, false);

    // RES-4, or the next line would prove nothing
    let visit = site.visit(&tls).await;
    visit.is(true, true, false);
    let declined = visit.at_server().client_auth().unwrap().status();
    assert_eq!(declined, ClientAuthStatus::Declined);

    tls.client_auth_offer = ClientAuthOffer::flag().prefer_resumption();
    resolver.ready();
    site.visit(&tls).await.is(false, false, true);
}

#[tokio::test]
async fn res_5_what_is_resumed_was_proved_when_it_was() {
    let clock = Clock::now();
    let site = Site::with(|tls| tls.time_provider = clock.clone());
    site.if_offered(site.require());
    let tls = site.agent(ClientAuthOffer::flag());
    let first = site.visit(&tls).await;
    first.is(false, false, true);
    let when = first.at_server().peer_identity("agents").unwrap().authenticated_at;

    clock.advance(60);
    let second = site.visit(&tls).await;
    second.is(true, true, true);
    let server = second.at_server();
    let identity = server.peer_identity("agents").unwrap();
    assert!(identity.resumed);
    assert_eq!(identity.authenticated_at, when, "resuming is not authenticating");
    assert_eq!(identity.chain, site.pki.agent.chain);
    assert!(server.peer_identity("staff").is_none());
    // A resumed handshake has no CertificateRequest with an acknowledgement (FLAGS-11).
    assert_eq!(second.at_client().client_auth_status(), Some(Client::Offered));
    let auth = server.client_auth().unwrap();
    assert!(auth.offered() && !auth.acknowledged());

    // The scope's anchors change under the same name: its sessions no longer resume.
    let impostor = rustls::server::ClientAuthDemand::new(site.pki.staff.verifier(), "agents");
    site.if_offered(ClientAuthDecision::Require(impostor.unwrap()));
    assert_eq!(site.refused(&tls).await, rustls::AlertDescription::UnknownCA);
}

#[tokio::test]
async fn res_6_no_client_is_authenticated_by_early_data_alone() {
    let site = Site::new();
    site.always(site.require());
    let tls = site.agent(ClientAuthOffer::flag());
    site.visit(&tls).await.is(false, false, true);

    // A replay of this ClientHello looks the same until the client's Finished arrives.
    let accepted = async {
        let connecting = site.incoming().await.accept().unwrap();
        let (server, complete) = connecting.into_0rtt().unwrap();
        let early = HandshakeData::from_quinn(server.handshake_data()).unwrap();
        assert!(early.peer_identity("agents").is_none() && early.client_auth().is_none());
        complete.await;
        server
    };
    site.exchange(site.connect(&tls), accepted).await.is(true, true, true);
}

#[tokio::test]
async fn res_8_a_client_that_offers_does_not_resume_a_session_without_authentication() {
    let site = Site::new();
    let mut tls = site.agent(ClientAuthOffer::default());
    site.visit(&tls).await.is(false, false, false);
    tls.client_auth_offer = ClientAuthOffer::flag().prefer_resumption();
    site.visit(&tls).await.is(true, true, false);
    tls.client_auth_offer = ClientAuthOffer::flag();
    site.visit(&tls).await.is(false, false, false);
}
