//! A proxy that terminates TLS between a client and a server that requests certificates on open
//! connections.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rext_cli::tls;
use rustls_ext::authenticator::{Endpoint, Exporters, Request as CertificateRequest};
use rustls_ext::http::secondary::{
    ClientExchange, ClientLimits, ConnectionError, Http2Filter, HttpCodePoints, Outbox,
};
use rustls_ext::http::server::{Caller, CallerLayer, ConnectionInfo, Denied, ServerStream};
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS, ServerConfig};
use rustls_ext::tokio::{Acceptor, Connector};
use rustls_ext::wire::authenticator::AuthenticatorError;
use rustls_ext::{Anchors, ClientAuthOffer, Live, Policy, PostHandshake, Setup, Verdict};
use test_pki::Authority;
use tokio::io::{DuplexStream, copy_bidirectional, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tower::{Layer, ServiceExt};

struct World {
    server: ServerConfig,
    live: Live,
    client: ClientConfig,
    user: Arc<CertifiedKey>,
}

impl World {
    fn new() -> Self {
        let (servers, users) =
            (Authority::new("Servers").unwrap(), Authority::new("Users").unwrap());
        // The proxy is trusted, too, as it is in a company's network.
        let key = servers.server(&["localhost"]).unwrap().certified_key().unwrap();
        let server = tls::server_config(key, &[tls::H2]).unwrap();
        let policy = Policy::builder()
            .provider(tls::provider())
            .scope("users", Anchors::from_roots(users.roots().unwrap()))
            .post_handshake(PostHandshake::when_needed("users"))
            .otherwise(Verdict::None)
            .build()
            .unwrap();
        let offer = ClientAuthOffer::default();
        let roots = servers.roots().unwrap();
        let client = tls::client_config(roots, None, offer, DEFAULT_VERSIONS, &[tls::H2]).unwrap();
        let user = users.client("ursula").unwrap().certified_key().unwrap();
        let live = Live::from(Setup::new(server.clone(), policy));
        Self { server, live, client, user }
    }

    /// A client that answers requests for a certificate; its connection is served by `serve`.
    async fn connect(&self, serve: impl Fn(DuplexStream)) -> Client {
        let (near, far) = duplex(64 * 1024);
        serve(far);
        let name = ServerName::try_from("localhost").unwrap();
        let connector = Connector::new(Arc::new(self.client.clone()));
        let tls = connector.connect(name, near).await.unwrap();
        let exporters = Exporters::for_sender(tls.get_ref().1, Endpoint::Client).unwrap();
        let (user, outbox, limits) = (self.user.clone(), Outbox::new(), ClientLimits::default());
        let choose = move |request: &CertificateRequest| {
            request.accepts(&user).is_ok().then(|| user.clone())
        };
        let run = |work| drop(tokio::task::spawn_blocking(work));
        let exchange = ClientExchange::new(exporters, choose, outbox.clone(), limits, run);
        let (endpoint, points) = (Endpoint::Client, HttpCodePoints::DEFAULT);
        let io = Http2Filter::new(tls, endpoint, points, Arc::new(exchange), outbox);
        let (sender, connection) =
            client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
        Client { sender, ended: tokio::spawn(connection) }
    }

    /// A server, and its connections that have ended.
    fn serve(&self) -> (impl Fn(DuplexStream) + Clone + use<>, UnboundedReceiver<ConnectionInfo>) {
        let (sender, ended) = unbounded_channel();
        let live = self.live.clone();
        (move |io| drop(tokio::spawn(serve(io, live.clone(), sender.clone()))), ended)
    }

    /// A proxy in front of a server: TLS ends here on both sides, and what is inside passes unchanged.
    fn proxy<S: Fn(DuplexStream)>(&self, server: S) -> impl Fn(DuplexStream) + use<S> {
        let (config, connector) = (Arc::new(self.server.clone()), Arc::new(self.client.clone()));
        move |io| {
            let (near, far) = duplex(64 * 1024);
            server(far);
            let (config, connector) = (config.clone(), connector.clone());
            tokio::spawn(async move {
                let policy = Policy::builder().provider(tls::provider()).otherwise(Verdict::None);
                let acceptor = Acceptor::new(config, policy.build().unwrap());
                let mut client = acceptor.accept(io, None).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let mut server = Connector::new(connector).connect(name, near).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    }
}

/// Serves `/account` to users, and other pages to all.
async fn serve(io: DuplexStream, live: Live, ended: UnboundedSender<ConnectionInfo>) {
    let tls = Acceptor::from_live(live.clone()).accept(io, None).await.unwrap();
    let (stream, info) = ServerStream::new(tls, None, &live);
    let page = tower::service_fn(|request: Request<Incoming>| async move {
        let (head, _) = request.into_parts();
        let denied = match head.uri.path() {
            "/account" => Caller::of(&head.extensions).unwrap().ask("users").await.err(),
            _ => None,
        };
        Ok::<_, std::convert::Infallible>(match denied {
            Some(denied) => Denied::response(denied, Full::<Bytes>::default()),
            None => Response::new(Full::from("welcome")),
        })
    });
    let page = CallerLayer::new(live).with_connection(info.clone()).layer(page);
    let service = service_fn(move |request| page.clone().oneshot(request));
    let http = server::conn::http2::Builder::new(TokioExecutor::new());
    // The client's end of the connection is tested.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
    let _ = ended.send(info);
}

/// A client's connection.
struct Client {
    sender: client::conn::http2::SendRequest<Empty<Bytes>>,
    ended: JoinHandle<hyper::Result<()>>,
}

impl Client {
    /// The status of a page.
    async fn get(&mut self, path: &str) -> hyper::Result<u16> {
        let request = Request::get(format!("https://localhost{path}")).body(Empty::new()).unwrap();
        let response = self.sender.send_request(request).await?;
        let status = response.status().as_u16();
        response.into_body().collect().await?;
        Ok(status)
    }
}

#[tokio::test]
async fn without_a_proxy_the_answer_counts() {
    let world = World::new();
    let (serve, mut ended) = world.serve();
    let mut client = world.connect(serve).await;
    assert_eq!(client.get("/").await.unwrap(), 200);
    assert_eq!(client.get("/account").await.unwrap(), 200);
    drop(client.sender);
    client.ended.await.unwrap().unwrap();
    assert_eq!(ended.recv().await.unwrap().secondary_error(), None);
}

#[tokio::test]
async fn ea_13_behind_a_proxy_that_terminates_tls_no_answer_validates() {
    let world = World::new();
    let (serve, mut ended) = world.serve();
    let mut client = world.connect(world.proxy(serve.clone())).await;
    let mut other = world.connect(serve).await;
    assert_eq!(client.get("/").await.unwrap(), 200);
    assert_eq!(other.get("/").await.unwrap(), 200);

    assert!(client.get("/account").await.is_err());
    let end = format!("{:?}", client.ended.await.unwrap().unwrap_err());
    assert!(end.contains("GoAway") && end.contains("Remote"), "{end}");
    assert!(end.contains("PROTOCOL_ERROR"), "{end}");

    let info = ended.recv().await.unwrap();
    assert!(info.identities().is_empty() && info.identity("users").is_none());
    let error = info.secondary_error().unwrap();
    assert_eq!(error, ConnectionError::Authenticator(AuthenticatorError::Mac));
    assert_eq!(
        error.to_string(),
        "the authenticator does not belong to this connection: a proxy between client and server \
         may terminate TLS (SCC-9)"
    );
    // Another connection is untouched.
    assert_eq!(other.get("/account").await.unwrap(), 200);
}
