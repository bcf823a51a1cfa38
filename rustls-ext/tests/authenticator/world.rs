//! Connections in memory with any suite and provider, and clients with any kind of key.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{CipherSuite, ClientConnection, ServerConnection, SignatureScheme};
use rustls_ext::ClientAuthOffer;
use rustls_ext::authenticator::{Endpoint, Exporters, Proof, Request, ValidateError};
use test_pki::Authority;

use crate::common::{Pki, handshake, provider};

/// All providers that are built in.
pub fn providers() -> Vec<Arc<CryptoProvider>> {
    vec![
        provider(),
        #[cfg(feature = "aws-lc-rs")]
        Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
    ]
}

/// A cipher suite with SHA-256 and one with SHA-384.
pub const SUITES: [CipherSuite; 2] =
    [CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, CipherSuite::TLS13_AES_256_GCM_SHA384];

/// A connection with this provider and suite.
pub fn connection(
    provider: &CryptoProvider,
    suite: CipherSuite,
) -> (ClientConnection, ServerConnection) {
    let pki = Pki::new();
    let mut only = provider.clone();
    only.cipher_suites.retain(|it| it.suite() == suite);
    let only = Arc::new(only);
    let client = rustls::ClientConfig::builder_with_provider(only.clone())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(pki.servers.roots())
        .with_no_client_auth();
    let server = rustls::ServerConfig::builder_with_provider(only)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    handshake(&Arc::new(client), &Arc::new(server))
}

/// A connection whose client offers nothing and has no certificate.
pub fn plain() -> (ClientConnection, ServerConnection) {
    let pki = Pki::new();
    let client = pki.client_config(None, ClientAuthOffer::default(), &[&TLS13]);
    handshake(&Arc::new(client), &Arc::new(pki.server_config(&[&TLS13])))
}

/// A kind of key, with the only scheme of TLS 1.3 that it is used with here.
pub const KEYS: [(&str, SignatureScheme); 4] = [
    ("P-256", SignatureScheme::ECDSA_NISTP256_SHA256),
    ("P-384", SignatureScheme::ECDSA_NISTP384_SHA384),
    ("Ed25519", SignatureScheme::ED25519),
    ("RSA", SignatureScheme::RSA_PSS_SHA256),
];

fn key(kind: &str) -> KeyPair {
    match kind {
        "P-256" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        "P-384" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        "Ed25519" => KeyPair::generate_for(&rcgen::PKCS_ED25519),
        _ => KeyPair::from_pem_and_sign_algo(include_str!("rsa.pem"), &rcgen::PKCS_RSA_SHA256),
    }
    .unwrap()
}

/// A certificate of `authority` for a client with this kind of key.
pub fn identity(authority: &Authority, kind: &str, provider: &CryptoProvider) -> CertifiedKey {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, kind);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let issued = authority.sign(params, key(kind)).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.key_der()).into();
    CertifiedKey::from_der(vec![issued.der().clone()], key, provider).unwrap()
}

pub fn verifier(
    authority: &Authority,
    provider: &Arc<CryptoProvider>,
) -> Arc<dyn ClientCertVerifier> {
    let roots = Arc::new(authority.roots().unwrap());
    WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build().unwrap()
}

/// Validates the answer of a client.
pub fn validate(
    request: &Request,
    exporters: &Exporters,
    answer: &[u8],
    verifier: &dyn ClientCertVerifier,
) -> Result<Proof, ValidateError> {
    request.validate(exporters, answer, |message, certificate, signature| {
        verifier.verify_tls13_signature(message, certificate, signature)
    })
}

/// The values at client and server for authenticators of the client.
pub fn exporters(client: &ClientConnection, server: &ServerConnection) -> (Exporters, Exporters) {
    (
        Exporters::for_sender(client, Endpoint::Client).unwrap(),
        Exporters::for_sender(server, Endpoint::Client).unwrap(),
    )
}
