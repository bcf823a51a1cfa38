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

/// How a client proved that it has the key of its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProvedBy {
    /// In the handshake of the connection.
    Handshake,
    /// In the handshake of an earlier connection, which this one resumes.
    Resumption,
    /// By an [authenticator](crate::authenticator) on the open connection.
    Authenticator,
}

#[derive(Debug)]
struct IdentityData {
    scope: String,
    chain: Vec<CertificateDer<'static>>,
    certificate: CertificateInfo,
    proved_by: ProvedBy,
    authenticated_at: UnixTime,
}

impl Identity {
    /// The identity of a peer that is authenticated in `scope`.
    pub(super) fn new(scope: &str, peer: &PeerIdentity<'_>) -> Option<Self> {
        let by = if peer.resumed { ProvedBy::Resumption } else { ProvedBy::Handshake };
        Self::proved(scope, peer.chain, by, peer.authenticated_at)
    }

    /// The identity of a client that proved possession of a certificate by an authenticator.
    #[cfg(feature = "tokio")]
    pub(in crate::http) fn by_authenticator(
        scope: &str,
        chain: &[CertificateDer<'_>],
        at: UnixTime,
    ) -> Option<Self> {
        Self::proved(scope, chain, ProvedBy::Authenticator, at)
    }

    fn proved(
        scope: &str,
        chain: &[CertificateDer<'_>],
        proved_by: ProvedBy,
        authenticated_at: UnixTime,
    ) -> Option<Self> {
        let certificate = CertificateInfo::from_der(chain.first()?);
        let data = IdentityData {
            scope: scope.to_owned(),
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
            certificate,
            proved_by,
            authenticated_at,
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

    /// Returns the SPIFFE ID of the client: the only URI among the subject alternative names of its
    /// certificate, if it is one. See [`CertificateInfo::spiffe_id`].
    ///
    /// Which trust domains count is a matter of the scope: [`Anchors::with_trust_domain`].
    ///
    /// [`Anchors::with_trust_domain`]: crate::Anchors::with_trust_domain
    pub fn spiffe_id(&self) -> Option<&str> {
        self.data.certificate.spiffe_id().ok()
    }

    /// Returns the certificates as the client sent them, the end-entity certificate first; never
    /// empty.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.data.chain
    }

    /// Returns how the proof was given.
    pub fn proved_by(&self) -> ProvedBy {
        self.data.proved_by
    }

    /// Returns true if the proof was given on an earlier connection, which this one resumes.
    pub fn resumed(&self) -> bool {
        self.data.proved_by == ProvedBy::Resumption
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
            .field("proved_by", &self.data.proved_by)
            .finish_non_exhaustive()
    }
}
