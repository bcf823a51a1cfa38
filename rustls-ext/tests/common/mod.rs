//! Code that the tests of this crate share: a small PKI, configs, and connections in memory.
#![allow(dead_code)] // no test uses all of it

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName,
    UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy, ClientHello, WebPkiClientVerifier,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName,
    Error, RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
    SupportedProtocolVersion,
};
use rustls_ext::ClientAuthOffer;

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// PEM (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

/// An authority that signs what the tests need.
pub struct Authority {
    pub der: CertificateDer<'static>,
    inner: test_pki::Authority,
}

/// A certificate and its key.
pub struct CertAndKey {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
}

impl CertAndKey {
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    /// A resolver for a client, without a check that the key belongs to the certificate.
    pub fn unchecked(&self) -> SingleCertAndKey {
        let key = provider().key_provider.load_private_key(self.key()).unwrap();
        SingleCertAndKey::from(CertifiedKey::new(self.chain.clone(), key))
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let inner = test_pki::Authority::new(name).unwrap();
        Self { der: inner.der().clone(), inner }
    }

    pub fn issue(&self, name: &str) -> CertAndKey {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(params)
    }

    pub fn sign(&self, params: CertificateParams) -> CertAndKey {
        let signed = self.inner.sign(params, KeyPair::generate().unwrap()).unwrap();
        CertAndKey { chain: vec![signed.der().clone()], key: signed.key_der() }
    }

    /// A list that revokes the certificates with these serial numbers.
    pub fn revoke(&self, serial_numbers: &[u64]) -> CertificateRevocationListDer<'static> {
        self.inner.revoke(serial_numbers.iter().map(|n| SerialNumber::from(*n))).unwrap().into()
    }

    /// The same, valid in this span of seconds since the Unix epoch.
    pub fn revoke_between(
        &self,
        serial_numbers: &[u64],
        validity: Range<u64>,
    ) -> CertificateRevocationListDer<'static> {
        let serial_numbers = serial_numbers.iter().map(|n| SerialNumber::from(*n));
        self.inner.revoke_between(serial_numbers, validity).unwrap().into()
    }

    pub fn roots(&self) -> RootCertStore {
        self.inner.roots().unwrap()
    }

    pub fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider())
            .build()
            .unwrap()
    }
}

/// A verifier that wraps another one, and decides as that one does.
#[derive(Debug)]
pub struct WrappedVerifier {
    pub verifier: Arc<dyn ClientCertVerifier>,
    pub policy: CarriedPolicy,
}

/// The policy that a [`WrappedVerifier`] carries.
#[derive(Debug)]
pub enum CarriedPolicy {
    None,
    /// The one of the inner verifier.
    Forwarded,
    Own(Arc<dyn ClientAuthPolicy>),
}

impl ClientCertVerifier for WrappedVerifier {
    fn client_auth_policy(&self) -> Option<&dyn ClientAuthPolicy> {
        match &self.policy {
            CarriedPolicy::None => None,
            CarriedPolicy::Forwarded => self.verifier.client_auth_policy(),
            CarriedPolicy::Own(policy) => Some(&**policy),
        }
    }

    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// A client certificate that is not available until told.
#[derive(Debug)]
pub struct Ready(AtomicBool, Arc<CertifiedKey>);

impl Ready {
    pub fn new(identity: &CertAndKey) -> Arc<Self> {
        let key = CertifiedKey::from_der(identity.chain.clone(), identity.key(), &provider());
        Arc::new(Self(AtomicBool::new(false), Arc::new(key.unwrap())))
    }

    pub fn ready(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl ResolvesClientCert for Ready {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.load(Ordering::SeqCst).then(|| self.1.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A server's clock, which changes only when told.
#[derive(Debug)]
pub struct Clock(AtomicU64);

impl Clock {
    pub fn now() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(UnixTime::now().as_secs())))
    }

    pub fn seconds(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.seconds())))
    }
}

/// Three authorities and the certificates of a server and two clients.
pub struct Pki {
    pub servers: Authority,
    pub agents: Authority,
    pub staff: Authority,
    pub server: CertAndKey,
    pub agent: CertAndKey,
    pub boss: CertAndKey,
}

impl Pki {
    pub fn new() -> Self {
        let (servers, agents, staff) =
            (Authority::new("servers"), Authority::new("agents"), Authority::new("staff"));
        Self {
            server: servers.issue("localhost"),
            agent: agents.issue("agent"),
            boss: staff.issue("boss"),
            servers,
            agents,
            staff,
        }
    }

