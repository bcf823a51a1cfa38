//! The exchange without a transport: a real connection for the exporters, and frames by hand.
#![cfg(feature = "ring")]

mod answers;
mod callers;
mod limits;
mod memory;
mod model;
mod settings;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::Request as HttpRequest;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::UnixTime;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use test_pki::{Authority, IssuedCertificate};

use super::super::{ConnectionError, Exchange, Frame};
use super::{ServerExchange, ServerOptions};
use crate::authenticator::{Endpoint, Exporters, Request};
use crate::http::server::{Caller, CallerLayer, ConnectionInfo, Denied, Identity};
use crate::wire::secondary::Requests;
use crate::{Anchors, Live, Policy, PolicyBuilder, PostHandshake, Setup, Verdict};

/// The scopes "users" and "devices" have an authority each; nobody trusts the third.
struct Pki {
    servers: Authority,
    users: Authority,
    devices: Authority,
    user: IssuedCertificate,
    device: IssuedCertificate,
    stranger: IssuedCertificate,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let [servers, users, devices, others] =
        ["servers", "users", "devices", "others"].map(|name| Authority::new(name).unwrap());
    Pki {
        user: users.client("user").unwrap(),
        device: devices.client("device").unwrap(),
        stranger: others.client("stranger").unwrap(),
        servers,
        users,
        devices,
    }
});

#[derive(Debug)]
struct Clock(AtomicU64);

impl Clock {
    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::SeqCst))))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn anchors(authority: &Authority) -> Anchors {
    Anchors::from_certificates([authority.der().clone()]).unwrap()
}

/// No certificate is requested in the handshake.
fn builder() -> PolicyBuilder {
    Policy::builder()
        .provider(provider())
        .scope("users", anchors(&PKI.users))
        .scope("devices", anchors(&PKI.devices))
        .otherwise(Verdict::None)
}

/// "users" may be requested for all hosts.
fn users() -> PolicyBuilder {
    builder().post_handshake(PostHandshake::when_needed("users"))
}

/// "users" and "devices" may be requested for all hosts.
fn both() -> PolicyBuilder {
    users().post_handshake(PostHandshake::when_needed("devices"))
}

fn config(clock: &Arc<Clock>) -> ServerConfig {
    let server = PKI.servers.server(&["www.example"]).unwrap().certified_key().unwrap();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(server)));
    config.time_provider = clock.clone();
    config
}

