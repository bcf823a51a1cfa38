//! The client with this crate's own server: `axum::serve` over TCP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::version::TLS13;
use rustls_ext::http::client::{Credentials, NotChosen, WhyNotShown};
use rustls_ext::http::hyper::Client;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, RequireScope};
use rustls_ext::tokio::Listener;
use rustls_ext::{Anchors, ClientAuthOffer, Live, Policy, PostHandshake, Setup, Verdict};
use tokio::net::TcpStream;
use tower::service_fn;

use super::common::{CertAndKey, Pki, provider};
use super::world::{Own, get as page, identity};

/// A server, and how often its client has connected.
struct Served {
    pki: Pki,
    url: String,
    connections: Arc<AtomicUsize>,
}

/// Serves pages for agents and for staff, whose certificates are requested as this says.
async fn serve(post_handshake: impl IntoIterator<Item = PostHandshake>) -> Served {
    let pki = Pki::new();
    let policy = Policy::builder()
        .provider(provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .scope("staff", Anchors::from_roots(pki.staff.roots()));
    let policy = post_handshake.into_iter().fold(policy, |policy, it| policy.post_handshake(it));
    let policy = policy.otherwise(Verdict::None).build().unwrap();
    let setup = Setup::new(pki.server_config(&[&TLS13]), policy).with_alpn(["h2"]);
    let live = Live::from(setup);
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let app = Router::new()
        .route("/", get(|| async { "for everybody" }))
        .route("/agents", get(|| async { "for agents" }).layer(RequireScope::new("agents")))
        .route("/staff", get(|| async { "for staff" }).layer(RequireScope::new("staff")))
        .layer(CallerLayer::new(live))
        .into_make_service_with_connect_info::<ConnectionInfo>();
    tokio::spawn(axum::serve(listener, app).into_future());
    Served { pki, url, connections: Arc::default() }
}

impl Served {
    fn client(&self, identities: &[(&str, &CertAndKey)]) -> Own {
        let credentials = identities.iter().fold(Credentials::new(), |credentials, (name, key)| {
            credentials.with(identity(name, key).for_host("localhost").unwrap()).unwrap()
        });
        let connections = self.connections.clone();
        let connector = service_fn(move |uri: Uri| {
            connections.fetch_add(1, Ordering::SeqCst);
            async move {
                let addr = ("127.0.0.1", uri.port_u16().unwrap());
                TcpStream::connect(addr).await.map(TokioIo::new)
            }
        });
        let tls = self.pki.client_config(None, ClientAuthOffer::default(), &[&TLS13]);
        Client::builder(tls, credentials).connector(connector).build()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_page_needs_no_new_connection() {
    let served = serve([PostHandshake::when_needed("agents")]).await;
    let client = served.client(&[("agent", &served.pki.agent)]);
    assert_eq!(page(&client, &served.url).await.summary(), (200, None, 1));
    for _ in 0..2 {
        let agents = page(&client, &format!("{}/agents", served.url)).await;
        assert_eq!(agents.summary(), (200, Some("agent"), 1));
        assert_eq!(agents.shown(), ["agent"]);
    }
    assert_eq!(served.connections(), 1);
}

#[tokio::test]
async fn a_certificate_requested_at_once_is_there_for_all_pages() {
    let served = serve([PostHandshake::at_once("agents")]).await;
    let client = served.client(&[("agent", &served.pki.agent)]);
    let agents = page(&client, &format!("{}/agents", served.url)).await;
    assert_eq!(agents.summary(), (200, Some("agent"), 1));
    assert_eq!(agents.shown(), ["agent"]);
    assert_eq!(served.connections(), 1);
}

#[tokio::test]
async fn two_identities_have_two_connections_of_one_server() {
    let both = ["agents", "staff"].map(PostHandshake::when_needed);
    let served = serve(both).await;
    let (agent, boss) = (("agent", &served.pki.agent), ("boss", &served.pki.boss));
    let client = served.client(&[agent, boss]);
    for _ in 0..2 {
        for (path, identity) in [("agents", "agent"), ("staff", "boss")] {
            let page = page(&client, &format!("{}/{path}", served.url)).await;
            assert_eq!(page.summary(), (200, Some(identity), 1), "{path}");
        }
    }
    assert_eq!(served.connections(), 2);
}

#[tokio::test]
async fn a_client_that_declines_gets_401_and_keeps_its_connection() {
    let served = serve([PostHandshake::when_needed("agents")]).await;
    let client = served.client(&[("boss", &served.pki.boss)]);
    let agents = page(&client, &format!("{}/agents", served.url)).await;
    assert_eq!(agents.summary(), (401, None, 1));
    let [declined] = &agents.report.declined[..] else { panic!("{:?}", agents.report) };
    let WhyNotShown::NoIdentity(considered) = &declined.why else { panic!("{declined}") };
    assert!(matches!(considered[0].why, NotChosen::Misfit(_)));
    assert_eq!(page(&client, &served.url).await.summary(), (200, None, 1));
    assert_eq!(served.connections(), 1);
}
