//! The TLS configs of the commands.

use std::borrow::Cow;
use std::sync::Arc;

use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::client::ResolvesClientCert;
use rustls_ext::rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls_ext::rustls::server::ResolvesServerCert;
use rustls_ext::rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_ext::rustls::{
    ClientConfig, DEFAULT_VERSIONS, Error, KeyLogFile, ProtocolVersion, RootCertStore,
    ServerConfig, SupportedProtocolVersion,
};

/// ALPN's name of HTTP/3.
pub const H3: &[u8] = b"h3";
/// ALPN's name of HTTP/2.
pub const H2: &[u8] = b"h2";
/// ALPN's name of HTTP/1.1.
pub const HTTP1: &[u8] = b"http/1.1";

/// The cryptography provider of all commands.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The same provider with only these key exchange groups, the preferred one first.
pub fn provider_with(kx_groups: &[&'static dyn SupportedKxGroup]) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: kx_groups.to_vec(), ..ring::default_provider() })
}

/// A client's config.
///
/// # Errors
/// If the provider does not support `versions`.
pub fn client_config(
    roots: RootCertStore,
    identity: Option<Arc<CertifiedKey>>,
    offer: ClientAuthOffer,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(key) => {
            let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(key));
            builder.with_client_cert_resolver(resolver)
        }
    };
    config.client_auth_offer = offer;
    // So that a handshake's size does not depend on the features that rustls was built with.
    config.cert_compressors = Vec::new();
    config.cert_decompressors = Vec::new();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.key_log = Arc::new(KeyLogFile::new());
    Ok(config)
}

/// A server's config, without a policy.
///
/// # Errors
/// If the provider does not support the default versions.
pub fn server_config(identity: Arc<CertifiedKey>, alpn: &[&[u8]]) -> Result<ServerConfig, Error> {
    server_config_with(provider(), DEFAULT_VERSIONS, identity, alpn)
}

/// A server's config, without a policy, with this provider and these versions.
///
/// # Errors
/// If the provider does not support these versions.
pub fn server_config_with(
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    identity: Arc<CertifiedKey>,
    alpn: &[&[u8]],
) -> Result<ServerConfig, Error> {
    let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(identity));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    // As above.
    config.cert_compressors = Vec::new();
    config.cert_decompressors = Vec::new();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.key_log = Arc::new(KeyLogFile::new());
    Ok(config)
}

/// The protocol version as it is usually written: `TLSv1.3`.
pub fn version_name(version: Option<ProtocolVersion>) -> Cow<'static, str> {
    match version {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".into(),
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".into(),
        Some(other) => format!("0x{:04x}", u16::from(other)).into(),
        None => "none".into(),
    }
}
