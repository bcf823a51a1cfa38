//! A server with several host names on loopback, and its clients.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path};
use axum::routing::get;
use http::{HeaderMap, Request, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rcgen::{CertificateParams, SanType};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use rustls_ext::http::server::{
    Caller, CallerLayer, ConnectionInfo, Denied, Identity, RequireScope, Scope,
};
use rustls_ext::tokio::Acceptor;
use rustls_ext::{Anchors, ClientAuthOffer, Live, Policy, Rule, Setup, Verdict};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::{Layer, Service};

use crate::common::{CertAndKey, Pki, provider};

pub struct Staff;

impl Scope for Staff {
    const NAME: &'static str = "staff";
}

pub struct Agents;

impl Scope for Agents {
    const NAME: &'static str = "agents";
}

pub const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
pub const ONLY_TLS12: [&SupportedProtocolVersion; 1] = [&TLS12];

/// The paths of requests that reached a handler.
pub type Log = Arc<Mutex<Vec<String>>>;

/// A server with one certificate for several names under `example` and for `127.0.0.1`.
pub struct Site {
    pub pki: Pki,
    pub live: Live,
    pub addr: SocketAddr,
    pub log: Log,
    /// The `ConnectionInfo` of each connection.
    pub connections: Arc<Mutex<Vec<ConnectionInfo>>>,
}

impl Site {
    /// [`policy`] defines which host requests which certificate.
    pub async fn start() -> Self {
        Self::with(policy, app).await
    }

    /// The same with another service behind the caller layer.
    pub async fn with<S, B>(policy: impl FnOnce(&Pki) -> Policy, app: impl FnOnce(Log) -> S) -> Self
    where
        S: Service<Request<Incoming>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body + Default + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let pki = Pki::new();
        let config = server_config(&pki, &[b"h2", b"http/1.1"]);
        let live = Live::from(Setup::new(config, policy(&pki)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let site = Self {
            pki,
            live: live.clone(),
            addr,
            log: Log::default(),
            connections: Arc::default(),
        };
        let (service, connections) = (app(site.log.clone()), site.connections.clone());
        tokio::spawn(async move {
            loop {
                let (tcp, peer) = listener.accept().await.unwrap();
                let (live, service, connections) =
                    (live.clone(), service.clone(), connections.clone());
                tokio::spawn(async move {
                    let Ok(tls) = Acceptor::from_live(live.clone()).accept(tcp, peer).await else {
                        return;
                    };
                    let info = ConnectionInfo::from_tls(tls.get_ref().1, peer);
                    connections.lock().unwrap().push(info.clone());
                    let service = CallerLayer::new(live).with_connection(info).layer(service);
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(tls), TowerToHyperService::new(service))
                        .await;
                });
            }
        });
        site
    }

    pub fn client(&self) -> Client<'_> {
        Client {
            site: self,
            identity: None,
            offer: ClientAuthOffer::default(),
            versions: &BOTH,
            protocol: b"h2",
        }
    }

    pub fn agent(&self) -> Client<'_> {
        self.client().with(&self.pki.agent).offering(ClientAuthOffer::flag())
    }

    /// The paths that reached handlers since the last call.
    pub fn reached(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// The `ConnectionInfo` of the latest connection.
    pub fn latest(&self) -> ConnectionInfo {
        self.connections.lock().unwrap().last().unwrap().clone()
    }
}

