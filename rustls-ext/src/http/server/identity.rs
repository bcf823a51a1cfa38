use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};

use super::CertificateInfo;
use crate::PeerIdentity;

/// A scope that has its own type, so that the signatures of handlers can state the scope that their
/// callers need.
///
/// ```
/// use rustls_ext::http::server::{Identity, Scope};
///
/// struct Staff;
/// impl Scope for Staff {
///     const NAME: &'static str = "staff";
/// }
///
/// /// An agent's identity does not fit here.
/// fn dismiss(boss: &Identity<Staff>) {}
/// ```
pub trait Scope: Send + Sync + 'static {
    /// The scope's name in the policy.
    const NAME: &'static str;
}

/// Stands for a scope that was named at run time.
#[derive(Clone, Copy, Debug)]
pub enum Named {}

/// A client that is authenticated in a scope. The type names the scope, or is [`Named`] for a scope
/// that was named at run time.
///
/// It cannot be made from a certificate that was refused, or that counts in another scope. Clones
/// are cheap.
pub struct Identity<S = Named> {
    data: Arc<IdentityData>,
    scope: PhantomData<fn() -> S>,
}

#[derive(Debug)]
struct IdentityData {
    scope: String,
    chain: Vec<CertificateDer<'static>>,
    certificate: CertificateInfo,
    resumed: bool,
    authenticated_at: UnixTime,
}

impl Identity {
    /// The identity of a peer that is authenticated in `scope`.
    pub(super) fn new(scope: &str, peer: &PeerIdentity<'_>) -> Option<Self> {
        let certificate = CertificateInfo::from_der(peer.chain.first()?);
        let data = IdentityData {
            scope: scope.to_owned(),
            chain: peer.chain.iter().map(|der| der.clone().into_owned()).collect(),
            certificate,
            resumed: peer.resumed,
            authenticated_at: peer.authenticated_at,
        };
        Some(Self { data: Arc::new(data), scope: PhantomData })
    }

    /// Returns the same identity with the type of its scope, if this is its scope.
    pub fn typed<S: Scope>(self) -> Option<Identity<S>> {
        (self.data.scope == S::NAME).then_some(Identity { data: self.data, scope: PhantomData })
    }
}

impl<S> Identity<S> {
    /// Returns the scope in which the client is authenticated.
    pub fn scope(&self) -> &str {
        &self.data.scope
    }

    /// Returns the data of the client's certificate.
    pub fn certificate(&self) -> &CertificateInfo {
        &self.data.certificate
    }

    /// Returns the certificates as the client sent them, the end-entity certificate first; never
    /// empty.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.data.chain
    }

    /// Returns true if the proof was given on an earlier connection, which this one resumes.
    pub fn resumed(&self) -> bool {
        self.data.resumed
    }

    /// Returns when the proof was given, by this server's clock.
    pub fn authenticated_at(&self) -> UnixTime {
        self.data.authenticated_at
    }
}

impl<S> Clone for Identity<S> {
    fn clone(&self) -> Self {
        Self { data: self.data.clone(), scope: PhantomData }
    }
}

impl<S> fmt::Debug for Identity<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("scope", &self.data.scope)
            .field("certificate", &self.data.certificate)
            .field("resumed", &self.data.resumed)
            .finish_non_exhaustive()
    }
}
