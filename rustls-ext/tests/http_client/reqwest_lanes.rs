//! How requests over reqwest share connections with authentication.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use rustls::client::ClientAuthOfferStatus;
use rustls_ext::http::client::{Limits, Unanswered};
use rustls_ext::http::reqwest::{Client, Error};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::over_reqwest::{client, get, report, resolve, url};
use super::site::{challenge, say};
use super::world::{BOTH, Http, World};

/// Longer than any test here needs.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_request_waits_for_the_connection_of_the_first_one_and_not_for_its_response() {
    for http in BOTH {
        let mut world = World::new();
        let (agents, hold) = (world.agents(), Arc::new(Notify::new()));
        let held = hold.clone();
        let site = world.site("", move |asked| match (&asked.certificate, asked.path.as_str()) {
            (None, _) => challenge(&agents),
            (_, "/poll") => say(StatusCode::OK, "news").held_by(&held),
            _ => say(StatusCode::OK, "welcome"),
        });
        let port = site.listen().await;
        let client = client(&world, http);
        let (poll, ()) =
            tokio::join!(client.execute(get(&url("a.example.test", port, "/poll"))), async {
                site.arrival("/poll", true).await;
                let request = get(&url("a.example.test", port, "/quick"));
                let quick = timeout(LONG, client.execute(request)).await.expect("it waits");
                assert_eq!(quick.unwrap().status(), StatusCode::OK, "{http:?}");
                hold.notify_one();
            });
        assert_eq!(poll.unwrap().text().await.unwrap(), "news");
        // Over HTTP/2 they share it.
        let connections = site.seen().iter().filter(|seen| seen.certificate.is_some()).count();
        assert_eq!(connections, if http == Http::Two { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_request_waits_for_a_connection_no_longer_than_its_timeout() {
    let mut world = World::new();
    let site = world.usual_site("");
    let to = site.listen().await;
    // The first connection is established, and the others are not.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, mut stuck) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
        while let Ok((near, _)) = listener.accept().await {
            tell.send(near).unwrap();
        }
    });
    let mut limits = Limits::default();
    limits.connect_timeout = 100 * LONG;
    let client = Client::builder(world.client_tls(Http::Two), world.credentials())
        .limits(limits)
        .configure(resolve)
        .build()
        .unwrap();
    let first = tokio::spawn({
        let (client, request) = (client.clone(), get(&url("a.example.test", port, "/agents")));
        async move { client.execute(request).await }
    });
    let _first_connection = stuck.recv().await.unwrap();
    let mut request = get(&url("a.example.test", port, "/agents"));
    *request.timeout_mut() = Some(Duration::from_millis(100));
    let error = timeout(LONG, client.execute(request)).await.expect("it waits").unwrap_err();
    assert!(matches!(&error, Error::Request(error) if error.is_timeout()), "{error:?}");
    first.abort();
}

#[tokio::test]
async fn each_response_has_the_status_of_its_own_connection() {
    let mut world = World::new();
    let (agents, hold) = (world.agents(), Arc::new(Notify::new()));
    let held = hold.clone();
    let site = world.site("", move |asked| match (&asked.certificate, asked.path.as_str()) {
        (None, _) => challenge(&agents),
        (_, "/poll") => say(StatusCode::OK, "news").held_by(&held),
        _ => say(StatusCode::OK, "welcome"),
    });
    let port = site.listen().await;
    let client = client(&world, Http::One);
    let (poll, ()) =
        tokio::join!(client.execute(get(&url("a.example.test", port, "/poll"))), async {
            site.arrival("/poll", true).await;
            // which resumes a session, so that it is not asked
            let quick =
                client.execute(get(&url("a.example.test", port, "/poll/quick"))).await.unwrap();
            assert_eq!(report(&quick).status, ClientAuthOfferStatus::Offered);
            hold.notify_one();
        });
    assert_eq!(report(&poll.unwrap()).status, ClientAuthOfferStatus::Acknowledged);
}

#[tokio::test]
async fn cant_6_a_host_among_the_default_fields_is_not_sent_with_authentication() {
    let mut world = World::new();
    let site = world.usual_site("");
    let port = site.listen().await;
    let client = Client::builder(world.client_tls(Http::One), world.credentials())
        .configure(|builder| {
            let host = (http::header::HOST, "b.example.test".parse().unwrap());
            resolve(builder).default_headers([host].into_iter().collect())
        })
        .build()
        .unwrap();
    let response = client.execute(get(&url("a.example.test", port, "/agents"))).await.unwrap();
    assert_eq!((response.status(), report(&response).unanswered), (StatusCode::OK, None));
    let hosts: Vec<_> =
        site.asked().into_iter().map(|asked| (asked.certificate.is_some(), asked.host)).collect();
    let own = format!("a.example.test:{port}");
    assert_eq!(hosts, [(false, "b.example.test".to_owned()), (true, own)]);
}

#[tokio::test]
async fn a_ping_that_is_not_answered_ends_a_lost_connection() {
    let mut world = World::new();
    let site = world.usual_site("");
    let to = site.listen().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let lost = Arc::new(Notify::new());
    let lose = lost.clone();
    let (tell, mut kept) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (lost, tell) = (lost.clone(), tell.clone());
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    // From now on, no bytes are transferred, and no connection is closed.
                    () = lost.notified() => tell.send((near, far)).unwrap(),
                }
            });
        }
    });
    let mut limits = Limits::default();
    limits.keep_alive_interval = Some(Duration::from_secs(1));
    limits.keep_alive_timeout = Duration::from_secs(1);
    let client = Client::builder(world.client_tls(Http::Two), world.credentials())
        .limits(limits)
        .configure(resolve)
        .build()
        .unwrap();
    let url = url("a.example.test", port, "/");
    client.execute(get(&url)).await.unwrap().text().await.unwrap();
    lose.notify_waiters();
    let _lost = kept.recv().await.unwrap();
    let error = timeout(LONG, client.execute(get(&url))).await.expect("it waits").unwrap_err();
    assert!(matches!(&error, Error::Request(_)), "{error:?}");
    assert_eq!(client.execute(get(&url)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn limits_of_reqwest_connections_without_authentication() {
    // As the documentation of `Limits::origins` describes.
    let mut world = World::new();
    let site = world.usual_site("");
    let mut limits = Limits::default();
    limits.origins = 1;
    let client = Client::builder(world.client_tls(Http::Two), world.credentials())
        .limits(limits)
        .configure(resolve)
        .build()
        .unwrap();
    let ports = [site.listen().await, site.listen().await];
    for path in ["/agents", "/agents"] {
        for port in ports {
            let response = client.execute(get(&url("a.example.test", port, path))).await.unwrap();
            // The other origin was forgotten.
            assert_eq!(
                (report(&response).sent, report(&response).unanswered),
                (2, None::<Unanswered>)
            );
        }
    }
    let seen = site.seen();
    assert_eq!(seen.iter().filter(|seen| !seen.offered).count(), 2);
    assert_eq!(seen.iter().filter(|seen| seen.offered).count(), 4);
}
