//! The number of connections, and when they are closed.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::client::ClientAuthOfferStatus;
use rustls_ext::http::client::Limits;
use rustls_ext::http::hyper::{Client, ConnectError, Error};
use rustls_ext::with_causes;
use tokio::io::AsyncWriteExt;
use tokio::time::advance;

use super::site::{Site, say};
use super::world::{A, BOTH, Http, World, get};

fn open(site: &Site) -> usize {
    site.seen().iter().filter(|seen| !seen.closed).count()
}

/// Runs all tasks that are ready.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn get_all(client: &Client<Full<Bytes>>, count: usize) {
    let requests = (0..count).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { get(&client, &format!("{A}/agents")).await })
    });
    for request in requests.collect::<Vec<_>>() {
        let answer = request.await.unwrap();
        assert_eq!((answer.status, answer.identity()), (StatusCode::OK, Some("agent")));
    }
}

#[tokio::test]
async fn over_http2_requests_that_are_challenged_together_share_one_connection() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client(Http::Two);
    get_all(&client, 50).await;
    assert_eq!(site.seen().len(), 2);
    assert_eq!(site.asked().len(), 100);
}

#[tokio::test]
async fn over_http1_there_are_as_many_connections_as_the_limit_allows() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let mut limits = Limits::default();
    limits.connections_per_space = 3;
    let client = world.client_with(Http::One, world.credentials(), limits);
    get_all(&client, 50).await;
    assert_eq!(site.seen().iter().filter(|seen| seen.certificate.is_some()).count(), 3);
    assert_eq!(site.seen().iter().filter(|seen| seen.certificate.is_none()).count(), 3);
    assert_eq!(site.asked().len(), 100);
}

#[tokio::test]
async fn over_http1_a_connection_waits_until_its_response_is_read() {
    /// More than is read ahead, in bytes.
    const LARGE: usize = 4 * 1024 * 1024;
    let mut world = World::new();
    let site = world.site(A, |_| say(StatusCode::OK, vec![b'x'; LARGE]));
    let mut limits = Limits::default();
    limits.connections_per_space = 1;
    let client: Client<Full<Bytes>> = world.client_with(Http::One, world.credentials(), limits);
    let request = || Request::get(A).body(Full::default()).unwrap();
    let first = client.request(request()).await.unwrap();
    let other = client.clone();
    let second = tokio::spawn(async move { other.request(request()).await });
    settle().await;
    assert_eq!((site.asked().len(), second.is_finished()), (1, false));
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes().len(), LARGE);
    // The rest of this response is not read, so the connection is given up.
    drop(second.await.unwrap().unwrap());
    client.request(request()).await.unwrap();
    assert_eq!((site.asked().len(), site.seen().len()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_in_time() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let client = world.client(http);
        get_all(&client, 1).await;
        settle().await;
        assert_eq!(open(&site), 2);

        advance(Limits::default().idle_timeout / 2).await;
        // This uses the second one only.
        get_all(&client, 1).await;
        settle().await;
        advance(Limits::default().idle_timeout / 2).await;
        settle().await;
        assert_eq!(open(&site), 1, "{http:?}");
        assert!(site.seen()[0].closed);
        advance(Limits::default().idle_timeout / 2).await;
        settle().await;
        assert_eq!(open(&site), 0, "{http:?}");

        // The path is still known, and the session identifies the client.
        let answer = get(&client, &format!("{A}/agents")).await;
        assert_eq!((answer.identity(), answer.report.sent), (Some("agent"), 1));
        assert_eq!(answer.report.status, ClientAuthOfferStatus::Offered);
        assert_eq!(site.seen()[2].certificate.as_ref(), world.pki.agent.chain.first());
        assert_eq!(site.seen().len(), 3);
        assert_eq!(site.asked().len(), 4);
    }
}

