//! Connections that receive no more data, with the client over hyper: pings, and requests that were
//! given up. All of it runs in memory, with a paused clock.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{error::Error as _, io};

use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls_ext::http::client::{Credentials, Limits};
use rustls_ext::http::hyper::{Client, Error};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tower::service_fn;

use super::site::{Site, say};
use super::world::{A, Http, World, get};

/// Connections that can be made to lose all packets.
#[derive(Clone, Default)]
struct Net {
    made: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
}

struct Wire {
    io: DuplexStream,
    number: usize,
    lost: Arc<AtomicUsize>,
}

impl Net {
    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// From now on, all existing connections lose all packets.
    fn lose_all(&self) {
        self.lost.store(self.made(), Ordering::SeqCst);
    }

    fn client(&self, world: &World, site: &Arc<Site>, limits: Limits) -> Client<Full<Bytes>> {
        let (net, site) = (self.clone(), site.clone());
        let connector = service_fn(move |_: Uri| {
            let (io, far) = duplex(64 * 1024);
            tokio::spawn(site.clone().serve(far));
            let number = net.made.fetch_add(1, Ordering::SeqCst);
            let wire = Wire { io, number, lost: net.lost.clone() };
            async { Ok::<_, io::Error>(TokioIo::new(wire)) }
        });
        Client::builder(world.client_tls(Http::Two), Credentials::new())
            .limits(limits)
            .connector(connector)
            .build()
    }
}

impl Wire {
    fn is_lost(&self) -> bool {
        self.number < self.lost.load(Ordering::SeqCst)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // No data will arrive, so no task must be woken.
        if self.is_lost() { Poll::Pending } else { Pin::new(&mut self.io).poll_read(cx, buf) }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_lost() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// How long the caller of a request waits.
const PATIENCE: Duration = Duration::from_secs(2);

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("{A}{path}")).body(Full::default()).unwrap()
}

/// No pings, so that they cannot be the reason for leaving a connection.
fn without_pings() -> Limits {
    let mut limits = Limits::default();
    limits.keep_alive_interval = None;
    limits
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_is_not_answered_ends_a_lost_connection() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let net = Net::default();
    let limits = Limits::default();
    let interval = limits.keep_alive_interval.unwrap();
    let client = net.client(&world, &site, limits.clone());
    assert_eq!(get(&client, A).await.status, StatusCode::OK);

    net.lose_all();
    let since = Instant::now();
    let Err(Error::Http(error)) = client.request(request("/")).await else { panic!("answered") };
    assert_eq!(error.source().unwrap().to_string(), "keep-alive timed out");
    // Data was received just before.
    let longest = interval + limits.keep_alive_timeout;
    assert!(since.elapsed() <= longest + Duration::from_millis(10), "{:?}", since.elapsed());
    assert_eq!(get(&client, A).await.status, StatusCode::OK);
    assert_eq!(net.made(), 2);

    // If no data was received for long, the ping is sent with the request.
    tokio::time::advance(interval).await;
    net.lose_all();
    let since = Instant::now();
    client.request(request("/")).await.unwrap_err();
    assert!(since.elapsed() <= limits.keep_alive_timeout + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_may_take_its_time() {
    let world = World::new();
    let hold = Arc::new(Notify::new());
    let held = hold.clone();
    let site = Site::new(Some(world.tls()), world.request_from_clients_that_offer(), move |_| {
        say(StatusCode::OK, "at last").held_by(&held)
    });
    let net = Net::default();
    let client = net.client(&world, &site, Limits::default());
    let answer = tokio::spawn(async move { get(&client, A).await });
    tokio::time::sleep(Duration::from_secs(3600)).await;
    hold.notify_one();
    assert_eq!(answer.await.unwrap().text, "at last");
    assert_eq!(net.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_pings_a_request_on_a_lost_connection_waits() {
    for limits in [without_pings(), {
        // as does one whose pings are due at a time that no clock can represent
        let mut limits = Limits::default();
        limits.keep_alive_interval = Some(Duration::MAX);
        limits.keep_alive_timeout = Duration::MAX;
        limits
    }] {
        let mut world = World::new();
        let site = world.usual_site(A);
        let net = Net::default();
        let client = net.client(&world, &site, limits);
        get(&client, A).await;
        net.lose_all();
        let waiting = timeout(Duration::from_secs(3600), client.request(request("/")));
        assert!(waiting.await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_doubt_is_not_used_before_data_is_received() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let net = Net::default();
    let client = net.client(&world, &site, without_pings());
    get(&client, A).await;
    net.lose_all();
    assert!(timeout(PATIENCE, client.request(request("/"))).await.is_err());
    let answer = timeout(PATIENCE, get(&client, A)).await.expect("it is used again");
    assert_eq!((answer.status, net.made()), (StatusCode::OK, 2));
    // and all requests use the new one
    get(&client, A).await;
    assert_eq!(net.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_does_not_end_puts_its_connection_in_doubt() {
    let mut world = World::new();
    let site = world.site(A, |_| say(StatusCode::OK, vec![b'x'; 8 << 20]));
    let net = Net::default();
    let client = net.client(&world, &site, without_pings());
    let response = client.request(request("/")).await.unwrap();
    net.lose_all();
    assert!(timeout(PATIENCE, response.into_body().collect()).await.is_err());
    let answer = timeout(PATIENCE, get(&client, A)).await.expect("it is used again");
    assert_eq!((answer.text.len(), net.made()), (8 << 20, 2));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_received_data_meanwhile_is_used_again() {
    let world = World::new();
    let hold = Arc::new(Notify::new());
    let held = hold.clone();
    let site =
        Site::new(Some(world.tls()), world.request_from_clients_that_offer(), move |asked| {
            let answer = say(StatusCode::OK, "");
            if asked.path == "/slow" { answer.held_by(&held) } else { answer }
        });
    let net = Net::default();
    let client = net.client(&world, &site, without_pings());
    get(&client, A).await;
    let slow = client.request(request("/slow"));
    let quick = async {
        site.arrival("/slow", false).await;
        get(&client, A).await;
    };
    let both = async { tokio::join!(slow, quick) };
    assert!(timeout(PATIENCE, both).await.is_err());
    get(&client, A).await;
    assert_eq!(net.made(), 1);

    // as is one whose responses are not read
    for _ in 0..3 {
        drop(client.request(request("/")).await.unwrap());
    }
    get(&client, A).await;
    assert_eq!(net.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_response_ends_the_doubt() {
    let world = World::new();
    let hold = Arc::new(Notify::new());
    let held = hold.clone();
    let site =
        Site::new(Some(world.tls()), world.request_from_clients_that_offer(), move |asked| {
            let answer = say(StatusCode::OK, "");
            if asked.path == "/held" { answer.held_by(&held) } else { answer }
        });
    let net = Net::default();
    let client = net.client(&world, &site, without_pings());
    get(&client, A).await;
    // One request still waits, so that data can arrive.
    let (waiting, path) = (client.clone(), request("/held"));
    let waiting = tokio::spawn(async move { waiting.request(path).await.unwrap().status() });
    site.arrival("/held", false).await;
    assert!(timeout(PATIENCE, client.request(request("/held"))).await.is_err());
    hold.notify_one();
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
    get(&client, A).await;
    assert_eq!(net.made(), 1);
}
