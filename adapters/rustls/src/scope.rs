//! The certificates that are accepted under a name.

use std::fmt;
use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;

/// The maximum length, in bytes, of the authorities' names in a CertificateRequest, with two bytes of
/// length for each: of the 65,535 of a block of extensions (RFC 8446 sections 4.2.4 and 4.3.2), 1,024
/// are for the other extensions.
const MOST_OF_NAMES: usize = 65_535 - 1024;

/// The maximum length of a scope's name in bytes: sessions record it with one byte of length.
const LONGEST_NAME: usize = 255;

/// A name, and the verifier of the certificates that are accepted under it.
///
/// Two scopes with the same name are the same scope: a session that was made in one resumes in the
/// other, if the verifier of the other accepts its certificates.
pub struct Scope {
    name: String,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Scope {
    /// Makes a scope whose certificates are those that `verifier` accepts, such as rustls'
    /// [`WebPkiClientVerifier`](rustls::server::WebPkiClientVerifier) with the trust anchors and
    /// the revocation lists of the scope.
    ///
    /// Whether a certificate is required depends on the [`Decision`](crate::Decision), and not on
    /// the verifier: `allow_unauthenticated()` has no effect.
    ///
    /// # Errors
    /// See [`ScopeError`].
    pub fn new(
        name: impl Into<String>,
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Result<Self, ScopeError> {
        let name = name.into();
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(ScopeError::Name { length: name.len() });
        }
        if !verifier.offer_client_auth() {
            return Err(ScopeError::RequestsNothing(name));
        }
        let names = verifier.root_hint_subjects();
        let bytes = names.iter().map(|name| 2 + name.as_ref().len()).sum();
        if bytes > MOST_OF_NAMES {
            return Err(ScopeError::TooManyNames { scope: name, bytes });
        }
        Ok(Self { name, verifier })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn verifier(&self) -> &Arc<dyn ClientCertVerifier> {
        &self.verifier
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a scope cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeError {
    /// The name does not have 1 to 255 bytes.
    Name {
        /// Its length in bytes.
        length: usize,
    },
    /// The verifier does not request certificates, as that of
    /// [`WebPkiClientVerifier::no_client_auth`](rustls::server::WebPkiClientVerifier::no_client_auth).
    RequestsNothing(String),
    /// The names of the authorities do not fit into a CertificateRequest.
    TooManyNames {
        /// The name of the scope.
        scope: String,
        /// The length of the names in bytes, with two bytes of length for each.
        bytes: usize,
    },
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { length } => write!(
                f,
                "the name of a scope has {length} bytes: choose one with 1 to {LONGEST_NAME}"
            ),
            Self::RequestsNothing(name) => write!(
                f,
                "the verifier of scope {name:?} does not request certificates: use one with trust anchors"
            ),
            Self::TooManyNames { scope, bytes } => write!(
                f,
                "the names of the authorities of scope {scope:?} take {bytes} bytes, and a \
                 CertificateRequest has room for {MOST_OF_NAMES}: use fewer authorities, or a \
                 verifier with fewer hints"
            ),
        }
    }
}

impl std::error::Error for ScopeError {}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::crypto::ring;
    use rustls::server::WebPkiClientVerifier;
    use test_pki::Authority;

    use super::*;

    fn verifier(authorities: usize) -> Arc<dyn ClientCertVerifier> {
        let mut roots = RootCertStore::empty();
        for n in 0..authorities {
            // The name of each takes 125 bytes, and 2 more for its length.
            roots.add(Authority::new(&format!("{n:0>112}")).unwrap().der().clone()).unwrap();
        }
        let provider = ring::default_provider().into();
        WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap()
    }

    #[test]
    fn a_scope_whose_names_do_not_fit_is_refused() {
        assert!(Scope::new("many", verifier(500)).is_ok());
        assert_eq!(
            Scope::new("many", verifier(520)).unwrap_err(),
            ScopeError::TooManyNames { scope: "many".into(), bytes: 520 * 127 }
        );
    }

    #[test]
    fn a_verifier_that_requests_nothing_is_refused() {
        let nothing = WebPkiClientVerifier::no_client_auth();
        let refused = Scope::new("agents", nothing).unwrap_err();
        assert_eq!(refused, ScopeError::RequestsNothing("agents".into()));
    }

    #[test]
    fn a_name_has_1_to_255_bytes() {
        for (length, allowed) in [(0, false), (1, true), (255, true), (256, false)] {
            let expected = if allowed { Ok(()) } else { Err(ScopeError::Name { length }) };
            let scope = Scope::new("n".repeat(length), verifier(1));
            assert_eq!(scope.map(drop), expected, "{length}");
        }
    }
}
