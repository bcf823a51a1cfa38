//! Whom to ask, and whose word counts.

use std::fmt;
use std::sync::Arc;

use boring::error::ErrorStack;
use boring::x509::X509;
use boring::x509::store::{X509Store, X509StoreBuilder};

/// Whether a client is asked for a certificate.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It is left alone.
    None,
    /// It is asked, and served without one, too. A certificate that does not verify in the scope
    /// ends the handshake.
    Request(Arc<Scope>),
    /// It is asked, and not served without a certificate that verifies in the scope.
    Require(Arc<Scope>),
}

impl Decision {
    /// The scope in which the client is asked.
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::None => None,
            Self::Request(scope) | Self::Require(scope) => Some(scope),
        }
    }
}

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
    pub fn new(name: impl Into<String>, anchors: Vec<X509>) -> Result<Self, NoAnchors> {
        let name = name.into();
        if anchors.is_empty() {
            return Err(NoAnchors::Empty(name));
        }
        let mut store = X509StoreBuilder::new().map_err(NoAnchors::BoringSsl)?;
        for anchor in &anchors {
            store.add_cert(anchor).map_err(NoAnchors::BoringSsl)?;
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
    /// BoringSSL refuses one.
    BoringSsl(ErrorStack),
}

impl fmt::Display for NoAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(name) => write!(f, "the scope {name:?} has no authority"),
            Self::BoringSsl(err) => write!(f, "an authority cannot be used: {err}"),
        }
    }
}

impl std::error::Error for NoAnchors {}
