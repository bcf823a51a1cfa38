//! A server that the tests run step by step, and the client that it refuses.

use std::io::{self, Write as _};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientAuthDecision, ClientAuthDemand};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription as Alert, CertificateError, DigitallySignedStruct, DistinguishedName, Error,
    ServerConfig, ServerConnection, SignatureScheme, SupportedProtocolVersion,
};
use rustls_ext::ClientAuthOffer;
use rustls_ext::tokio::{Connector, End, LikelyRefusal, Refusal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::common::{Pki, Switch, When};

/// Refuses every certificate for this reason.
#[derive(Debug)]
struct Picky(Arc<dyn ClientCertVerifier>, CertificateError);

impl ClientCertVerifier for Picky {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Err(self.1.clone().into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Why the server refuses, the alert, and the alert's name.
pub const REASONS: [(Option<CertificateError>, Alert, &str); 5] = [
    (None, Alert::CertificateRequired, "certificate_required"),
    (Some(CertificateError::UnknownIssuer), Alert::UnknownCA, "unknown_ca"),
    (Some(CertificateError::Expired), Alert::CertificateExpired, "certificate_expired"),
    (Some(CertificateError::BadEncoding), Alert::BadCertificate, "bad_certificate"),
    (Some(CertificateError::ApplicationVerificationFailure), Alert::AccessDenied, "access_denied"),
];

/// A server that refuses every client that it asks, and a client.
pub struct Setting {
    pub server: ServerConfig,
    pub demand: ClientAuthDemand,
    pub connector: Connector,
}

impl Setting {
    /// The server refuses for this reason; `None` is for a missing certificate.
    pub fn new(reason: Option<CertificateError>) -> Self {
        Self::with(reason, &[&TLS13, &TLS12], When::Offered)
    }

    /// The same under TLS 1.2, in which there are no offers.
    pub fn tls12(reason: Option<CertificateError>) -> Self {
        Self::with(reason, &[&TLS12], When::Always)
    }

    fn with(
        reason: Option<CertificateError>,
        versions: &[&'static SupportedProtocolVersion],
        when: When,
    ) -> Self {
        let pki = Pki::new();
        let identity = reason.as_ref().map(|_| &pki.agent);
        let reason = reason.unwrap_or(CertificateError::Revoked);
        let verifier = Arc::new(Picky(pki.agents.verifier(), reason));
        let demand = ClientAuthDemand::new(verifier, "agents").unwrap().because_offered();
        let policy = Switch::new(when, ClientAuthDecision::Require(demand.clone()));
        let offer = ClientAuthOffer::flag().with_certificate_under_tls12(true);
        let client = pki.client_config(identity, offer, versions);
        Self {
            server: pki.server_with(&policy, versions),
            demand,
            connector: Connector::new(Arc::new(client)),
        }
    }

    /// The most common reason.
    pub fn unknown_ca() -> Self {
        Self::new(Some(CertificateError::UnknownIssuer))
    }

    /// A server that accepts the client's certificate.
    pub fn accepting() -> Self {
        let pki = Pki::new();
        let demand = pki.demand("agents").because_offered();
        let policy = Switch::new(When::Offered, ClientAuthDecision::Require(demand.clone()));
        let client =
            pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13, &TLS12]);
        Self {
            server: pki.server_with(&policy, &[&TLS13, &TLS12]),
            demand,
            connector: Connector::new(Arc::new(client)),
        }
    }

    pub fn server(&self) -> Server {
        Server(ServerConnection::new(Arc::new(self.server.clone())).unwrap())
    }
}

pub struct Server(ServerConnection);

impl Server {
    /// Reads the ClientHello, and sends the server's flight.
    pub async fn answer(&mut self, io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        while !self.0.wants_write() {
            assert_eq!(self.step(io).await, None);
        }
        io.write_all(&self.output()).await.unwrap();
    }

    /// The handshake, until the client has answered the certificate request; returns the alert,
    /// which the test may send.
    pub async fn refuse(&mut self, io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Vec<u8> {
        loop {
            if let Some(alert) = self.step(io).await {
                return alert;
            }
            io.write_all(&self.output()).await.unwrap();
        }
    }

    /// The whole handshake.
    pub async fn accept(&mut self, io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        while self.0.is_handshaking() {
            assert_eq!(self.step(io).await, None);
            io.write_all(&self.output()).await.unwrap();
        }
    }

    /// Application data, encrypted.
    pub fn say(&mut self, data: &[u8]) -> Vec<u8> {
        self.0.writer().write_all(data).unwrap();
        self.output()
    }

    /// A close_notify, encrypted.
    pub fn close(&mut self) -> Vec<u8> {
        self.0.send_close_notify();
        self.output()
    }

    /// Processes the received bytes; returns the alert if they cause one.
    async fn step(&mut self, io: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
        let mut buf = [0; 4096];
        let read = io.read(&mut buf).await.unwrap();
        assert_ne!(read, 0, "the client hung up");
        self.feed(&buf[..read])
    }

    /// Processes these bytes; returns the alert if they cause one.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Option<Vec<u8>> {
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes).unwrap();
            if self.0.process_new_packets().is_err() {
                return Some(self.output());
            }
        }
        None
    }

    fn output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut bytes).unwrap();
        }
        bytes
    }
}

/// The refusal that `err` reports, which must be a late one.
#[track_caller]
pub fn late(err: &io::Error) -> Refusal {
    let refusal = Refusal::in_chain(err).unwrap_or_else(|| panic!("no refusal: {err:?}"));
    assert!(refusal.after_handshake, "{refusal}");
    refusal.clone()
}

/// The end of the connection that an error describes.
pub fn end(err: &io::Error) -> End {
    match (Refusal::in_chain(err), LikelyRefusal::in_chain(err)) {
        (Some(refusal), _) => End::Refused(refusal.clone()),
        (None, Some(refusal)) => End::LikelyRefused(*refusal),
        (None, None) => End::Io(err.kind()),
    }
}

/// Writes until that fails.
pub async fn write_on(io: &mut (impl AsyncWrite + Unpin)) -> io::Error {
    let request = [b'x'; 16 * 1024];
    loop {
        if let Err(err) = io.write_all(&request).await {
            return err;
        }
        if let Err(err) = io.flush().await {
            return err;
        }
    }
}
