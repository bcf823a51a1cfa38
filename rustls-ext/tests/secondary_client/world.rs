//! Sites by origin, and clients that can connect only to them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rcgen::CertificateParams;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientAuthDecision, ClientAuthDemand, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::Challenge;
use rustls_ext::http::client::{ClientIdentity, Credentials, Report};
use rustls_ext::http::hyper::{Builder, Client, Error, RequestBody, ResponseBody};
use rustls_ext::http::secondary::HttpCodePoints;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::oneshot;
use tower::service_fn;

use super::common::{self, CertAndKey, Pki, provider};
use super::raw::Raw;
use super::site::{Need, Site, accept};

pub const A: &str = "https://a.example.test";
pub const B: &str = "https://b.example.test";

type Serve = Arc<dyn Fn(DuplexStream) + Send + Sync>;

pub struct World {
    pub pki: Pki,
    server: CertAndKey,
    sites: HashMap<String, Serve>,
}

impl World {
    pub fn new() -> Self {
        let pki = Pki::new();
        let names = ["*.example.test", "other.test"].map(str::to_owned);
        let server = pki.servers.sign(CertificateParams::new(names).unwrap());
        Self { pki, server, sites: HashMap::new() }
    }

    pub fn tls(&self) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.server.chain.clone(), self.server.key())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    /// Requests a certificate of an agent or of staff in the handshake of clients that offer.
    fn decision(&self) -> ClientAuthDecision {
        let mut roots = RootCertStore::empty();
        roots.add(self.pki.agents.der.clone()).unwrap();
        roots.add(self.pki.staff.der.clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
        let demand = ClientAuthDemand::new(verifier, "people").unwrap().because_offered();
        ClientAuthDecision::Request(demand)
    }

    pub fn agents(&self) -> Need {
        self.need(&self.pki.agents, "agents")
    }

    pub fn staff(&self) -> Need {
        self.need(&self.pki.staff, "staff")
    }

    fn need(&self, authority: &common::Authority, realm: &str) -> Need {
        let challenge = Challenge::for_roots(&authority.roots()).with_realm(realm).unwrap();
        let verifier: Arc<dyn ClientCertVerifier> = authority.verifier();
        Need { verifier, request: None, challenge: Some(challenge) }
    }

    /// A site with `/agents` for agents, `/staff` for staff, and other paths for all clients.
    pub fn usual_site(&mut self, origin: &str) -> Arc<Site> {
        self.site(origin, |_| {})
    }

    /// The same, after a change.
    pub fn site(&mut self, origin: &str, change: impl FnOnce(&mut Site)) -> Arc<Site> {
        let (agents, staff) = (self.agents(), self.staff());
        let needs = move |path: &str| match path {
            path if path.starts_with("/agents") => Some(agents.clone()),
            path if path.starts_with("/staff") => Some(staff.clone()),
            _ => None,
        };
        let mut site = Site {
            tls: Arc::new(self.tls()),
            decision: self.decision(),
            announces: 1,
            code_points: HttpCodePoints::DEFAULT,
            needs: Box::new(needs),
            at_once: None,
            closing: None,
            held: None,
            challenged_once: None,
            grpc: None,
            log: Arc::default(),
        };
        change(&mut site);
        let site = Arc::new(site);
        self.put(origin, &site);
        site
    }

    pub fn put(&mut self, origin: &str, site: &Arc<Site>) {
        let site = site.clone();
        let serve = move |io| drop(tokio::spawn(site.clone().serve(io)));
        self.sites.insert(origin.into(), Arc::new(serve));
    }

    /// A site whose only connection is this script, and what the script returns.
    pub fn raw<F, T>(
        &mut self,
        origin: &str,
        script: impl FnOnce(Raw) -> F + Send + 'static,
    ) -> oneshot::Receiver<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (tls, (tell, told)) = (Arc::new(self.tls()), oneshot::channel());
        let once = Mutex::new(Some((script, tell)));
        let serve = move |io| {
            let (script, tell) = once.lock().unwrap().take().expect("only one connection");
            let tls = tls.clone();
            tokio::spawn(async move {
                let io = accept(&tls, &ClientAuthDecision::None, io).await.unwrap();
                let _ = tell.send(script(Raw::new(io).await).await);
            });
        };
        self.sites.insert(origin.into(), Arc::new(serve));
        told
    }

    /// A site over HTTP/1.1 without TLS that sends a challenge for agents.
    pub fn without_tls(&mut self, origin: &str) {
        let challenge = self.agents().challenge.unwrap().to_value().unwrap();
        let serve = move |io| {
            let challenge = challenge.clone();
            let service = hyper::service::service_fn(move |_: Request<hyper::body::Incoming>| {
                let response = Response::builder()
                    .status(StatusCode::UNAUTHORIZED)
                    .header(http::header::WWW_AUTHENTICATE, challenge.clone());
                std::future::ready(response.body(Empty::<Bytes>::new()))
            });
            let http = hyper::server::conn::http1::Builder::new();
            drop(tokio::spawn(http.serve_connection(TokioIo::new(io), service)));
        };
        self.sites.insert(origin.into(), Arc::new(serve));
    }

    pub fn client_tls(&self) -> ClientConfig {
        let mut tls = self.pki.client_config(None, ClientAuthOffer::default(), &[&TLS13, &TLS12]);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        tls
    }

    /// Credentials of the agent and of the boss, for all sites under `example.test`.
    pub fn credentials(&self) -> Credentials {
        let agent = identity("agent", &self.pki.agent).for_host("*.example.test").unwrap();
        let boss = identity("boss", &self.pki.boss).for_host("*.example.test").unwrap();
        Credentials::new().with(agent).unwrap().with(boss).unwrap()
    }

    pub fn client<B: RequestBody>(&self) -> Client<B> {
        self.builder(self.credentials()).build()
    }

    pub fn builder(&self, credentials: Credentials) -> Builder {
        self.builder_over(self.client_tls(), credentials)
    }

    pub fn builder_over(&self, tls: ClientConfig, credentials: Credentials) -> Builder {
        let sites = Arc::new(self.sites.clone());
        let connector = service_fn(move |uri: Uri| {
            let origin = uri.to_string();
            let site = sites.get(origin.trim_end_matches('/')).cloned();
            async move {
                let site = site.ok_or_else(|| format!("no site at {origin}"))?;
                let (near, far) = duplex(64 * 1024);
                site(far);
                Ok::<_, String>(TokioIo::new(near))
            }
        });
        Client::builder(tls, credentials).connector(connector)
    }
}

