//! Workloads, and connections between them in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, ClientConfig, Error};
use rustls_ext::spiffe::{Update, Workload, WorkloadApi, WorkloadError};
use rustls_ext::tokio::{AcceptError, Acceptor, ClientStream, Connector, Refusal};
use rustls_ext::{Live, LoadError, Rule, Setup, Verdict};
use test_pki::IssuedCertificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::server::TlsStream;

use crate::api::{Api, X509SvidResponse};
use crate::domain::Domain;

/// A Workload API on this path, with delays that are short.
pub fn workload_api(api: &Api) -> WorkloadApi {
    WorkloadApi::from_socket(api.path())
        .with_provider(Arc::new(ring::default_provider()))
        .with_retry_delays(Duration::from_millis(1), Duration::from_millis(20))
}

pub async fn connect(api: &Api) -> Workload {
    Workload::connect(workload_api(api)).await.unwrap()
}

/// The results that `renew` reports.
pub struct Renewals(UnboundedReceiver<Result<Arc<Update>, WorkloadError>>);

impl Renewals {
    pub fn of(workload: Workload) -> Self {
        let (send, receive) = unbounded_channel();
        tokio::spawn(workload.renew(move |renewed| {
            let _ = send.send(renewed);
        }));
        Self(receive)
    }

    pub async fn next(&mut self) -> Result<Arc<Update>, WorkloadError> {
        self.0.recv().await.unwrap()
    }

    /// Sends a message, and waits until it is in use.
    pub async fn send(&mut self, api: &Api, message: X509SvidResponse) -> Arc<Update> {
        api.send(message);
        self.next().await.unwrap()
    }
}

/// Requires a certificate of the trust domain `partner.example` for the server name
/// `partners.example.org`, and else one of `example.org` from clients that offer.
pub fn setup(update: &Update) -> Result<Setup, LoadError> {
    let policy = update
        .policy(["example.org", "spiffe://partner.example"])?
        .rule(Rule::when().server_name("partners.example.org").require("partner.example"))
        .rule(Rule::when().offered(true).require("example.org"))
        .otherwise(Verdict::None)
        .build()?;
    Ok(Setup::new(update.server_config()?, policy))
}

/// A workload of a trust domain with its own Workload API, which the caller keeps.
pub async fn workload(domain: &Domain, path: &str, federated: &[&Domain]) -> (Api, Workload) {
    let api = Api::start(domain.message(&domain.svid(path), federated));
    let workload = connect(&api).await;
    (api, workload)
}

/// The trust domains `example.org` and `partner.example`, and a server of the first one, which is
/// federated with the second one.
pub struct Setting {
    pub own: Domain,
    pub partner: Domain,
    pub svid: IssuedCertificate,
    pub api: Api,
    pub live: Live,
    pub renewals: Renewals,
}

impl Setting {
    pub async fn new() -> Self {
        let (own, partner) = (Domain::new("example.org"), Domain::new("partner.example"));
        let svid = own.svid("/server");
        let api = Api::start(own.message(&svid, &[&partner]));
        let mut workload = connect(&api).await;
        let live = workload.live(setup).unwrap();
        Self { own, partner, svid, api, live, renewals: Renewals::of(workload) }
    }

    /// A client of `example.org` that expects servers of it.
    pub async fn client(&self) -> ClientConfig {
        let (_api, workload) = workload(&self.own, "/client", &[&self.partner]).await;
        workload.client_config(["spiffe://example.org"]).unwrap()
    }

    /// A client of `partner.example` that expects servers of `example.org`.
    pub async fn partner(&self) -> ClientConfig {
        let (_api, workload) = workload(&self.partner, "/client", &[&self.own]).await;
        workload.client_config(["spiffe://example.org"]).unwrap()
    }

    /// A client that presents this certificate, and expects servers of `example.org`.
    pub async fn client_with(&self, certificate: &IssuedCertificate) -> ClientConfig {
        let mut config = self.client().await;
        let key = certificate.certified_key().unwrap();
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(key));
        config
    }
}

/// A connection, as each side sees it.
pub struct Connection {
    pub client: io::Result<ClientStream<DuplexStream>>,
    pub server: Result<TlsStream<DuplexStream>, AcceptError>,
}

/// Connects to the server of this name. The client is done when the server has accepted it, or not.
pub async fn handshake(live: &Live, config: &ClientConfig, name: &'static str) -> Connection {
    let (near, far) = duplex(64 * 1024);
    let acceptor = Acceptor::from_live(live.clone());
    let server = async {
        let mut stream = acceptor.accept(far, None).await?;
        stream.write_all(b"!").await.map_err(AcceptError::Io)?;
        Ok(stream)
    };
    let connector = Connector::new(Arc::new(config.clone()));
    let client = async {
        let mut stream = connector.connect(name.try_into().unwrap(), near).await?;
        assert_eq!(stream.read_u8().await?, b'!');
        Ok(stream)
    };
    let (client, server) = tokio::join!(client, server);
    Connection { client, server }
}

impl Connection {
    /// The server's reason to refuse the client, and the alert that the client received.
    #[track_caller]
    pub fn refused_by_server(self) -> (Error, AlertDescription) {
        let Err(AcceptError::Tls(reason)) = self.server else {
            panic!("accepted or otherwise failed: {:?}", self.server);
        };
        let err = self.client.unwrap_err();
        (reason, Refusal::in_chain(&err).unwrap().alert)
    }

    /// The client's reason to refuse the server, and the alert that the server received.
    #[track_caller]
    pub fn refused_by_client(self) -> (Error, AlertDescription) {
        let err = self.client.unwrap_err();
        let alert = self.server.unwrap_err().alert_received();
        (rustls_ext::tls_error(&err).unwrap().clone(), alert.unwrap())
    }
}
