//! Sites by origin, and clients that can connect only to them.

use std::collections::HashMap;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rcgen::CertificateParams;
use rustls::server::{ClientAuthDecision, ClientAuthDemand, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::client::{ClientIdentity, Credentials, Limits, Report};
use rustls_ext::http::hyper::{Client, RequestBody, ResponseBody};
use rustls_ext::http::{Challenge, SCHEME};
use rustls_ext::tokio::HelloInfo;
use tokio::io::{DuplexStream, duplex};
use tower::service_fn;

use super::common::{self, Pki, provider};
use super::site::{Answer, ReceivedRequest, Site, challenge, say};

/// The names in the sites' certificate.
const NAMES: [&str; 3] = ["localhost", "*.example.test", "other.test"];

pub const A: &str = "https://a.example.test";
pub const B: &str = "https://b.example.test";

pub struct World {
    pub pki: Pki,
    server: common::CertAndKey,
    sites: HashMap<String, Arc<Site>>,
}

/// The HTTP version that client and server negotiate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Http {
    One,
    Two,
}

pub const BOTH: [Http; 2] = [Http::One, Http::Two];

impl Http {
    pub fn alpn(self) -> Vec<Vec<u8>> {
        match self {
            Self::One => vec![b"http/1.1".to_vec()],
            Self::Two => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

impl World {
    pub fn new() -> Self {
        let pki = Pki::new();
        let server = pki.servers.sign(CertificateParams::new(NAMES.map(str::to_owned)).unwrap());
        Self { pki, server, sites: HashMap::new() }
    }

    pub fn tls(&self) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.server.chain.clone(), self.server.key())
            .unwrap();
        config.alpn_protocols = Http::Two.alpn();
        config
    }

    /// The same for TLS 1.2 only.
    pub fn tls12(&self) -> ServerConfig {
        let new = self.tls();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(new.cert_resolver);
        config.alpn_protocols = new.alpn_protocols;
        config
    }

    /// A site that uses TLS 1.2, and requires an agent's certificate of every client.
    pub fn old_site(&mut self, origin: &str) -> Arc<Site> {
        let demand = self.pki.demand("agents");
        let agents = self.agents();
        let decide = move |_: &_| ClientAuthDecision::Request(demand.clone());
        let site = Site::new(Some(self.tls12()), decide, move |asked| match &asked.certificate {
            Some(_) => say(StatusCode::OK, "welcome"),
            None => challenge(&agents),
        });
        self.put(origin, &site);
        site
    }

    /// Requests a certificate of an agent or of staff from clients that offer.
    pub fn request_from_clients_that_offer(
        &self,
    ) -> impl Fn(&HelloInfo) -> ClientAuthDecision + Send + Sync + use<> {
        let mut roots = RootCertStore::empty();
        roots.add(self.pki.agents.der.clone()).unwrap();
        roots.add(self.pki.staff.der.clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
        let demand = ClientAuthDemand::new(verifier, "people").unwrap().because_offered();
        move |hello| {
            if hello.offered {
                ClientAuthDecision::Request(demand.clone())
            } else {
                ClientAuthDecision::None
            }
        }
    }

    pub fn put(&mut self, origin: &str, site: &Arc<Site>) {
        self.sites.insert(origin.into(), site.clone());
    }

    /// A site at this origin that requests certificates from clients that offer.
    pub fn site(
        &mut self,
        origin: &str,
        handle: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static,
    ) -> Arc<Site> {
        let site = Site::new(Some(self.tls()), self.request_from_clients_that_offer(), handle);
        self.put(origin, &site);
        site
    }

    /// A site with `/agents` for agents, `/staff` for staff, and other paths for all clients.
    pub fn usual_site(&mut self, origin: &str) -> Arc<Site> {
        let (agents, staff) = (self.agents(), self.staff());
        let agent = self.pki.agent.chain[0].clone();
        let boss = self.pki.boss.chain[0].clone();
        self.site(origin, move |asked| {
            let (needed, demand) = match &asked.path {
                path if path.starts_with("/agents") => (&agent, &agents),
                path if path.starts_with("/staff") => (&boss, &staff),
                _ => return say(StatusCode::OK, "hello"),
            };
            match &asked.certificate {
                Some(certificate) if certificate == needed => say(StatusCode::OK, "welcome"),
                _ => challenge(demand),
            }
        })
    }

    /// The challenge of the realm of agents.
    pub fn agents(&self) -> Challenge {
        Challenge::for_roots(&self.pki.agents.roots()).with_realm("agents").unwrap()
    }

    /// The challenge of the realm of staff.
    pub fn staff(&self) -> Challenge {
        Challenge::for_roots(&self.pki.staff.roots()).with_realm("staff").unwrap()
    }

    pub fn client_tls(&self, http: Http) -> ClientConfig {
        let mut tls = self.pki.client_config(None, ClientAuthOffer::default(), &[&TLS13, &TLS12]);
        tls.alpn_protocols = http.alpn();
        tls
    }

    /// Credentials of the agent and of the boss, for all sites under `example.test`.
    pub fn credentials(&self) -> Credentials {
        let agent = identity("agent", &self.pki.agent).for_host("*.example.test").unwrap();
        let boss = identity("boss", &self.pki.boss).for_host("*.example.test").unwrap();
        Credentials::new().with(agent).unwrap().with(boss).unwrap()
    }

    pub fn client<B: RequestBody>(&self, http: Http) -> Client<B> {
        self.client_with(http, self.credentials(), Limits::default())
    }

    pub fn client_with<B: RequestBody>(
        &self,
        http: Http,
        credentials: Credentials,
        limits: Limits,
    ) -> Client<B> {
        self.client_over(self.client_tls(http), credentials, limits)
    }

    pub fn client_over<B: RequestBody>(
        &self,
        tls: ClientConfig,
        credentials: Credentials,
        limits: Limits,
    ) -> Client<B> {
        let sites = Arc::new(self.sites.clone());
        let connector = service_fn(move |uri: Uri| {
            let origin = uri.to_string();
            let site = sites.get(origin.trim_end_matches('/')).cloned();
            async move { site.map(connect).ok_or_else(|| format!("no site at {origin}")) }
        });
        Client::builder(tls, credentials).limits(limits).connector(connector).build()
    }
}

fn connect(site: Arc<Site>) -> TokioIo<DuplexStream> {
    let (near, far) = duplex(64 * 1024);
    tokio::spawn(site.serve(far));
    TokioIo::new(near)
}

pub fn identity(name: &str, identity: &common::CertAndKey) -> ClientIdentity {
    let key = CertifiedKey::from_der(identity.chain.clone(), identity.key(), &provider()).unwrap();
    ClientIdentity::new(name, Arc::new(key)).unwrap()
}

/// A response that was read.
pub struct Read {
    pub status: StatusCode,
    pub text: String,
    pub report: Report,
}

impl Read {
    /// The client's identity at the server.
    pub fn identity(&self) -> Option<&str> {
        self.report.identity.as_deref()
    }
}

pub async fn read(response: Response<ResponseBody>) -> Read {
    let report = Report::of(response.extensions()).unwrap().clone();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Read { status, text: String::from_utf8(body.to_vec()).unwrap(), report }
}

pub async fn get(client: &Client<Full<Bytes>>, uri: &str) -> Read {
    let request = Request::builder().method(Method::GET).uri(uri).body(Full::default()).unwrap();
    read(client.request(request).await.unwrap()).await
}

pub async fn post(client: &Client<Full<Bytes>>, uri: &str, body: &'static str) -> Read {
    let request = Request::post(uri).body(Full::from(body)).unwrap();
    read(client.request(request).await.unwrap()).await
}

/// A challenge that accepts any certificate.
pub fn any() -> Challenge {
    assert_eq!(Challenge::new().to_value().unwrap(), SCHEME);
    Challenge::new()
}
