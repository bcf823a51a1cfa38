use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::files::Files;
use crate::{FileError, PolicyError};

/// What a client's certificate must verify against to count in a scope.
///
/// Chains are verified by [`WebPkiClientVerifier`] (RFC 5280 path validation, extended key usage
/// `id-kp-clientAuth`), or by a verifier of one's own.
#[derive(Clone, Debug)]
pub struct Anchors(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Store { roots: Arc<RootCertStore>, crls: Vec<CertificateRevocationListDer<'static>> },
    Verifier(Arc<dyn ClientCertVerifier>),
}

impl Anchors {
    /// These trust anchors, without revocation checking.
    pub fn store(roots: impl Into<Arc<RootCertStore>>) -> Self {
        Self::store_with_crls(roots, Vec::new())
    }

    /// These trust anchors, and these revocation lists.
    ///
    /// With any list, every certificate of a chain must be covered by one and not be revoked.
    pub fn store_with_crls(
        roots: impl Into<Arc<RootCertStore>>,
        crls: Vec<CertificateRevocationListDer<'static>>,
    ) -> Self {
        Self(Kind::Store { roots: roots.into(), crls })
    }

    /// The certificates of a PEM file, each a trust anchor.
    ///
    /// [`Files`] also has revocation lists, and knows when a file has changed.
    ///
    /// # Errors
    /// If the file cannot be read, is not PEM, has no certificate in it, or one that cannot be a
    /// trust anchor.
    pub fn pem_file(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Files::new().anchors(path)
    }

    /// Whatever this verifier accepts.
    ///
    /// Its `offer_client_auth()` and `client_auth_mandatory()` are not consulted: whether to ask
    /// is what a [`Policy`](crate::Policy) decides.
    pub fn verifier(verifier: Arc<dyn ClientCertVerifier>) -> Self {
        Self(Kind::Verifier(verifier))
    }

    /// The distinguished names of the anchors, or those that a verifier gives as hints.
    #[cfg(feature = "http")]
    pub(crate) fn names(&self) -> Vec<rustls::DistinguishedName> {
        match &self.0 {
            Kind::Store { roots, .. } => roots.subjects(),
            Kind::Verifier(verifier) => verifier.root_hint_subjects().to_vec(),
        }
    }

    /// The verifier, for the scope of this name.
    pub(crate) fn build(
        self,
        scope: &str,
        provider: &dyn Fn() -> Result<Arc<CryptoProvider>, PolicyError>,
    ) -> Result<Arc<dyn ClientCertVerifier>, PolicyError> {
        let (roots, crls) = match self.0 {
            Kind::Verifier(verifier) => return Ok(verifier),
            Kind::Store { roots, crls } => (roots, crls),
        };
        if roots.is_empty() {
            return Err(PolicyError::NoAnchors { scope: scope.into() });
        }
        WebPkiClientVerifier::builder_with_provider(roots, provider()?)
            .with_crls(crls)
            .build()
            .map_err(|reason| PolicyError::Verifier { scope: scope.into(), reason })
    }
}
