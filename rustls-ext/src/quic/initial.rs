use std::fmt;
use std::sync::Arc;

use quinn_proto::crypto::rustls as quinn;
use quinn_proto::crypto::{KeyPair, Keys, ServerConfig as _, UnsupportedVersion};
use quinn_proto::{ConnectionId, Side};
use rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::quic::{self, Suite, Version};
use rustls::server::ResolvesServerCertUsingSni;
use rustls::version::TLS13;

use super::error::ConfigError;

/// The cryptography that QUIC needs from TLS before there is a handshake.
pub(super) struct Initial {
    suite: Suite,
    /// Makes the integrity tags of Retry packets; not used in any handshake.
    config: quinn::QuicServerConfig,
}

impl Initial {
    pub(super) fn suite(provider: &CryptoProvider) -> Result<Suite, ConfigError> {
        provider
            .cipher_suites
            .iter()
            .filter_map(|suite| suite.tls13())
            .find(|suite| suite.common.suite == TLS13_AES_128_GCM_SHA256)
            .and_then(|suite| suite.quic_suite())
            .ok_or(ConfigError::NoInitialCipherSuite)
    }

    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        suite: Suite,
    ) -> Result<Arc<Self>, ConfigError> {
        let unauthenticated = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        let config = quinn::QuicServerConfig::with_initial(Arc::new(unauthenticated), suite)
            .map_err(|_| ConfigError::NoInitialCipherSuite)?;
        Ok(Arc::new(Self { suite, config }))
    }

    /// RFC 9001 section 5.2, for a version that rustls supports.
    pub(super) fn keys(&self, version: u32, dst_cid: &ConnectionId, side: Side) -> Keys {
        let version = rustls_version(version).unwrap_or_default();
        for_quinn(self.suite.keys(dst_cid, side.into(), version))
    }

    /// RFC 9001 section 5.8, for a version that rustls supports.
    pub(super) fn retry_tag(
        &self,
        version: u32,
        orig_dst_cid: &ConnectionId,
        packet: &[u8],
    ) -> [u8; 16] {
        self.config.retry_tag(version, orig_dst_cid, packet)
    }
}

impl fmt::Debug for Initial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initial").finish_non_exhaustive()
    }
}

/// The keys of both directions in quinn's types, which quinn implements for those of rustls.
pub(super) fn for_quinn(keys: quic::Keys) -> Keys {
    Keys {
        header: KeyPair {
            local: Box::new(keys.local.header),
            remote: Box::new(keys.remote.header),
        },
        packet: KeyPair {
            local: Box::new(keys.local.packet),
            remote: Box::new(keys.remote.packet),
        },
    }
}

/// Converts a QUIC version to that of rustls: version 1, and the drafts that quinn supports.
pub(super) fn rustls_version(version: u32) -> Result<Version, UnsupportedVersion> {
    match version {
        1 | 0xff00_0021..=0xff00_0022 => Ok(Version::V1),
        0xff00_001d..=0xff00_0020 => Ok(Version::V1Draft),
        _ => Err(UnsupportedVersion),
    }
}
