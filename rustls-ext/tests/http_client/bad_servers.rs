//! CANT-1, CANT-7: servers whose challenges are not allowed, endless, or malformed.

use std::time::Duration;

use http::header::{LOCATION, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls_ext::http::client::{Limits, Report, Unanswered};
use rustls_ext::http::hyper::Client;
use rustls_ext::http::{ChallengeProblem, limits};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

use super::site::{ReceivedRequest, Site, challenge, say};
use super::world::{A, B, BOTH, Http, World, any, get, post};

const IN_THE_CLEAR: &str = "http://a.example.test";

/// A site without TLS, for which a ClientHello is garbage.
fn clear_site(world: &mut World) -> std::sync::Arc<Site> {
    let site = Site::new(None, world.request_from_clients_that_offer(), |_| challenge(&any()));
    world.put(IN_THE_CLEAR, &site);
    site
}

#[tokio::test]
async fn cant_1_a_challenge_over_http_is_ignored() {
    let mut world = World::new();
    let site = clear_site(&mut world);
    let client = world.client(Http::One);
    for _ in 0..2 {
        let answer = get(&client, IN_THE_CLEAR).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::UNAUTHORIZED, "who are you?"));
        assert_eq!(answer.report.unanswered, Some(Unanswered::Insecure));
        assert_eq!((answer.report.sent, answer.identity()), (1, None));
    }
    assert_eq!((site.seen().len(), site.asked().len()), (1, 2));
}

#[tokio::test]
async fn cant_1_a_redirect_to_http_is_followed_without_a_certificate() {
    for http in BOTH {
        let mut world = World::new();
        let clear = clear_site(&mut world);
        let agents = world.agents();
        let secure = world.site(A, move |asked| match &asked.certificate {
            Some(_) => say(StatusCode::FOUND, "").with(LOCATION, format!("{IN_THE_CLEAR}/agents")),
            None => challenge(&agents),
        });
        let client: Client<Full<Bytes>> = world.client(http);
        // This client does not follow redirects itself.
        let follows = ServiceBuilder::new().layer(FollowRedirectLayer::new()).service(client);
        let request = Request::get(format!("{A}/agents")).body(Full::default()).unwrap();
        let response = follows.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let report = Report::of(response.extensions()).unwrap();
        assert_eq!(report.unanswered, Some(Unanswered::Insecure));
        assert_eq!(report.identity, None);
        assert_eq!((secure.asked().len(), clear.asked().len()), (2, 1));
    }
}

#[tokio::test]
async fn cant_6_a_redirect_to_another_host_is_followed_without_a_certificate() {
    let mut world = World::new();
    let agents = world.agents();
    world.site(A, move |asked| match &asked.certificate {
        Some(_) => say(StatusCode::FOUND, "").with(LOCATION, format!("{B}/elsewhere")),
        None => challenge(&agents),
    });
    let elsewhere = world.usual_site(B);
    let client: Client<Full<Bytes>> = world.client(Http::Two);
    let follows = ServiceBuilder::new().layer(FollowRedirectLayer::new()).service(client);
    let request = Request::get(format!("{A}/agents")).body(Full::default()).unwrap();
    assert_eq!(follows.oneshot(request).await.unwrap().status(), StatusCode::OK);
    let [connection] = &elsewhere.seen()[..] else { panic!("not one connection") };
    assert!(!connection.offered && connection.certificate.is_none());
}

#[tokio::test]
async fn cant_7_a_server_that_challenges_for_ever_gets_one_retry() {
    for http in BOTH {
        let mut world = World::new();
        let agents = world.agents();
        let site = world.site(A, move |_| challenge(&agents));
        let client = world.client(http);
        let answer = post(&client, &format!("{A}/x"), "body").await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::UNAUTHORIZED, "who are you?"));
        assert_eq!(answer.report.unanswered, Some(Unanswered::StillChallenged));
        assert_eq!((answer.report.sent, answer.identity()), (2, Some("agent")));
        assert_eq!((site.seen().len(), site.asked().len()), (2, 2));

        // Nor do other requests of this protection space, for a while.
        for path in ["/x", "/x/y", "/z"] {
            let answer = get(&client, &format!("{A}{path}")).await;
            assert_eq!(answer.report.unanswered, Some(Unanswered::RefusedEarlier), "{path}");
            assert_eq!((answer.report.sent, answer.identity()), (1, None), "{path}");
        }
        assert_eq!((site.seen().len(), site.asked().len()), (2, 5));
    }
}

