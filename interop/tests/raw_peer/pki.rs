//! Certificates, and rustls configurations that use them.

use std::sync::Arc;

use raw_peer::ChainAndKey;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use test_pki::Authority;

/// The names of the one server; most tests use the first.
pub const SERVER: &[&str] = &["localhost", "other.example", "fresh.example"];

/// One authority, one server, one client.
pub struct Pki {
    pub roots: Arc<RootCertStore>,
    pub server: ChainAndKey,
    pub client: ChainAndKey,
    authority: Authority,
}

impl Pki {
    pub fn new() -> Self {
        Self::named("authority")
    }

    /// Makes new certificates, with an authority of this name.
    pub fn named(authority: &str) -> Self {
        let authority = Authority::new(authority).unwrap();
        Self {
            roots: Arc::new(authority.roots().unwrap()),
            server: authority.server(SERVER).unwrap().for_raw(),
            client: authority.client("client.example").unwrap().for_raw(),
            authority,
        }
    }

    /// One more server under the same authority.
    pub fn issue(&self, name: &str) -> ChainAndKey {
        self.authority.server(&[name]).unwrap().for_raw()
    }

    pub fn rustls_server(&self, demand: bool) -> rustls::ServerConfig {
        self.rustls_server_with(demand, rustls::ALL_VERSIONS)
    }

    pub fn rustls_server_with(
        &self,
        demand: bool,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> rustls::ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let roots = Arc::clone(&self.roots);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let (chain, key) = for_rustls(&self.server);
        let builder = if demand {
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        builder.with_single_cert(chain, key).unwrap()
    }

    pub fn rustls_client(&self, certificate: bool) -> rustls::ClientConfig {
        self.rustls_client_with(ring::default_provider(), certificate)
    }

    pub fn rustls_client_with(
        &self,
        provider: CryptoProvider,
        certificate: bool,
    ) -> rustls::ClientConfig {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots));
        let (chain, key) = for_rustls(&self.client);
        if certificate {
            builder.with_client_auth_cert(chain, key).unwrap()
        } else {
            builder.with_no_client_auth()
        }
    }

    pub fn rustls_client_versions(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> rustls::ClientConfig {
        rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth()
    }
}

pub fn for_rustls(
    identity: &ChainAndKey,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = identity.chain.iter().cloned().map(CertificateDer::from).collect();
    (chain, PrivateKeyDer::try_from(identity.key.clone()).unwrap())
}