    pub fn demand(&self, scope: &str) -> ClientAuthDemand {
        let authority = match scope {
            "staff" => &self.staff,
            _ => &self.agents,
        };
        ClientAuthDemand::new(authority.verifier(), scope).unwrap()
    }

    pub fn server_config(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.server.chain.clone(), self.server.key())
            .unwrap()
    }

    /// A server that uses the current decision of `policy`.
    pub fn server_with(
        &self,
        policy: &Arc<Switch>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let mut config = self.server_config(versions);
        config.client_auth_policy = Some(policy.clone());
        config
    }

    pub fn client_config(
        &self,
        identity: Option<&CertAndKey>,
        offer: ClientAuthOffer,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.servers.roots());
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                builder.with_client_auth_cert(identity.chain.clone(), identity.key()).unwrap()
            }
        };
        config.client_auth_offer = offer;
        config
    }
}

/// A policy with a decision that can be set.
#[derive(Debug)]
pub struct Switch(Mutex<(When, ClientAuthDecision)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Offered,
    Always,
}

impl Switch {
    pub fn new(when: When, decision: ClientAuthDecision) -> Arc<Self> {
        Arc::new(Self(Mutex::new((when, decision))))
    }

    pub fn set(&self, when: When, decision: ClientAuthDecision) {
        *self.0.lock().unwrap() = (when, decision);
    }
}

impl ClientAuthPolicy for Switch {
    fn decide(&self, hello: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        let (when, decision) = self.0.lock().unwrap().clone();
        Ok(match when {
            When::Offered if !hello.offers_client_auth() => ClientAuthDecision::None,
            _ => decision,
        })
    }
}

pub fn name() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

pub fn connect(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> (ClientConnection, ServerConnection) {
    (
        ClientConnection::new(client.clone(), name()).unwrap(),
        ServerConnection::new(server.clone()).unwrap(),
    )
}

/// The side that failed first, its error, and the error that the peer then got.
#[derive(Debug, PartialEq)]
pub struct Failure {
    pub at: Side,
    pub error: Error,
    pub other: Option<Error>,
}

impl Failure {
    /// The alert that the failing side sent, as its peer received it.
    pub fn alert(&self) -> Option<AlertDescription> {
        match self.other {
            Some(Error::AlertReceived(alert)) => Some(alert),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

macro_rules! transfer {
    ($from:expr, $to:expr) => {{
        let mut bytes = Vec::new();
        while $from.wants_write() {
            $from.write_tls(&mut bytes).unwrap();
        }
        let mut unread = &bytes[..];
        while !unread.is_empty() {
            $to.read_tls(&mut unread).unwrap();
        }
        bytes
    }};
}
#[allow(unused_imports)]
pub(crate) use transfer;

impl Failure {
    /// Checks that `alert_sent()` of the error is the alert that the peer received.
    fn checked(self) -> Box<Self> {
        if let (Some(told), Some(seen)) = (self.error.alert_sent(), self.alert()) {
            assert_eq!(told, seen, "{:?}", self.error);
        }
        Box::new(self)
    }
}

/// Transfers bytes until neither side has any to send.
pub fn pump(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> Result<(), Box<Failure>> {
    while client.wants_write() || server.wants_write() {
        transfer!(client, server);
        if let Err(error) = server.process_new_packets() {
            transfer!(server, client);
            let other = client.process_new_packets().err();
            return Err(Failure { at: Side::Server, error, other }.checked());
        }
        transfer!(server, client);
        if let Err(error) = client.process_new_packets() {
            transfer!(client, server);
            let other = server.process_new_packets().err();
            return Err(Failure { at: Side::Client, error, other }.checked());
        }
    }
    Ok(())
}

/// A handshake that succeeds.
pub fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> (ClientConnection, ServerConnection) {
    let (mut c, mut s) = connect(client, server);
    pump(&mut c, &mut s).unwrap();
    assert!(!c.is_handshaking() && !s.is_handshaking());
    (c, s)
}

/// A handshake that fails.
pub fn refused(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Failure {
    let (mut c, mut s) = connect(client, server);
    *pump(&mut c, &mut s).unwrap_err()
}

/// The first flight of a client.
pub fn hello(client: &Arc<ClientConfig>) -> Vec<u8> {
    let mut client = ClientConnection::new(client.clone(), name()).unwrap();
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}