#[tokio::test(start_paused = true)]
async fn cant_7_a_refusal_is_forgotten_after_a_while() {
    let mut world = World::new();
    let agents = world.agents();
    let site = world.site(A, move |_| challenge(&agents));
    let client = world.client(Http::Two);
    assert_eq!(get(&client, A).await.report.sent, 2);
    tokio::time::advance(Limits::default().refusal_timeout - Duration::from_millis(1)).await;
    assert_eq!(get(&client, A).await.report.sent, 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    // It uses the authenticated connection at once, and does not try again.
    let answer = get(&client, A).await;
    assert_eq!(answer.report.unanswered, Some(Unanswered::StillChallenged));
    assert_eq!((answer.report.sent, answer.identity()), (1, Some("agent")));
    assert_eq!(site.asked().len(), 4);
}

#[tokio::test]
async fn cant_7_a_server_that_challenges_still_for_one_thing_is_answered_for_others() {
    let mut world = World::new();
    let agents = world.agents();
    let site = world.site(A, move |asked| match (&*asked.path, &asked.certificate) {
        ("/a", Some(_)) => say(StatusCode::OK, "welcome"),
        _ => challenge(&agents),
    });
    let client = world.client(Http::Two);
    for (path, sent, unanswered) in [
        ("/a", 2, None),
        // That should have been a 403.
        ("/b", 2, Some(Unanswered::StillChallenged)),
        ("/b", 1, Some(Unanswered::StillChallenged)),
        ("/a", 1, None),
        ("/c", 2, Some(Unanswered::StillChallenged)),
    ] {
        let answer = get(&client, &format!("{A}{path}")).await;
        assert_eq!((answer.report.sent, answer.report.unanswered), (sent, unanswered), "{path}");
    }
    assert_eq!(site.seen().len(), 2);
}

#[tokio::test]
async fn cant_7_a_server_with_ever_new_realms_gets_one_retry() {
    for http in BOTH {
        let mut world = World::new();
        let number = std::sync::atomic::AtomicUsize::new(0);
        let site = world.site(A, move |_| {
            let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            challenge(&any().with_realm(number.to_string()).unwrap())
        });
        let client = world.client(http);
        let answer = get(&client, A).await;
        assert_eq!(answer.report.unanswered, Some(Unanswered::StillChallenged));
        assert_eq!((answer.report.sent, site.asked().len()), (2, 2));
    }
}

#[tokio::test]
async fn cant_7_a_server_that_never_asks_gets_one_retry() {
    let mut world = World::new();
    let agents = world.agents();
    let decide = |_: &_| rustls::server::ClientAuthDecision::None;
    let site = Site::new(Some(world.tls()), decide, move |_: &ReceivedRequest| challenge(&agents));
    world.put(A, &site);
    let answer = get(&world.client(Http::Two), A).await;
    assert_eq!(answer.report.unanswered, Some(Unanswered::StillChallenged));
    assert_eq!(answer.report.status, rustls::client::ClientAuthOfferStatus::Offered);
    assert_eq!(site.asked().len(), 2);
    assert!(site.seen().iter().all(|seen| seen.certificate.is_none()));
}

#[tokio::test]
async fn bad_challenges_are_not_answered_and_the_place_is_reported() {
    let many = format!("ClientCertificate {}", ["dn=MAA"; 1000].join(","));
    let byte = 18 + limits::PARAMETERS * "dn=MAA,".len();
    for (field, byte, problem) in [
        (many, byte, ChallengeProblem::TooManyParameters),
        (
            "Basic realm=a, ClientCertificate dn=M.A".to_owned(),
            33,
            ChallengeProblem::NotBase64 { name: "dn".into() },
        ),
        ("ClientCertificate realm=a, realm=b".to_owned(), 27, ChallengeProblem::DuplicateRealm),
        ("ClientCertificate realm=\"a".to_owned(), 24, ChallengeProblem::UnterminatedQuote),
    ] {
        let mut world = World::new();
        let bomb = field.clone();
        let site =
            world.site(A, move |_| say(StatusCode::UNAUTHORIZED, "").with(WWW_AUTHENTICATE, &bomb));
        let answer = get(&world.client(Http::Two), A).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let Some(Unanswered::Unreadable(errors)) = answer.report.unanswered else {
            panic!("{field}: {:?}", answer.report.unanswered)
        };
        assert_eq!((errors[0].place.byte, &errors[0].problem), (byte, &problem));
        assert_eq!((site.seen().len(), site.asked().len()), (1, 1));
    }
}

#[tokio::test]
async fn too_many_fields_do_not_hide_the_challenge_before_them() {
    // Over HTTP/1.1, since over HTTP/2 that many fields do not get through.
    let mut world = World::new();
    let agents = world.agents();
    let site = world.site(A, move |asked| match &asked.certificate {
        Some(_) => say(StatusCode::OK, "welcome"),
        None => (0..60).fold(challenge(&agents), |answer, _| {
            answer.with(WWW_AUTHENTICATE, ["ClientCertificate"; 300].join(","))
        }),
    });
    let answer = get(&world.client(Http::One), A).await;
    assert_eq!((answer.status, answer.identity()), (StatusCode::OK, Some("agent")));
    assert_eq!(site.asked().len(), 2);
}

#[tokio::test]
async fn a_401_without_a_challenge_of_ours_is_the_callers() {
    let mut world = World::new();
    let site = world.site(A, |_| {
        say(StatusCode::UNAUTHORIZED, "").with(WWW_AUTHENTICATE, "Basic realm=\"a\", Negotiate b=")
    });
    let answer = get(&world.client(Http::Two), A).await;
    assert_eq!((answer.report.sent, answer.report.unanswered), (1, None));
    assert_eq!(site.seen().len(), 1);
}

#[tokio::test]
async fn uris_that_lead_nowhere_are_errors() {
    let world = World::new();
    let client: Client<Full<Bytes>> = world.client(Http::Two);
    for uri in ["/path", "ftp://a.example.test/", "a.example.test:443"] {
        let request = Request::get(uri).body(Full::default()).unwrap();
        let error = client.request(request).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{uri} is not an http or https URI with a host"));
    }
}
