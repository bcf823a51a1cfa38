//! The listener, alone and under `axum::serve`.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapter_rustls::tokio::{ConnectionInfo, Listener};
use adapter_rustls::{ByOffer, CodePoints, Decision, Hello, Scope};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use raw_peer::{CertificateAnswer, ClientConfig, Edit, Peer, Plan, Slot, ext};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use test_pki::{Authority, IssuedCertificate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

const PAGE: &str = include_str!("../../../docs/guide/rustls.md");
const EXAMPLE: &str = include_str!("../examples/axum.rs");

/// The flag 80, alone.
const FLAG: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A server that asks clients that offer, and a client's certificate.
fn site() -> (ByOffer, IssuedCertificate) {
    let agents = Authority::new("Agents CA").unwrap();
    let roots = Arc::new(agents.roots().unwrap());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots, ring::default_provider().into()).build();
    let scope = Arc::new(Scope::new("agents", verifier.unwrap()).unwrap());
    let by_offer = by_offer(move |hello| {
        if hello.offer().is_none() { Decision::None } else { Decision::Request(scope.clone()) }
    });
    (by_offer, agents.client("agent-1").unwrap())
}

fn by_offer(decide: impl Fn(&Hello<'_>) -> Decision + Send + Sync + 'static) -> ByOffer {
    let servers = Authority::new("Server CA").unwrap();
    let key = servers.server(&["localhost"]).unwrap().certified_key().unwrap();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    ByOffer::new(config, CodePoints::default(), decide).unwrap()
}

async fn listener(by_offer: ByOffer) -> (Listener, SocketAddr) {
    let listener = Listener::bind("127.0.0.1:0", by_offer).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn offering(identity: &IssuedCertificate) -> ClientConfig {
    ClientConfig {
        answer: CertificateAnswer::With(identity.for_raw()),
        plan: Plan::one(Slot::ClientHello, Edit::add(ext::TLS_FLAGS, FLAG)),
        ..ClientConfig::default()
    }
}

/// Sends a request, and returns all that comes back.
async fn ask(addr: SocketAddr, config: ClientConfig) -> Peer {
    let mut peer = Peer::client(config).unwrap();
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let mut asked = false;
    let mut octets = [0; 4096];
    loop {
        if peer.is_complete() && !asked {
            asked = true;
            peer.send_data(REQUEST).unwrap();
        }
        let _ = tcp.write_all(&peer.take_output()).await;
        match tcp.read(&mut octets).await.unwrap() {
            0 => return peer,
            count => peer.read(&octets[..count]).unwrap(),
        }
    }
}

fn body(peer: &Peer) -> String {
    let answer = String::from_utf8(peer.received_data()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

async fn who(ConnectInfo(info): ConnectInfo<ConnectionInfo>) -> String {
    assert_eq!(info.server_name(), Some("localhost"));
    assert_eq!(info.tls_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert!(info.peer().unwrap().ip().is_loopback());
    assert!(info.identity("staff").is_none());
    format!(
        "{} {} {:?} {}",
        info.client_auth().offer(),
        info.client_auth().decision().name(),
        info.identity("agents").map(<[_]>::len),
        info.is_resumed()
    )
}

#[test]
fn the_page_shows_the_example() {
    let (_, code) = EXAMPLE.split_once("\n\n").unwrap();
    assert!(PAGE.contains(&format!("```rust\n{code}```\n")));
}

#[tokio::test]
async fn handlers_learn_who_the_client_is() {
    let (by_offer, agent) = site();
    let (listener, addr) = listener(by_offer).await;
    let app = Router::new().route("/", get(who));
    let (stop, stopped) = oneshot::channel::<()>();
    let app = app.into_make_service_with_connect_info::<ConnectionInfo>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());
    assert_eq!(body(&ask(addr, ClientConfig::default()).await), "none none None false");
    let peer = ask(addr, offering(&agent)).await;
    assert_eq!(body(&peer), "flag request Some(1) false");
    let ticket = peer.tickets().first().cloned();
    let peer = ask(addr, ClientConfig { ticket, ..offering(&agent) }).await;
    assert_eq!(body(&peer), "flag request Some(1) true");

    // A client in its handshake does not delay the end.
    let silent = TcpStream::connect(addr).await.unwrap();
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    drop(silent);
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_silent_client_does_not_delay_others() {
    let (by_offer, agent) = site();
    let (mut listener, addr) = listener(by_offer).await;
    let silent = TcpStream::connect(addr).await.unwrap();
    let client = tokio::spawn(async move { ask(addr, offering(&agent)).await });
    let (mut stream, peer) = listener.accept().await;
    assert_ne!(peer, silent.local_addr().unwrap());
    assert!(stream.identity("agents").is_some());
    stream.shutdown().await.unwrap();
    drop(stream);
    client.await.unwrap();
}

#[tokio::test]
async fn at_most_so_many_handshakes_run_at_a_time() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let seen = names.clone();
    let by_offer = by_offer(move |hello| {
        seen.lock().unwrap().push(hello.client_hello().server_name().unwrap().to_vec());
        Decision::None
    });
    let (listener, addr) = listener(by_offer).await;
    let refused = Arc::new(Mutex::new(Vec::new()));
    let seen = refused.clone();
    let mut listener = listener
        .with_max_handshakes(1)
        .with_handshake_timeout(Duration::MAX)
        .on_refusal(move |it| seen.lock().unwrap().push((it.peer, it.error.to_string())));
    // The first client stops behind its ClientHello.
    let first = ClientConfig { server_name: Some("first.test".into()), ..ClientConfig::default() };
    let mut stopped = TcpStream::connect(addr).await.unwrap();
    stopped.write_all(&Peer::client(first).unwrap().take_output()).await.unwrap();
    let peer_of_first = stopped.local_addr().unwrap();
    let client = tokio::spawn(ask(addr, ClientConfig::default()));
    let goes_away = async {
        while names.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        // Time enough for the other client, if it were accepted.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*names.lock().unwrap(), [b"first.test"]);
        drop(stopped);
    };
    let ((mut stream, peer), ()) = tokio::join!(listener.accept(), goes_away);
    assert_ne!(peer, peer_of_first);
    assert_eq!(*names.lock().unwrap(), [&b"first.test"[..], b"localhost"]);
    assert_eq!(refused.lock().unwrap()[0].0, peer_of_first);
    stream.shutdown().await.unwrap();
    drop(stream);
    client.await.unwrap();
}

#[tokio::test]
async fn a_refused_client_gets_the_alert_over_tcp() {
    let (by_offer, _) = site();
    let (mut listener, addr) = listener(by_offer).await;
    let server = tokio::spawn(async move {
        listener.accept().await;
    });
    let plan = Plan::one(Slot::ClientHello, Edit::add(ext::TLS_FLAGS, [0]));
    let mut peer = Peer::client(ClientConfig { plan, ..ClientConfig::default() }).unwrap();
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    // More than the server reads before it refuses.
    tcp.write_all(&[peer.take_output(), vec![0; 20_000]].concat()).await.unwrap();
    let mut received = Vec::new();
    tcp.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, [21, 3, 3, 0, 2, 2, 47]);
    server.abort();
}