#[tokio::test]
async fn connections_end_with_the_client_and_not_before_their_responses() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let client: Client<Full<Bytes>> = world.client(http);
        let request = Request::get(format!("{A}/agents")).body(Full::default()).unwrap();
        let response = client.request(request).await.unwrap();
        drop(client);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "welcome");
        settle().await;
        assert_eq!(open(&site), 0, "{http:?}");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_replaced() {
    for http in BOTH {
        let mut world = World::new();
        let agents = world.agents();
        let site = world.site(A, move |asked| match &asked.certificate {
            Some(_) => say(StatusCode::OK, "welcome").and_close(),
            None => super::site::challenge(&agents),
        });
        let client = world.client(http);
        for connections in 2..5 {
            get_all(&client, 1).await;
            settle().await;
            assert_eq!(site.seen().len(), connections, "{http:?}");
        }
        // No request was lost, or sent twice except for the challenge.
        assert_eq!(site.asked().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_delays_requests_for_at_most_the_limit() {
    let world = World::new();
    let silent = tower::service_fn(|_: http::Uri| async {
        let (near, far) = tokio::io::duplex(64);
        // held open, and never read
        std::mem::forget(far);
        Ok::<_, Infallible>(TokioIo::new(near))
    });
    let client: Client<Full<Bytes>> =
        Client::builder(world.client_tls(Http::Two), world.credentials()).connector(silent).build();
    let requests = (0..10).map(|_| {
        let client = client.clone();
        let request = Request::get(A).body(Full::default()).unwrap();
        tokio::spawn(async move { client.request(request).await })
    });
    let before = tokio::time::Instant::now();
    for request in requests.collect::<Vec<_>>() {
        let Err(Error::Connect(err)) = request.await.unwrap() else { panic!("connected") };
        assert!(matches!(*err, ConnectError::Timeout(time) if time == Duration::from_secs(10)));
    }
    assert_eq!(before.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_server_that_closes_its_connections_at_once_is_not_asked_for_ever() {
    // Over HTTP/1.1 each request has its three attempts, and all of them had the first connection.
    for (http, most) in [(Http::One, 3 * 20 + 1), (Http::Two, 3)] {
        let world = World::new();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(world.tls()));
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let connector = tower::service_fn(move |_: http::Uri| {
            counter.fetch_add(1, Ordering::SeqCst);
            let (near, far) = tokio::io::duplex(64 * 1024);
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(far).await.unwrap().shutdown().await });
            std::future::ready(Ok::<_, Infallible>(TokioIo::new(near)))
        });
        let client: Client<Full<Bytes>> =
            Client::builder(world.client_tls(http), world.credentials())
                .connector(connector)
                .build();
        let requests = (0..20).map(|_| {
            let client = client.clone();
            let request = Request::get(A).body(Full::default()).unwrap();
            tokio::spawn(async move { client.request(request).await })
        });
        for request in requests.collect::<Vec<_>>() {
            assert!(request.await.unwrap().is_err());
        }
        let count = count.load(Ordering::SeqCst);
        assert!((1..=most).contains(&count), "{http:?}: {count}");
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_the_connection_to_the_others() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client(Http::Two);
    let request = Request::get(format!("{A}/")).body(Full::default()).unwrap();
    // Polled once, which begins the connection.
    let mut given_up = Box::pin(client.request(request));
    let polled = poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    drop(given_up);
    assert_eq!(get(&client, &format!("{A}/")).await.status, StatusCode::OK);
    assert_eq!(site.seen().len(), 1);
}

#[tokio::test]
async fn a_failure_to_connect_is_not_remembered() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let down = Arc::new(AtomicBool::new(true));
    let is_down = down.clone();
    let server = site.clone();
    let connector = tower::service_fn(move |_: http::Uri| {
        let (is_down, server) = (is_down.load(Ordering::SeqCst), server.clone());
        async move {
            if is_down {
                return Err("the network is down");
            }
            let (near, far) = tokio::io::duplex(64 * 1024);
            tokio::spawn(server.serve(far));
            Ok(TokioIo::new(near))
        }
    });
    let client: Client<Full<Bytes>> =
        Client::builder(world.client_tls(Http::Two), world.credentials())
            .connector(connector)
            .build();
    let request = Request::get(A).body(Full::default()).unwrap();
    let error = client.request(request).await.unwrap_err();
    assert_eq!(with_causes(&error), "no response: no connection: the network is down");
    down.store(false, Ordering::SeqCst);
    assert_eq!(get(&client, A).await.status, StatusCode::OK);
}