pub fn identity(name: &str, identity: &CertAndKey) -> ClientIdentity {
    let key = CertifiedKey::from_der(identity.chain.clone(), identity.key(), &provider()).unwrap();
    ClientIdentity::new(name, Arc::new(key)).unwrap()
}

/// A response that was read.
pub struct Read {
    pub status: StatusCode,
    pub report: Report,
}

impl Read {
    /// The status, the identity, and how often the request was sent.
    pub fn summary(&self) -> (u16, Option<&str>, u32) {
        (self.status.as_u16(), self.report.identity.as_deref(), self.report.sent)
    }

    /// The names of the identities that were shown on the open connection.
    pub fn shown(&self) -> Vec<&str> {
        self.report.shown.iter().map(|shown| &*shown.identity).collect()
    }
}

pub async fn read(response: Response<ResponseBody>) -> Read {
    let report = Report::of(response.extensions()).unwrap().clone();
    let status = response.status();
    response.into_body().collect().await.unwrap();
    Read { status, report }
}

pub type Own = Client<Empty<Bytes>>;

pub async fn try_get(client: &Own, uri: &str) -> Result<Read, Error> {
    Ok(read(client.request(Request::get(uri).body(Empty::new()).unwrap()).await?).await)
}

pub async fn get(client: &Own, uri: &str) -> Read {
    try_get(client, uri).await.unwrap()
}
