//! Unmodified third-party libraries as client and server, with an offer.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rext_cli::debug_info::Verified;
use rext_cli::tls;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use rustls_ext::tokio::Acceptor;
use rustls_ext::{Anchors, ClientAuthOffer, Policy, Rule, Verdict};
use test_pki::Authority;
use tokio::net::TcpListener;

/// The client's identity, as a handler sees it.
#[derive(Clone)]
struct Client(Option<String>);

async fn hello(Extension(Client(name)): Extension<Client>) -> Result<String, Infallible> {
    Ok(format!("hello {}", name.as_deref().unwrap_or("nobody")))
}

/// Starts an axum app under a policy; returns its port, and a client config with an offer.
async fn start() -> (u16, ClientConfig) {
    let servers = Authority::new("Server CA").unwrap();
    let clients = Authority::new("Client CA").unwrap();
    let identity = servers.server(&["localhost"]).unwrap().certified_key().unwrap();
    let config = tls::server_config(identity, &[tls::H2, tls::HTTP1]).unwrap();
    let policy = Policy::builder()
        .provider(tls::provider())
        .scope("agents", Anchors::from_roots(clients.roots().unwrap()))
        .rule(Rule::when().offered(true).require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let acceptor = Acceptor::new(Arc::new(config), Arc::new(policy));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = axum::Router::new().route("/", get(hello));

    tokio::spawn(async move {
        while let Ok((tcp, peer)) = listener.accept().await {
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(tcp, peer).await.unwrap();
                let verified = Verified::of(stream.get_ref().1);
                let app = app.layer(Extension(Client(verified.map(|client| client.subject))));
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
                    .await
            });
        }
    });

    let identity = clients.client("agent-1").unwrap().certified_key().unwrap();
    let offer = ClientAuthOffer::flag();
    let roots = servers.roots().unwrap();
    (port, tls::client_config(roots, Some(identity), offer, DEFAULT_VERSIONS, &[]).unwrap())
}

#[tokio::test]
async fn a_hyper_rustls_client_authenticates_at_an_axum_app() {
    let (port, config) = start().await;
    for (is_h2, version) in [(true, http::Version::HTTP_2), (false, http::Version::HTTP_11)] {
        let builder =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config.clone()).https_only();
        let connector = if is_h2 {
            builder.enable_all_versions().build()
        } else {
            builder.enable_http1().build()
        };
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .build::<_, Empty<Bytes>>(connector);
        let url = format!("https://localhost:{port}/").parse().unwrap();
        let response = client.get(url).await.unwrap();
        assert_eq!((response.status(), response.version()), (http::StatusCode::OK, version));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "hello CN=agent-1");
    }
}

#[tokio::test]
async fn a_reqwest_client_without_an_offer_is_left_alone_by_an_axum_app() {
    let (port, mut config) = start().await;
    config.client_auth_offer = ClientAuthOffer::default();
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().unwrap();
    let response = client.get(format!("https://localhost:{port}/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "hello nobody");
}