/// | host name | certificate |
/// |---|---|
/// | `admin.example` | required in the scope "staff" |
/// | `login.example` | requested in the scope "agents" |
/// | `soft.example` | the same, leniently |
/// | any other, with an offer | requested in the scope "agents" |
/// | any other, without an offer | not requested |
pub fn policy(pki: &Pki) -> Policy {
    builder(pki)
        .rule(Rule::when().server_name("admin.example").require("staff"))
        .rule(Rule::when().server_name("login.example").request("agents"))
        .rule(Rule::when().server_name("soft.example").request_lenient("agents"))
        .rule(Rule::when().offered(true).request("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap()
}

pub fn builder(pki: &Pki) -> rustls_ext::PolicyBuilder {
    Policy::builder()
        .provider(provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .scope("staff", Anchors::from_roots(pki.staff.roots()))
}

pub fn server_config(pki: &Pki, protocols: &[&[u8]]) -> ServerConfig {
    let names = ["www", "admin", "login", "soft", "app"].map(|name| format!("{name}.example"));
    let mut params = CertificateParams::new(names).unwrap();
    params.subject_alt_names.push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
    let server = pki.servers.sign(params);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&BOTH)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(server.chain.clone(), server.key())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config
}

/// Handlers that answer with the identity of their caller.
pub fn app(log: Log) -> Router {
    async fn known(Extension(log): Extension<Log>, uri: Uri) {
        log.lock().unwrap().push(uri.path().to_owned());
    }
    async fn home(log: Extension<Log>, uri: Uri) -> &'static str {
        known(log, uri).await;
        "home"
    }
    async fn staff(staff: Identity<Staff>, log: Extension<Log>, uri: Uri) -> String {
        known(log, uri).await;
        format!("staff: {}", staff.certificate().common_name().unwrap())
    }
    async fn maybe(agent: Option<Identity<Agents>>, log: Extension<Log>, uri: Uri) -> String {
        known(log, uri).await;
        match agent {
            Some(agent) => format!("agent: {}", agent.certificate().common_name().unwrap()),
            None => "nobody".to_owned(),
        }
    }
    async fn named(
        Path(scope): Path<String>,
        caller: Caller,
        log: Extension<Log>,
        uri: Uri,
    ) -> Result<String, Denied> {
        let identity = caller.require(&scope)?;
        known(log, uri).await;
        Ok(format!("{scope}: {}", identity.certificate().common_name().unwrap()))
    }
    Router::new()
        .route("/", get(home))
        .route("/staff", get(staff))
        .route("/maybe", get(maybe))
        .route("/named/{scope}", get(named))
        .route("/agents", get(home).layer(RequireScope::new("agents")))
        .route(
            "/realm",
            get(home).layer(RequireScope::from_scope::<Staff>().with_realm("the office")),
        )
        .route("/typo", get(home).layer(RequireScope::new("agent")))
        .layer(Extension(log))
}

/// The settings of a client.
#[derive(Clone)]
pub struct Client<'a> {
    site: &'a Site,
    identity: Option<&'a CertAndKey>,
    offer: ClientAuthOffer,
    versions: &'static [&'static SupportedProtocolVersion],
    protocol: &'static [u8],
}

impl<'a> Client<'a> {
    pub fn with(mut self, identity: &'a CertAndKey) -> Self {
        self.identity = Some(identity);
        self
    }

    pub fn offering(mut self, offer: ClientAuthOffer) -> Self {
        self.offer = offer;
        self
    }

    /// Uses TLS 1.2 only, and sends certificates under it.
    pub fn tls12(mut self) -> Self {
        self.versions = &ONLY_TLS12;
        self.offer = self.offer.with_certificate_under_tls12(true);
        self
    }

    pub fn http1(mut self) -> Self {
        self.protocol = b"http/1.1";
        self
    }

    pub fn config(&self) -> Arc<ClientConfig> {
        let mut config =
            self.site.pki.client_config(self.identity, self.offer.clone(), self.versions);
        config.alpn_protocols = vec![self.protocol.to_vec()];
        Arc::new(config)
    }

    /// A connection to this name, or address.
    pub async fn connect(&self, name: &str) -> Connection {
        Connection::open(self.config(), name, self.site.addr).await
    }

    /// A connection, and one GET request on it.
    pub async fn get(&self, name: &str, path: &str) -> Answer {
        self.connect(name).await.get(name, path).await
    }
}

pub async fn tls(config: Arc<ClientConfig>, name: &str, addr: SocketAddr) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(config).connect(name, tcp).await.unwrap()
}

/// A client's connection.
pub enum Connection {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// A response.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Connection {
    pub async fn open(config: Arc<ClientConfig>, name: &str, addr: SocketAddr) -> Self {
        let is_h2 = config.alpn_protocols == [b"h2"];
        let io = TokioIo::new(tls(config, name, addr).await);
        if is_h2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Self::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            Self::Http1(sender)
        }
    }

    /// For this host.
    pub async fn get(&mut self, authority: &str, path: &str) -> Answer {
        let request = Request::get(format!("https://{authority}{path}"));
        self.send(request.body(Body::new(Empty::<Bytes>::new())).unwrap()).await
    }

    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        let response = match self {
            Self::Http2(sender) => {
                sender.ready().await.unwrap();
                *request.version_mut() = Version::HTTP_2;
                sender.send_request(request).await
            }
            Self::Http1(sender) => {
                sender.ready().await.unwrap();
                let authority = request.uri().authority().unwrap().as_str().parse().unwrap();
                request.headers_mut().entry("host").or_insert(authority);
                let path = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
                *request.uri_mut() = path;
                sender.send_request(request).await
            }
        };
        let (parts, body) = response.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

impl Answer {
    /// The value of the only `WWW-Authenticate` line.
    #[track_caller]
    pub fn challenge(&self) -> &str {
        let mut lines = self.headers.get_all("www-authenticate").iter();
        let line = lines.next().expect("no challenge");
        assert_eq!(lines.next(), None);
        line.to_str().unwrap()
    }
}
