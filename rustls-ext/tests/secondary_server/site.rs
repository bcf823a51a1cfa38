//! A server in memory with the host names `www.example`, `app.example` and `other.example`.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rcgen::CertificateParams;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use rustls_ext::http::secondary::ServerOptions;
use rustls_ext::http::server::{
    Caller, CallerLayer, ConnectionInfo, Denied, Identity, RequireScope, Scope, ServerStream,
};
use rustls_ext::tokio::Acceptor;
use rustls_ext::{
    Anchors, ClientAuthOffer, Live, Policy, PolicyBuilder, PostHandshake, Setup, Verdict,
};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tower::{Layer, Service};

use crate::client::{Answers, Connection};
use crate::common::{CertAndKey, Pki, provider};

/// "staff" are people, and "agents" are their devices.
pub struct Staff;

impl Scope for Staff {
    const NAME: &'static str = "staff";
}

pub struct Site {
    pub pki: Arc<Pki>,
    pub live: Live,
    pub options: ServerOptions,
    /// The `ConnectionInfo` of each connection.
    pub connections: Arc<Mutex<Vec<ConnectionInfo>>>,
    /// How each connection ended at the server.
    pub ends: Mutex<Vec<JoinHandle<Result<(), String>>>>,
    sessions: Arc<ClientConfig>,
}

/// "staff" may be requested for `www.example` and `app.example`.
pub fn staff(builder: PolicyBuilder) -> PolicyBuilder {
    let staff = PostHandshake::when_needed("staff");
    builder.post_handshake(staff.host("www.example").host("app.example"))
}

/// "agents" may be requested for `www.example`, too.
pub fn both(builder: PolicyBuilder) -> PolicyBuilder {
    staff(builder).post_handshake(PostHandshake::when_needed("agents").host("www.example"))
}

pub fn builder(pki: &Pki) -> PolicyBuilder {
    Policy::builder()
        .provider(provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .scope("staff", Anchors::from_roots(pki.staff.roots()))
        .otherwise(Verdict::None)
}

pub fn server_config(pki: &Pki) -> ServerConfig {
    let names = ["www", "app", "other"].map(|name| format!("{name}.example"));
    let server = pki.servers.sign(CertificateParams::new(names).unwrap());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(server.chain.clone(), server.key())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

pub fn client_config(pki: &Pki, identity: Option<&CertAndKey>) -> Arc<ClientConfig> {
    let offer = match identity {
        Some(_) => ClientAuthOffer::flag(),
        None => ClientAuthOffer::default(),
    };
    let mut config = pki.client_config(identity, offer, &[&TLS13]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

impl Site {
    pub fn new(policy: impl FnOnce(PolicyBuilder) -> PolicyBuilder) -> Self {
        let pki = Arc::new(Pki::new());
        let policy = policy(builder(&pki)).build().unwrap();
        let live = Live::from(Setup::new(server_config(&pki), policy));
        Self {
            sessions: client_config(&pki, None),
            pki,
            live,
            options: ServerOptions::new(),
            connections: Arc::default(),
            ends: Mutex::default(),
        }
    }

    pub fn reload(&self, policy: impl FnOnce(PolicyBuilder) -> PolicyBuilder) {
        let policy = policy(builder(&self.pki)).build().unwrap();
        self.live.replace(Setup::new(self.live.current().config().clone(), policy));
    }

    /// A connection to `www.example` of a client that announces 1, does not authenticate in its
    /// handshake, and answers in this way.
    pub async fn connect(&self, answers: Answers) -> Connection {
        self.connect_with(self.sessions.clone(), 1, answers).await
    }

    pub async fn connect_with(
        &self,
        config: Arc<ClientConfig>,
        number: u32,
        answers: Answers,
    ) -> Connection {
        self.serve(config, number, answers, app()).await
    }

    /// The same with another service behind the caller layer.
    pub async fn serve<S, B>(
        &self,
        config: Arc<ClientConfig>,
        number: u32,
        answers: Answers,
        service: S,
    ) -> Connection
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body + Default + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let (live, options) = (self.live.clone(), self.options.clone());
        let connections = self.connections.clone();
        self.ends.lock().unwrap().push(tokio::spawn(async move {
            let tls = Acceptor::from_live(live.clone()).accept(server, None).await.unwrap();
            let (stream, info) = ServerStream::with_options(tls, None, &live, &options);
            connections.lock().unwrap().push(info.clone());
            let service = CallerLayer::new(live).with_connection(info).layer(service);
            http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                .await
                .map_err(|error| format!("{error:?}"))
        }));
        Connection::open(tls(config, client).await, number, answers).await
    }

    /// The `ConnectionInfo` of the latest connection.
    pub fn latest(&self) -> ConnectionInfo {
        self.connections.lock().unwrap().last().unwrap().clone()
    }
}

pub async fn tls(
    config: Arc<ClientConfig>,
    io: DuplexStream,
) -> tokio_rustls::client::TlsStream<DuplexStream> {
    let name = ServerName::try_from("www.example").unwrap();
    TlsConnector::from(config).connect(name, io).await.unwrap()
}

/// Pages that need a scope.
pub fn app() -> Router {
    async fn staff(staff: Identity<Staff>) -> String {
        format!("staff: {}", staff.certificate().common_name().unwrap())
    }
    async fn maybe(staff: Option<Identity<Staff>>) -> &'static str {
        if staff.is_some() { "staff" } else { "nobody" }
    }
    async fn named(caller: Caller) -> Result<String, Denied> {
        let staff = caller.ask("staff").await?;
        Ok(format!("staff: {}", staff.certificate().common_name().unwrap()))
    }
    async fn all(caller: Caller) -> String {
        let all = caller.connection().identities();
        let names: Vec<_> = all
            .iter()
            .map(|it| format!("{} {:?}", it.certificate().common_name().unwrap(), it.proved_by()))
            .collect();
        names.join(", ")
    }
    Router::new()
        .route("/", get(|| async { "home" }))
        .route("/staff", get(staff))
        .route("/maybe", get(maybe))
        .route("/named", get(named))
        .route("/all", get(all))
        .route("/agents", get(|| async { "agents only" }).layer(RequireScope::new("agents")))
        .route("/layer", get(|| async { "staff only" }).layer(RequireScope::new("staff")))
        .fallback(|| async { Response::new(Body::empty()) })
}
