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
/// The text contains what to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderError;

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no cryptography provider is chosen, since none or more than one is built in: enable \
             the feature `ring` or `aws-lc-rs` of rustls-ext, or, if other crates enable the other \
             one too, choose at the start of main with \
             `rustls_ext::rustls::crypto::ring::default_provider().install_default()`, or the same \
             of `aws_lc_rs`",
        )
    }
}

impl std::error::Error for ProviderError {}
