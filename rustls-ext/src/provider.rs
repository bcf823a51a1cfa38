use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Returns the cryptography provider of this process, or the only one that is built in.
///
/// The provider of the process is the one that [`CryptoProvider::install_default`] installed.
/// `ring` and `aws-lc-rs` are built in by features of this crate, of rustls and of other crates
/// that use it. This function does not install a provider.
///
/// Everything in this crate that needs a provider and is not given one uses this function.
/// Functions of rustls that need a provider and are not given one, such as
/// [`ServerConfig::builder`], panic where this function returns an error; so pass them this
/// provider:
///
/// ```
/// use rustls_ext::rustls::{ClientConfig, RootCertStore};
///
/// # #[cfg(feature = "ring")]
/// fn client(roots: RootCertStore) -> Result<ClientConfig, Box<dyn std::error::Error>> {
///     Ok(ClientConfig::builder_with_provider(rustls_ext::crypto_provider()?)
///         .with_safe_default_protocol_versions()?
///         .with_root_certificates(roots)
///         .with_no_client_auth())
/// }
/// ```
///
/// # Errors
/// If there is no provider, or more than one and none is chosen.
///
/// [`ServerConfig::builder`]: rustls::ServerConfig::builder
pub fn crypto_provider() -> Result<Arc<CryptoProvider>, ProviderError> {
    CryptoProvider::get_default()
        .cloned()
        .or_else(|| CryptoProvider::from_crate_features().map(Arc::new))
        .ok_or(ProviderError)
}

/// There is no cryptography provider to use: none is built in, or several are and the process has
/// no default one.
///
/// The text contains what to write; `Debug` shows the same text, since `main` prints errors with it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderError;

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ENABLE: &str = "enable the feature `ring` or `aws-lc-rs` of rustls-ext";
        const CHOOSE: &str = "choose one at the start of main: `let _ = \
             rustls_ext::rustls::crypto::ring::default_provider().install_default();`, or the same \
             with `aws_lc_rs`";
        match BUILT_IN {
            Some("0") => write!(f, "no cryptography provider is built in: {ENABLE}"),
            Some("2") => {
                write!(f, "two cryptography providers are built in, and none is chosen: {CHOOSE}")
            }
            _ => write!(
                f,
                "no cryptography provider is chosen: if none is built in, {ENABLE}; if several are, \
                 {CHOOSE}"
            ),
        }
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ProviderError {}

/// How many of `ring` and `aws-lc-rs` are built into rustls, by any crate of the build; `None` if the
/// build script of rustls does not say.
const BUILT_IN: Option<&str> = option_env!("RUSTLS_EXT_PROVIDERS");
