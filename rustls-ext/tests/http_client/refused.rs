//! CANT-8, and certificates that the server refuses.

use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::server::ClientAuthDecision;
use rustls::{AlertDescription, ProtocolVersion};
use rustls_ext::http::client::{Limits, Unanswered};
use rustls_ext::http::hyper::{Client, ConnectError, Error};
use rustls_ext::with_causes;

use super::site::{Site, challenge};
use super::world::{A, BOTH, World, any, get};

#[tokio::test]
async fn cant_8_no_certificate_goes_over_tls_1_2() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.old_site(A);
        let client = world.client(http);
        let answer = get(&client, A).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::UNAUTHORIZED, "who are you?"));
        assert_eq!(answer.report.unanswered, Some(Unanswered::NotConfidential));
        assert_eq!(answer.report.tls_version, Some(ProtocolVersion::TLSv1_2));
        assert_eq!((answer.report.sent, answer.identity()), (1, None));
        let answer = get(&client, A).await;
        assert_eq!(answer.report.unanswered, Some(Unanswered::RefusedEarlier));
        assert_eq!(site.asked().len(), 2);
        assert_eq!(site.seen().len(), 2);
        assert!(site.seen().iter().all(|seen| seen.certificate.is_none()));
    }
}

#[tokio::test]
async fn cant_8_unless_configured() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.old_site(A);
        let credentials = world.credentials().certificate_under_tls12(true);
        let client = world.client_with(http, credentials, Limits::default());
        let answer = get(&client, A).await;
        assert_eq!((answer.status, answer.identity()), (StatusCode::OK, Some("agent")));
        assert_eq!(answer.report.tls_version, Some(ProtocolVersion::TLSv1_2));
        let certificates = site.seen().into_iter().map(|seen| seen.certificate.is_some());
        assert_eq!(certificates.collect::<Vec<_>>(), [false, true]);
    }
}

#[tokio::test]
async fn a_refusal_after_the_handshake_is_an_error_with_its_alert() {
    for http in BOTH {
        let mut world = World::new();
        // The challenge accepts a certificate that the handshake refuses.
        let demand = world.pki.demand("staff").because_offered();
        let decide = move |hello: &rustls_ext::tokio::HelloInfo| {
            if hello.offered {
                ClientAuthDecision::Require(demand.clone())
            } else {
                ClientAuthDecision::None
            }
        };
        let site = Site::new(Some(world.tls()), decide, |_| challenge(&any()));
        world.put(A, &site);
        let client: Client<Full<Bytes>> = world.client(http);
        let request = || Request::get(A).body(Full::default()).unwrap();
        let error = client.request(request()).await.unwrap_err();
        let Error::Refused { refusal, identity, .. } = &error else {
            panic!("{http:?}: {error:?}")
        };
        assert_eq!(identity.as_deref(), Some("agent"));
        assert_eq!(refusal.alert, AlertDescription::UnknownCA);
        assert!(refusal.after_handshake);
        assert_eq!(error.refusal(), Some(refusal));
        assert_eq!(
            with_causes(&error),
            "no response: the server refused the client's certificate: unknown_ca, after the \
             client's handshake"
        );

        // For a while, challenges there are not answered.
        let answer = get(&client, A).await;
        assert_eq!(answer.report.unanswered, Some(Unanswered::RefusedEarlier));
        assert_eq!((site.seen().len(), site.asked().len()), (2, 2));
    }
}

#[tokio::test]
async fn a_server_that_requires_a_certificate_without_a_challenge_refuses() {
    for http in BOTH {
        let mut world = World::new();
        let demand = world.pki.demand("agents");
        let decide = move |_: &_| ClientAuthDecision::Require(demand.clone());
        let site = Site::new(Some(world.tls()), decide, |_| challenge(&any()));
        world.put(A, &site);
        let client: Client<Full<Bytes>> = world.client(http);
        let error = client.request(Request::get(A).body(Full::default()).unwrap()).await;
        let error = error.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.alert, AlertDescription::CertificateRequired, "{http:?}");
        assert_eq!(site.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_server_with_another_name_gets_no_certificate() {
    let mut world = World::new();
    let site = world.usual_site("https://example.org");
    let client: Client<Full<Bytes>> = world.client(super::world::Http::Two);
    let request = Request::get("https://example.org/agents").body(Full::default()).unwrap();
    let Err(Error::Connect(error)) = client.request(request).await else { panic!("connected") };
    assert!(matches!(*error, ConnectError::Tls(_)), "{error}");
    assert_eq!(site.asked().len(), 0);
}
