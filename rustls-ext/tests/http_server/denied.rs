//! The responses to denied requests: a server's own, and the default ones.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use rcgen::{CertificateParams, SanType};
use rustls_ext::axum::SpiffeId;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, Denied, RequireScope};
use rustls_ext::tokio::Listener;
use rustls_ext::{ClientAuthOffer, Live, Setup};
use tower::{Layer, ServiceExt, service_fn};

use crate::common::Pki;
use crate::site::{Agents, Log, Site, app, policy, server_config};

fn page(denied: Denied) -> Response {
    let text = format!("<p>{}</p>", denied.status());
    let head = denied.response(Body::empty());
    let (parts, _) = head.into_parts();
    (parts.status, parts.headers, Html(text)).into_response()
}

async fn served(app: impl FnOnce(Log, &Live) -> Router) -> Site {
    let pki = Pki::new();
    let live = Live::from(Setup::new(server_config(&pki, &[b"h2", b"http/1.1"]), policy(&pki)));
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let log = Log::default();
    let app = app(log.clone(), &live).into_make_service_with_connect_info::<ConnectionInfo>();
    tokio::spawn(axum::serve(listener, app).into_future());
    Site { pki, live, addr, log, connections: Default::default() }
}

#[tokio::test]
async fn one_on_denied_makes_the_pages_of_the_layer_and_of_all_behind_it() {
    let site = served(|log, live| app(log).layer(CallerLayer::new(live.clone()).on_denied(page)));
    let site = site.await;
    for client in [site.client(), site.client().http1()] {
        let mut connection = client.connect("www.example").await;
        for (host, path, status) in [
            // a RequireScope
            ("www.example", "/agents", StatusCode::UNAUTHORIZED),
            // a handler's error
            ("www.example", "/named/agents", StatusCode::UNAUTHORIZED),
            // an extractor
            ("www.example", "/staff", StatusCode::FORBIDDEN),
            // the layer itself
            ("login.example", "/", StatusCode::MISDIRECTED_REQUEST),
        ] {
            let answer = connection.get(host, path).await;
            assert_eq!((answer.status, answer.text), (status, format!("<p>{status}</p>")));
            assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
            let challenged = answer.headers.contains_key("www-authenticate");
            assert_eq!(challenged, status == StatusCode::UNAUTHORIZED);
        }
        // Other responses are unchanged.
        assert_eq!(connection.get("www.example", "/").await.text, "home");
        assert_eq!(connection.get("www.example", "/nowhere").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_innermost_on_denied_makes_the_page() {
    let site = served(|_, live| {
        let inner = RequireScope::new("agents")
            .with_realm("inside")
            .on_denied(|denied| denied.response(Body::from("inner")));
        Router::new()
            .route("/", get(|| async { "not for everybody" }).layer(inner))
            .layer(CallerLayer::new(live.clone()).on_denied(page))
    });
    let answer = site.await.client().get("www.example", "/").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::UNAUTHORIZED, "inner"));
    assert!(answer.challenge().starts_with("ClientCertificate realm=\"inside\""));
}

/// A body without a default value.
struct OwnBody(&'static str);

#[tokio::test]
async fn a_denial_has_the_body_type_of_the_service() {
    let pki = Pki::new();
    let inner = service_fn(|_: Request<Empty<Bytes>>| async {
        Ok::<_, Infallible>(http::Response::new(OwnBody("served")))
    });
    let scope = RequireScope::new("agents").on_denied(|denied| denied.response(OwnBody("scope")));
    let caller = CallerLayer::new(policy(&pki));
    let caller = caller.on_denied(|denied| denied.response(OwnBody("caller")));
    // Neither layer knows the connection.
    for (response, made_by, reason) in [
        (scope.layer(inner).oneshot(Request::new(Empty::new())).await, "scope", Denied::NoCaller),
        (
            caller.layer(inner).oneshot(Request::new(Empty::new())).await,
            "caller",
            Denied::NoConnection,
        ),
    ] {
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.extensions().get(), Some(&reason));
        assert_eq!(response.body().0, made_by);
    }
}

#[tokio::test]
async fn a_handler_gets_the_spiffe_id_and_a_caller_without_one_is_denied() {
    async fn hello(id: SpiffeId<Agents>) -> String {
        format!("{} in {}", id.as_str(), id.identity().scope())
    }
    let site = Site::with(policy, |_| Router::new().route("/", get(hello))).await;
    let issue = |uris: &[&str]| {
        let mut params = CertificateParams::new(vec!["agent".to_owned()]).unwrap();
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        site.pki.agents.sign(params)
    };
    let id = "spiffe://example.org/agent/7";
    let denied = (StatusCode::FORBIDDEN, "your certificate has no SPIFFE ID\n");
    for (uris, expected) in [
        (&[id][..], (StatusCode::OK, "spiffe://example.org/agent/7 in agents")),
        (&[], denied),
        (&["https://example.org/agent/7"], denied),
        (&[id, "spiffe://example.org/agent/8"], denied),
    ] {
        let identity = issue(uris);
        let client = site.client().with(&identity).offering(ClientAuthOffer::flag());
        let answer = client.get("www.example", "/").await;
        assert_eq!((answer.status, answer.text.as_str()), expected, "{uris:?}");
    }
    let answer = site.client().get("www.example", "/").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
