//! Certificates, and the configs of our clients and servers.

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use rcgen::{CertificateParams, KeyPair};
use rustls_ext::rustls::client::Resumption;
use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls_ext::rustls::server::{
    ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy, ClientHello, NoServerSessionStorage,
    WebPkiClientVerifier,
};
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::version::{TLS12, TLS13};
use rustls_ext::rustls::{
    ClientConfig, Connection, Error, RootCertStore, ServerConfig, SupportedProtocolVersion,
};

use raw_peer::{ChainAndKey, Peer};
use test_pki::Authority;

/// The name of the scope.
pub(crate) const SCOPE: &str = "clients";

/// One authority, its server and client, and a client of another authority.
pub(crate) struct Pki {
    pub(crate) roots: Arc<RootCertStore>,
    /// Of the stranger.
    pub(crate) other_roots: Arc<RootCertStore>,
    pub(crate) server: ChainAndKey,
    pub(crate) client: ChainAndKey,
    pub(crate) stranger: ChainAndKey,
}

/// The same in every process, so that findings are reproducible: the keys are fixed, and the
/// authorities' Ed25519 signatures are deterministic.
pub(crate) static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let [authority, other] = [authority("authority", 1), authority("stranger", 2)];
    Pki {
        roots: Arc::new(authority.roots().expect("an anchor")),
        other_roots: Arc::new(other.roots().expect("an anchor")),
        server: issue(&authority, "localhost", include_bytes!("../keys/server.p8")),
        client: issue(&authority, "client", include_bytes!("../keys/client.p8")),
        stranger: issue(&other, "client", include_bytes!("../keys/stranger.p8")),
    }
});

fn authority(name: &str, seed: u8) -> Authority {
    // The bytes before the key in PKCS#8 (RFC 8410 section 7).
    let mut key = vec![0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32];
    key.extend([seed; 32]);
    let key = KeyPair::try_from(key).expect("a key");
    Authority::with_key(name, key).expect("a signature")
}

fn issue(authority: &Authority, name: &str, key: &[u8]) -> ChainAndKey {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    params.serial_number = Some(1u64.into());
    let key = KeyPair::try_from(key).expect("a key");
    authority.sign(params, key).expect("a signature").for_raw()
}

fn for_rustls(identity: &ChainAndKey) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = identity.chain.iter().cloned().map(CertificateDer::from).collect();
    (chain, PrivatePkcs8KeyDer::from(identity.key.clone()).into())
}

/// The certificate and its key.
pub(crate) fn certified_key(identity: &ChainAndKey) -> Arc<CertifiedKey> {
    let (chain, key) = for_rustls(identity);
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
    Arc::new(key.expect("a certificate and its key"))
}

/// Passes bytes to a connection, until it returns an error.
pub(crate) fn feed(tls: &mut Connection, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() && tls.read_tls(&mut rest).is_ok_and(|read| read > 0) {
        if tls.process_new_packets().is_err() {
            break;
        }
    }
}

/// The bytes that a connection sends.
pub(crate) fn output(tls: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while tls.wants_write() && tls.write_tls(&mut bytes).is_ok() {}
    bytes
}

/// Passes bytes between both peers until neither sends any more.
pub(crate) fn carry(peer: &mut Peer, tls: &mut Connection) {
    // A handshake has only a few flights.
    for _ in 0..16 {
        let from_peer = peer.take_output();
        feed(tls, &from_peer);
        let to_peer = output(tls);
        if from_peer.is_empty() && to_peer.is_empty() {
            break;
        }
        let _ = peer.read(&to_peer);
    }
}

/// The demand for a certificate of the authority, in the scope.
pub(crate) fn demand() -> ClientAuthDemand {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(PKI.roots.clone(), provider)
        .build()
        .expect("anchors");
    ClientAuthDemand::new(verifier, SCOPE).expect("a scope").because_offered()
}

/// The decision of a test's policy for every client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
pub(crate) enum Decides {
    Nothing,
    Request,
    RequestLeniently,
    Require,
}

impl Decides {
    pub(crate) const ALL: [Self; 4] =
        [Self::Nothing, Self::Request, Self::RequestLeniently, Self::Require];
}

#[derive(Debug)]
struct Always(ClientAuthDecision);

impl ClientAuthPolicy for Always {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        Ok(self.0.clone())
    }
}

/// The config of a server with this decision.
pub(crate) fn server(decides: Decides) -> ServerConfig {
    server_of(decides, &[&TLS13, &TLS12])
}

/// The same for TLS 1.2 only, without stored sessions.
pub(crate) fn server_tls12(decides: Decides) -> ServerConfig {
    let mut config = server_of(decides, &[&TLS12]);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

fn server_of(decides: Decides, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let (chain, key) = for_rustls(&PKI.server);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    config.max_early_data_size = 256;
    config.client_auth_policy = Some(Arc::new(Always(match decides {
        Decides::Nothing => ClientAuthDecision::None,
        Decides::Request => ClientAuthDecision::Request(demand()),
        Decides::RequestLeniently => {
            ClientAuthDecision::Request(demand().or_continue_unauthenticated())
        }
        Decides::Require => ClientAuthDecision::Require(demand()),
    })));
    config
}

/// The config of a client with a certificate, without stored sessions.
pub(crate) fn client() -> ClientConfig {
    let (chain, key) = for_rustls(&PKI.client);
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("versions")
        .with_root_certificates(PKI.roots.clone())
        .with_client_auth_cert(chain, key)
        .expect("a certificate and its key");
    config.resumption = Resumption::disabled();
    config
}
