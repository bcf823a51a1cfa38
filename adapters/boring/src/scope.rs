//! Scopes: the client certificates that are accepted under a name.

use std::fmt;

use boring::error::ErrorStack;
use boring::x509::X509;
use boring::x509::store::{X509Store, X509StoreBuilder};

/// The maximum length of the authorities' names in a CertificateRequest, in bytes, with two bytes
/// of length for each. The list of extensions has at most 65,535 bytes (RFC 8446 sections 4.2.4 and
/// 4.3.2), of which 1,024 are left for other extensions.
const LONGEST_NAMES: usize = 65_535 - 1024;

/// A name, and the trust anchors of the client certificates that are accepted under it.
pub struct Scope {
    name: String,
    anchors: Vec<X509>,
    store: X509Store,
}

impl Scope {
    /// Makes a scope with these trust anchors.
    ///
    /// # Errors
    /// [`NoAnchors::Empty`] without any, since then no certificate could be accepted;
    /// [`NoAnchors::TooManyNames`] if their names do not fit into a CertificateRequest.
    pub fn new(name: impl Into<String>, anchors: Vec<X509>) -> Result<Self, NoAnchors> {
        let name = name.into();
        if anchors.is_empty() {
            return Err(NoAnchors::Empty(name));
        }
        let mut store = X509StoreBuilder::new().map_err(NoAnchors::BoringSsl)?;
        let mut bytes = 0;
        for anchor in &anchors {
            store.add_cert(anchor).map_err(NoAnchors::BoringSsl)?;
            bytes += 2 + anchor.subject_name().to_der().map_err(NoAnchors::BoringSsl)?.len();
        }
        if bytes > LONGEST_NAMES {
            return Err(NoAnchors::TooManyNames { scope: name, bytes });
        }
        Ok(Self { name, anchors, store: store.build() })
    }

    /// Returns the name of the scope.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn anchors(&self) -> &[X509] {
        &self.anchors
    }

    pub(crate) fn store(&self) -> X509Store {
        self.store.clone()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a [`Scope`] cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoAnchors {
    /// The scope of this name has no authority.
    Empty(String),
    /// The names of the authorities do not fit into a CertificateRequest.
    TooManyNames {
        /// The name of the scope.
        scope: String,
        /// The length of the names in bytes, including two bytes of length for each.
        bytes: usize,
    },
    /// BoringSSL refuses an anchor.
    BoringSsl(ErrorStack),
}

impl fmt::Display for NoAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(name) => write!(f, "scope {name:?} has no authority: add at least one"),
            Self::TooManyNames { scope, bytes } => write!(
                f,
                "the names of the authorities of scope {scope:?} take up {bytes} bytes, and a \
                 CertificateRequest has space for {LONGEST_NAMES}: use fewer authorities"
            ),
            Self::BoringSsl(err) => write!(f, "BoringSSL refuses an authority: {err}"),
        }
    }
}

impl std::error::Error for NoAnchors {}

#[cfg(test)]
mod tests {
    use boring::x509::X509;
    use test_pki::Authority;

    use super::{NoAnchors, Scope};

    fn anchors(count: usize) -> Vec<X509> {
        // The name of each takes 125 bytes, and 2 more for its length.
        let pem = |n| Authority::new(&format!("{n:0>112}")).unwrap().pem();
        (0..count).map(|n| X509::from_pem(pem(n).as_bytes()).unwrap()).collect()
    }

    #[test]
    fn a_scope_whose_names_do_not_fit_is_refused() {
        assert!(Scope::new("many", anchors(490)).is_ok());
        let refused = Scope::new("many", anchors(600));
        assert!(matches!(refused, Err(NoAnchors::TooManyNames { bytes: 65_536.., .. })));
    }
}
