//! Servers that get a certificate on the open connection.

use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::client::ClientAuthOfferStatus;
use rustls_ext::http::client::Report;
use rustls_ext::http::hyper::{Client, Once};
use rustls_ext::http::secondary::HttpCodePoints;
use std::sync::Arc;
use tokio::sync::Notify;

use super::common::Clock;
use super::world::{A, World, get};

#[tokio::test]
async fn a_page_gets_its_certificate_on_the_connection_that_loaded_the_landing_page() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client();
    let landing = get(&client, A).await;
    assert_eq!(landing.summary(), (200, None, 1));
    assert!(landing.shown().is_empty());

    let page = get(&client, &format!("{A}/agents")).await;
    assert_eq!(page.summary(), (200, Some("agent"), 1));
    assert_eq!(page.shown(), ["agent"]);
    assert!(page.report.is_shown_after_handshake());
    assert_eq!(site.log.count(), 1);
    let connection = site.log.connection(0);
    assert_eq!(connection.answers, [Some(world.pki.agent.chain[0].clone())]);
    assert_eq!((connection.handshake, connection.setting), (None, Some(2)));
}

#[tokio::test]
async fn the_report_says_what_was_shown_and_when() {
    let mut world = World::new();
    world.usual_site(A);
    let clock = Clock::now();
    let mut tls = world.client_tls();
    tls.time_provider = clock.clone();
    let client = world.builder_over(tls, world.credentials()).build();
    get(&client, A).await;
    clock.advance(7);
    let shown_at = clock.seconds();
    get(&client, &format!("{A}/agents")).await;
    clock.advance(7);
    let Report { shown, declined, identity, realm, status, challenged, .. } =
        get(&client, &format!("{A}/agents")).await.report;
    assert_eq!(identity.as_deref(), Some("agent"));
    let shown: Vec<_> = shown.iter().map(|it| (&*it.identity, it.at.as_secs())).collect();
    assert_eq!(shown, [("agent", shown_at)]);
    assert!(declined.is_empty());
    assert_eq!((realm, challenged), (None, false));
    assert_eq!(status, ClientAuthOfferStatus::default());
}

#[tokio::test]
async fn later_pages_below_need_no_other_request_for_a_certificate() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client();
    for path in ["/agents", "/agents", "/agents/1"] {
        let page = get(&client, &format!("{A}{path}")).await;
        assert_eq!(page.summary(), (200, Some("agent"), 1), "{path}");
    }
    assert_eq!(site.log.count(), 1);
    assert_eq!(site.log.connection(0).answers.len(), 1);
}

#[tokio::test]
async fn a_body_that_cannot_be_sent_again_need_not_be() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client: Client<Once<Full<Bytes>>> = world.client();
    let request = Request::post(format!("{A}/agents")).body(Once(Full::from("report"))).unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(Report::of(response.extensions()).unwrap().sent, 1);
    assert_eq!(site.log.count(), 1);
}

#[tokio::test]
async fn scc_7_two_requests_at_the_same_time_are_both_answered() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client();
    get(&client, A).await;
    let (a, b) = (format!("{A}/agents/a"), format!("{A}/agents/b"));
    let (a, b) = tokio::join!(get(&client, &a), get(&client, &b));
    assert_eq!(a.summary(), (200, Some("agent"), 1));
    assert_eq!(b.summary(), (200, Some("agent"), 1));
    assert_eq!(site.log.count(), 1);
    // Both pages are known from then on.
    for path in ["/agents/a", "/agents/b"] {
        assert_eq!(get(&client, &format!("{A}{path}")).await.summary().1, Some("agent"));
    }
    assert_eq!(site.log.count(), 1);
}

#[tokio::test]
async fn a_server_that_requests_at_once_is_answered_and_all_pages_use_the_connection() {
    let mut world = World::new();
    let need = world.agents();
    let site = world.site(A, |site| site.at_once = Some(need));
    let client = world.client();
    assert_eq!(get(&client, A).await.status, 200);
    site.log.answer(0).await;
    for path in ["/agents", "/", "/other"] {
        let page = get(&client, &format!("{A}{path}")).await;
        assert_eq!(page.summary(), (200, Some("agent"), 1), "{path}");
    }
    assert_eq!(site.log.count(), 1);
    assert_eq!(site.log.connection(0).answers.len(), 1);
}

#[tokio::test]
async fn other_code_points_must_be_the_same_on_both_sides() {
    let code_points = HttpCodePoints::new(0xff99, 0xe0, 0xe1).unwrap();
    for same in [true, false] {
        let mut world = World::new();
        let site = world.site(A, |site| site.code_points = code_points);
        let mut builder = world.builder(world.credentials());
        if same {
            builder = builder.secondary_code_points(code_points);
        }
        let page = get(&builder.build(), &format!("{A}/agents")).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.report.is_shown_after_handshake(), same);
        assert_eq!(site.log.count(), if same { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_graceful_shutdown_in_between_does_not_disturb_the_answer() {
    let mut world = World::new();
    let site = world.site(A, |site| site.closing = Some("/agents"));
    let client = world.client();
    get(&client, A).await;
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (200, Some("agent"), 1));
    assert_eq!(site.log.count(), 1);
    // The next one needs another connection, which is the identity's from its handshake on.
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (200, Some("agent"), 1));
    let connection = site.log.connection(1);
    assert_eq!(connection.handshake, world.pki.agent.chain.first().cloned());
    assert!(connection.answers.is_empty());
}

#[tokio::test]
async fn a_request_in_flight_stays_on_the_connection() {
    let mut world = World::new();
    let release = Arc::new(Notify::new());
    let held = release.clone();
    let site = world.site(A, |site| site.held = Some(("/slow", held)));
    let client = world.client();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { get(&client, &format!("{A}/slow")).await }
    });
    site.log.arrival("/slow").await;
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (200, Some("agent"), 1));
    release.notify_one();
    // The identity counts for the connection, so the report names it (SCC-10).
    assert_eq!(slow.await.unwrap().summary(), (200, Some("agent"), 1));
    assert_eq!(site.log.count(), 1);
}
