//! Requests that go through the layers and extractors of a server, without a network.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, Version};
use http_body_util::Empty;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};
use rustls_ext::http::server::{
    Caller, CallerLayer, ConnectionInfo, Identity, RequireScope, Scope,
};
use rustls_ext::{Live, Setup};
use tower_layer::Layer;
use tower_service::Service;

use crate::handshake::{Case, Crate, Pki, SERVER_NAME, Scenario, configs, policy};

/// The group of requests.
pub const REQUEST: &str = "request through the layers of a server";

/// The names of rows in [`REQUEST`], and each time of the one to compare it with, without the layers.
pub const LAYERS: [&str; 2] = ["CallerLayer and RequireScope", "an empty layer"];
pub const HTTP1: [&str; 2] = ["CallerLayer and RequireScope, HTTP/1.1", "an empty layer, HTTP/1.1"];
pub const EXTRACTORS: [&str; 2] = ["CallerLayer and three extractors", "an empty layer"];
pub const OTHER_HOST: [&str; 2] =
    ["CallerLayer, another host, 2 names", "an empty layer, another host"];
pub const MANY_NAMES: [&str; 2] = ["CallerLayer, another host, 100,000 names", OTHER_HOST[0]];

const CASE: Case = Case::quick(Crate::Patched, Scenario::Accepted(1));

type Body = Empty<Bytes>;

/// The scope of the policy.
struct Agents;

impl Scope for Agents {
    const NAME: &'static str = "agents";
}

/// The requests, in the order of their numbers.
const ROWS: [(&str, To, Through); 8] = [
    (LAYERS[0], To::Own, Through::Scope),
    (LAYERS[1], To::Own, Through::Empty),
    (HTTP1[0], To::OwnHttp1, Through::Scope),
    (HTTP1[1], To::OwnHttp1, Through::Empty),
    (EXTRACTORS[0], To::Own, Through::Extractors),
    (OTHER_HOST[0], To::Other, Through::Callers(2)),
    (OTHER_HOST[1], To::Other, Through::Empty),
    (MANY_NAMES[0], To::Other, Through::Callers(100_000)),
];

/// The host of a request.
#[derive(Clone, Copy)]
enum To {
    /// The server name of the connection.
    Own,
    OwnHttp1,
    /// Another one, that has a rule.
    Other,
}

/// The layers for a request.
#[derive(Clone, Copy)]
enum Through {
    Empty,
    /// [`CallerLayer`] and [`RequireScope`].
    Scope,
    /// [`CallerLayer`] and three extractors.
    Extractors,
    /// Only [`CallerLayer`], with a policy of this many names.
    Callers(u32),
}

/// How many requests there are.
pub fn count() -> usize {
    ROWS.len()
}

/// The name of a request.
pub fn name(number: usize) -> &'static str {
    ROWS[number].0
}

/// Returns a function that makes a request, which is accepted, and has been made once.
///
/// # Panics
/// Unless it is accepted.
pub fn nth(number: usize) -> Box<dyn FnMut()> {
    let (_, to, through) = ROWS[number];
    let pki = Pki::new();
    let (connection, config) = connect(&pki);
    let request = match to {
        To::Own => http2(&connection, SERVER_NAME),
        To::OwnHttp1 => http1(&connection),
        To::Other => http2(&connection, "host-1.example"),
    };
    let callers = |names| {
        let setup = Setup::new(config.clone(), policy(names, CASE, &pki));
        CallerLayer::new(Live::from(setup))
    };
    match through {
        Through::Empty => repeated(request, Pass.layer(Respond)),
        Through::Scope => {
            let scope = RequireScope::from_scope::<Agents>();
            repeated(request, callers(2).layer(scope.layer(Respond)))
        }
        Through::Extractors => repeated(request, callers(2).layer(Extract)),
        Through::Callers(names) => repeated(request, callers(names).layer(Respond)),
    }
}

