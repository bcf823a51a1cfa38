use std::fmt;

/// Why a TLS config cannot be used for QUIC.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The config's cryptography provider has no TLS13_AES_128_GCM_SHA256 for QUIC, or another
    /// suite was given in its place. Each connection begins with this suite (RFC 9001 section 5.2).
    NoInitialCipherSuite,
    /// rustls cannot use the config, for example because it does not support TLS 1.3, or because of
    /// its limits.
    Tls(rustls::Error),
}

impl From<rustls::Error> for ConfigError {
    fn from(err: rustls::Error) -> Self {
        Self::Tls(err)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInitialCipherSuite => f.write_str(
                "QUIC needs TLS13_AES_128_GCM_SHA256, and the provider does not have it for QUIC",
            ),
            Self::Tls(_) => f.write_str("the TLS config cannot be used for QUIC"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoInitialCipherSuite => None,
            Self::Tls(err) => Some(err),
        }
    }
}
