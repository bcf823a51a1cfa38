//! The identity of a connection's client, and of the caller of each of its requests.

use rustls::{CertificateError, Error, ProtocolVersion};
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::Fingerprint;
use rustls_ext::http::server::ClientAuthOutcome;
use rustls_ext::wire::Offer;

use crate::site::Site;

#[tokio::test]
async fn a_client_that_makes_no_offer_is_unauthenticated_and_was_not_asked() {
    let site = Site::start().await;
    for client in [site.client(), site.client().with(&site.pki.agent)] {
        assert_eq!(client.get("www.example", "/maybe").await.text, "nobody");
        let known = site.latest();
        assert_eq!((known.offer(), known.certificate_request()), (Offer::NONE, None));
        assert_eq!(known.outcome(), &ClientAuthOutcome::NotAsked);
        assert!(known.identity("agents").is_none());
        assert_eq!(known.server_name(), Some("www.example"));
        assert_eq!(known.tls_version(), ProtocolVersion::TLSv1_3);
        assert_eq!(known.protocol(), Some(&b"h2"[..]));
        assert!(known.peer().is_some_and(|peer| peer.ip().is_loopback() && peer != site.addr));
    }
}

#[tokio::test]
async fn rca_2_care_2_an_offer_is_known_by_its_way_and_the_client_by_its_scope() {
    let site = Site::start().await;
    for (offer, way, acknowledged) in [
        (ClientAuthOffer::flag(), Offer::FLAG, true),
        (ClientAuthOffer::care(), Offer::CARE, false),
        (ClientAuthOffer::flag_and_care(), Offer::BOTH, true),
    ] {
        let client = site.client().with(&site.pki.agent).offering(offer);
        for client in [client.clone(), client.http1()] {
            assert_eq!(client.get("www.example", "/maybe").await.text, "agent: agent");
            let known = site.latest();
            assert_eq!((known.offer(), known.acknowledged()), (way, acknowledged));
            assert_eq!(known.outcome(), &ClientAuthOutcome::Authenticated);
            let asked = known.certificate_request().unwrap();
            assert_eq!((asked.scope.as_str(), asked.required), ("agents", false));
            let agent = known.identity("agents").unwrap();
            assert_eq!((agent.scope(), agent.resumed()), ("agents", false));
            assert_eq!(agent.chain(), site.pki.agent.chain);
            let fingerprint = Fingerprint::sha256(&site.pki.agent.chain[0]);
            assert_eq!(agent.certificate().fingerprint(), &fingerprint);
            // Not authenticated in any other scope.
            assert!(known.identity("staff").is_none() && known.identity("").is_none());
        }
    }
}

#[tokio::test]
async fn one_connection_is_known_to_all_of_its_requests() {
    let site = Site::start().await;
    let mut connection = site.agent().connect("www.example").await;
    for _ in 0..3 {
        assert_eq!(connection.get("www.example", "/maybe").await.text, "agent: agent");
    }
    assert_eq!(site.connections.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_that_declines_is_unauthenticated() {
    let site = Site::start().await;
    for (client, name) in [
        (site.client(), "login.example"),
        (site.client().offering(ClientAuthOffer::flag()), "www.example"),
    ] {
        assert_eq!(client.get(name, "/maybe").await.text, "nobody");
        assert_eq!(site.latest().outcome(), &ClientAuthOutcome::Declined);
        assert_eq!(site.latest().certificate_request().unwrap().scope, "agents");
    }
}

#[tokio::test]
async fn a_refused_certificate_is_a_reason_and_no_identity() {
    let site = Site::start().await;
    let client = site.client().with(&site.pki.boss);
    assert_eq!(client.get("soft.example", "/maybe").await.text, "nobody");
    let known = site.latest();
    let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(known.outcome(), &ClientAuthOutcome::Refused(unknown));
    assert!(known.identity("agents").is_none() && known.identity("staff").is_none());
}

#[tokio::test]
async fn res_2_a_resumed_connection_has_the_identity_of_its_session() {
    let site = Site::start().await;
    let config = site.agent().config();
    let mut at = None;
    for resumed in [false, true, true] {
        let mut connection =
            crate::site::Connection::open(config.clone(), "www.example", site.addr).await;
        assert_eq!(connection.get("www.example", "/maybe").await.text, "agent: agent");
        let known = site.latest();
        assert_eq!(known.resumed(), resumed);
        assert_eq!(known.outcome(), &ClientAuthOutcome::Authenticated);
        let agent = known.identity("agents").unwrap();
        assert_eq!(agent.resumed(), resumed);
        assert_eq!(agent.chain(), site.pki.agent.chain);
        // The time of the first handshake, in seconds.
        let seconds = agent.authenticated_at().as_secs();
        assert_eq!(*at.get_or_insert(seconds), seconds);
    }
}

#[tokio::test]
async fn tls_1_2_is_known_as_such() {
    let site = Site::start().await;
    let client = site.client().with(&site.pki.agent).offering(ClientAuthOffer::care()).tls12();
    assert_eq!(client.get("www.example", "/maybe").await.text, "agent: agent");
    let known = site.latest();
    assert_eq!(known.tls_version(), ProtocolVersion::TLSv1_2);
    assert_eq!((known.offer(), known.acknowledged()), (Offer::CARE, false));
}