/// The service is cloned for each request, as axum and others do.
fn repeated<S>(request: Request<Body>, service: S) -> Box<dyn FnMut()>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + 'static,
{
    let run = move || finish(service.clone(), black_box(&request).clone());
    run(); // one-time work
    Box::new(run)
}

/// The facts about a connection whose client is authenticated, and the server's config without a policy.
fn connect(pki: &Pki) -> (ConnectionInfo, rustls::ServerConfig) {
    let (mut client, mut server) = configs(CASE, pki);
    client.alpn_protocols = vec![b"h2".to_vec()];
    server.alpn_protocols = vec![b"h2".to_vec()];
    let mut plain = server.clone();
    plain.client_auth_policy = None;
    let name = ServerName::try_from(SERVER_NAME).expect("a name");
    let mut client = ClientConnection::new(Arc::new(client), name).expect("a client");
    let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
    let mut bytes = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("bytes in memory");
        }
        let mut input = &bytes[..];
        while !input.is_empty() {
            server.read_tls(&mut input).expect("bytes in memory");
            server.process_new_packets().expect("a client without errors");
        }
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).expect("bytes in memory");
        }
        let mut input = &bytes[..];
        while !input.is_empty() {
            client.read_tls(&mut input).expect("bytes in memory");
            client.process_new_packets().expect("a server without errors");
        }
        bytes.clear();
    }
    let peer = SocketAddr::from(([192, 0, 2, 1], 5000));
    (ConnectionInfo::from_tls(&server, peer), plain)
}

/// A request as `axum::serve` passes it on: among its extensions is its connection.
fn http2(connection: &ConnectionInfo, host: &str) -> Request<Body> {
    let request = Request::get(format!("https://{host}/")).version(Version::HTTP_2);
    request.extension(ConnectInfo(connection.clone())).body(Body::new()).expect("a request")
}

fn http1(connection: &ConnectionInfo) -> Request<Body> {
    let request = Request::get("/").header("host", SERVER_NAME).header("accept", "*/*");
    request.extension(ConnectInfo(connection.clone())).body(Body::new()).expect("a request")
}

/// Passes a request through a service that is ready at once.
fn finish<S>(mut service: S, request: Request<Body>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    match pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => assert!(black_box(response).status().is_success()),
        Poll::Pending => panic!("no response"),
    }
}

/// A layer that does nothing.
struct Pass;

#[derive(Clone)]
struct Passing<S>(S);

impl<S> Layer<S> for Pass {
    type Service = Passing<S>;

    fn layer(&self, inner: S) -> Passing<S> {
        Passing(inner)
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Passing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        self.0.call(request)
    }
}

/// A service that responds.
#[derive(Clone)]
struct Respond;

impl Service<Request<Body>> for Respond {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        drop(black_box(request));
        std::future::ready(Ok(Response::new(Body::new())))
    }
}

/// A service that extracts its caller in three ways, and responds.
#[derive(Clone)]
struct Extract;

impl Service<Request<Body>> for Extract {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Extracting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Extracting {
        Extracting(request.into_parts().0)
    }
}

/// The response of [`Extract`]: nothing in it has to wait.
struct Extracting(Parts);

impl Future for Extracting {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let extracting = pin!(extract(&mut self.0));
        let extracted = extracting.poll(cx);
        assert!(extracted.is_ready());
        Poll::Ready(Ok(Response::new(Body::new())))
    }
}

async fn extract(parts: &mut Parts) {
    let caller = <Caller as FromRequestParts<()>>::from_request_parts(parts, &()).await;
    black_box(caller.expect("a caller"));
    let agent = <Identity<Agents> as FromRequestParts<()>>::from_request_parts(parts, &()).await;
    black_box(agent.expect("an agent"));
    let maybe = <Identity<Agents> as OptionalFromRequestParts<()>>::from_request_parts(parts, &());
    black_box(maybe.await.expect("a caller").expect("an agent"));
}