/// A connection to `www.example` whose handshake is complete.
fn connections(config: Arc<ServerConfig>) -> (ClientConnection, ServerConnection) {
    let client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(PKI.servers.roots().unwrap())
        .with_no_client_auth();
    let name = "www.example".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(config).unwrap();
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        if !bytes.is_empty() {
            server.read_tls(&mut &bytes[..]).unwrap();
            server.process_new_packets().unwrap();
        }
        bytes.clear();
        server.write_tls(&mut bytes).unwrap();
        if !bytes.is_empty() {
            client.read_tls(&mut &bytes[..]).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    (client, server)
}

struct Fixture {
    live: Live,
    clock: Arc<Clock>,
    exchange: Arc<ServerExchange>,
    info: ConnectionInfo,
    /// Of the client.
    exporters: Exporters,
}

impl Fixture {
    fn new(policy: PolicyBuilder) -> Self {
        Self::with(policy, ServerOptions::new())
    }

    fn with(policy: PolicyBuilder, options: ServerOptions) -> Self {
        let clock = Arc::new(Clock(AtomicU64::new(UnixTime::now().as_secs())));
        let live = Live::from(Setup::new(config(&clock), policy.build().unwrap()));
        Self::connect(live, clock, options)
    }

    /// A connection to a server.
    fn of(live: Live, clock: Arc<Clock>) -> Self {
        Self::connect(live, clock, ServerOptions::new())
    }

    fn connect(live: Live, clock: Arc<Clock>, options: ServerOptions) -> Self {
        let (client, server) = connections(live.current().config().clone());
        let info = ConnectionInfo::from_tls(&server, None);
        let exchange = ServerExchange::attach(
            &info,
            Exporters::for_sender(&server, Endpoint::Client).unwrap(),
            live.current().config(),
            Arc::new(live.clone()),
            options,
        );
        let exporters = Exporters::for_sender(&client, Endpoint::Client).unwrap();
        Self { live, clock, exchange, info, exporters }
    }

    /// The same, of a client that has announced this number.
    fn announced(policy: PolicyBuilder, number: u64) -> Self {
        let fixture = Self::new(policy);
        fixture.exchange.setting(Some(number)).unwrap();
        fixture
    }

    fn reload(&self, policy: PolicyBuilder) {
        let config = self.live.current().config().clone();
        self.live.replace(Setup::new(config, policy.build().unwrap()));
    }

    /// The caller of a request for this host that is admitted now.
    fn caller(&self, host: &str) -> Caller {
        let (parts, ()) =
            HttpRequest::get(format!("https://{host}/")).body(()).unwrap().into_parts();
        CallerLayer::new(self.live.clone())
            .with_connection(self.info.clone())
            .admit(&parts)
            .unwrap()
    }

    /// Asks for a scope as a request for `www.example`.
    fn ask(&self, scope: &'static str) -> tokio::task::JoinHandle<Result<Identity, Denied>> {
        let caller = self.caller("www.example");
        tokio::spawn(async move { caller.ask(scope).await })
    }

    /// The requests that the server has sent, of all frames. Tasks that are ready run first.
    async fn requests(&self) -> Vec<Request> {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.sent()
    }

    fn sent(&self) -> Vec<Request> {
        let mut requests = Vec::new();
        for (frame, payload) in self.exchange.outbox().take() {
            assert_eq!(frame, Frame::AuthenticatorRequests);
            for request in Requests::parse(&payload).unwrap() {
                requests.push(Request::parse(Endpoint::Server, request.bytes()).unwrap());
            }
        }
        requests
    }

    /// The only request that the server has sent.
    async fn request(&self) -> Request {
        let mut requests = self.requests().await;
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }

    /// A CERTIFICATE frame of the client arrives.
    fn answer(&self, payload: Vec<u8>) -> Result<(), ConnectionError> {
        let length = payload.len().try_into().unwrap();
        self.exchange.head(Frame::Certificate, true, length)?;
        self.exchange.frame(Frame::Certificate, payload)
    }

    fn authenticate(&self, request: &Request, identity: &IssuedCertificate) -> Vec<u8> {
        request.authenticate(&self.exporters, &key(identity)).unwrap()
    }

    fn decline(&self, request: &Request) -> Vec<u8> {
        request.decline(&self.exporters).unwrap()
    }

    /// The client answers with this certificate, although it may not be from an authority that the
    /// request names.
    fn force(&self, request: &Request, identity: &IssuedCertificate) -> Vec<u8> {
        use crate::wire::authenticator as wire;
        let key = key(identity);
        let signer = key.key.choose_scheme(&request.schemes()).unwrap();
        let chain: Vec<&[u8]> = key.cert.iter().map(|der| der.as_ref()).collect();
        let mut buffer = vec![0; 16 * 1024];
        let parsed = wire::Request::parse(Endpoint::Server, request.bytes()).unwrap();
        let made = parsed.authenticate(
            &self.exporters,
            &chain,
            signer.scheme().into(),
            |message| signer.sign(message),
            &mut buffer,
        );
        made.unwrap().to_vec()
    }

    /// Proves "users" with this certificate, for a request to `www.example`.
    async fn prove(&self, scope: &'static str, identity: &IssuedCertificate) {
        let ask = self.ask(scope);
        let request = self.request().await;
        self.answer(self.authenticate(&request, identity)).unwrap();
        ask.await.unwrap().unwrap();
    }

    /// Waits until all answers have been validated.
    async fn settle(&self) {
        while self.exchange.lock().asking.as_ref().is_some_and(|asking| asking.validating) {
            tokio::task::yield_now().await;
        }
    }

    /// Why the connection ends, once it does.
    async fn error(&self) -> ConnectionError {
        loop {
            if let Some(error) = self.exchange.outbox().error() {
                return error;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn key(identity: &IssuedCertificate) -> Arc<CertifiedKey> {
    identity.certified_key().unwrap()
}

/// The common name of the client, or why it is denied.
fn name(outcome: Result<Identity, Denied>) -> Result<String, Denied> {
    outcome.map(|identity| identity.certificate().common_name().unwrap().to_owned())
}

#[track_caller]
fn assert_unauthenticated(outcome: Result<Identity, Denied>) {
    assert!(matches!(outcome, Err(Denied::Unauthenticated { .. })), "{outcome:?}");
}
