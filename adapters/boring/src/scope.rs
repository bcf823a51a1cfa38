//! Which certificates count.

use std::fmt;

use boring::error::ErrorStack;
use boring::x509::X509;
use boring::x509::store::{X509Store, X509StoreBuilder};

/// The most bytes of authorities' names in a CertificateRequest, with two bytes of length for each: of
/// the 65,535 of a block of extensions (RFC 8446 sections 4.2.4 and 4.3.2), the others get 1,024.
const MOST_OF_NAMES: usize = 65_535 - 1024;

/// Certificates that count under a name: those whose chain leads to one of some authorities.
pub struct Scope {
    name: String,
    anchors: Vec<X509>,
    store: X509Store,
}

impl Scope {
    /// The scope with these authorities.
    ///
    /// # Errors
    /// [`NoAnchors::Empty`] without any: then nobody's certificate would count, which is not meant.
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
        if bytes > MOST_OF_NAMES {
            return Err(NoAnchors::TooManyNames { scope: name, bytes });
        }
        Ok(Self { name, anchors, store: store.build() })
    }

    /// Its name.
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

/// Why there is no scope.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoAnchors {
    /// The scope of this name has no authority.
    Empty(String),
    /// The names of the authorities do not fit into a CertificateRequest.
    TooManyNames {
        /// The name of the scope.
        scope: String,
        /// How many bytes the names take, with their lengths.
        bytes: usize,
    },
    /// BoringSSL refuses one.
    BoringSsl(ErrorStack),
}

impl fmt::Display for NoAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(name) => write!(f, "the scope {name:?} has no authority"),
            Self::TooManyNames { scope, bytes } => write!(
                f,
                "the names of the authorities of scope {scope:?} take {bytes} bytes, and a \
                 CertificateRequest has room for {MOST_OF_NAMES}: make a scope of fewer authorities"
            ),
            Self::BoringSsl(err) => write!(f, "an authority cannot be used: {err}"),
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
