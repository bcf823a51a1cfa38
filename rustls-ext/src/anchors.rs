use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ClientAuthDemand;
use rustls::server::danger::ClientCertVerifier;

use crate::error::{MOST_NAMES, PolicyError};

mod authority;
mod names;
mod problem;
mod revocation;
mod usage;
mod verifier;
mod warning;
mod x509;

pub use authority::{AnchorError, NotAuthority};
pub(crate) use authority::{Authority, Pinned};
pub use problem::CertificateProblem;
pub use revocation::{CrlError, CrlExpiry, RevocationList};
pub use usage::{BadUsage, Usage};
use verifier::Verifier;
pub use warning::{Warning, WarningKind};
pub(crate) use x509::{rfc3339, unsupported_key_of};

/// Which client certificates count in a scope.
///
/// Chains are verified by webpki (RFC 5280 path validation), and besides:
/// * the path length of a trust anchor and the keyUsage of the authorities below it are kept;
/// * revocation is checked with the list of each issuer's name *and key*, if there are lists;
/// * certificates can be pinned: these are accepted also if no anchor issued them;
/// * an authority's name may be a PrintableString in one certificate and a UTF8String in another,
///   where it is a trust anchor's. The names of authorities below are compared byte for byte.
///
/// Not supported are name constraints on anything but DNS names and IP addresses, and critical
/// extensions that webpki does not know, certificatePolicies among them: certificates that need
/// them are refused, and [`explain`](fn@crate::explain) says why. Keys and signatures are what the
/// cryptography provider has: P-521 is in `aws-lc-rs` and not in `ring`, and neither has keys that
/// are for RSA-PSS only (`id-RSASSA-PSS`); those for RSA are fine with either.
#[derive(Clone, Debug)]
pub struct Anchors {
    kind: Kind,
    pinned: Vec<Pinned>,
    lists: Vec<RevocationList>,
    crl_expiry: CrlExpiry,
    usage: Usage,
    names: bool,
    pub(crate) max_age: Duration,
}

#[derive(Clone, Debug)]
enum Kind {
    Authorities(Vec<Authority>),
    Verifier(Arc<dyn ClientCertVerifier>),
}

impl Anchors {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            pinned: Vec::new(),
            lists: Vec::new(),
            crl_expiry: CrlExpiry::default(),
            usage: Usage::default(),
            names: true,
            max_age: ClientAuthDemand::DEFAULT_MAX_AGE,
        }
    }

    /// These trust anchors.
    ///
    /// A [`RootCertStore`] does not keep what a certificate says about its authority: whether it is
    /// one at all, its path length, and when it expires. So prefer
    /// [`from_certificates()`](Self::from_certificates) and [`Files::anchors`](crate::Files::anchors), which
    /// check these.
    pub fn from_roots(roots: impl Into<Arc<RootCertStore>>) -> Self {
        Self::authorities(roots.into().roots.iter().cloned().map(Authority::from).collect())
    }

    /// The authorities of these certificates, each a trust anchor.
    ///
    /// # Errors
    /// If one cannot be read, or is not the certificate of a certificate authority.
    pub fn from_certificates<'a>(
        certificates: impl IntoIterator<Item = CertificateDer<'a>>,
    ) -> Result<Self, AnchorError> {
        let read = |certificate| Authority::of(&certificate);
        Ok(Self::authorities(certificates.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    pub(crate) fn authorities(authorities: Vec<Authority>) -> Self {
        Self::new(Kind::Authorities(authorities))
    }

    /// No trust anchors, but exactly these certificates of clients: see
    /// [`with_pinned()`](Self::with_pinned).
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn from_pinned(
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, AnchorError> {
        Self::authorities(Vec::new()).with_pinned(certificates)
    }

    /// The certificates that this verifier accepts.
    ///
    /// Its `offer_client_auth()` and `client_auth_mandatory()` are not consulted: whether to ask
    /// is what a [`Policy`](crate::Policy) decides. The `with_…` methods, other than
    /// [`with_max_age()`](Self::with_max_age), are not for it: they are errors when the policy is
    /// built.
    pub fn from_verifier(verifier: Arc<dyn ClientCertVerifier>) -> Self {
        Self::new(Kind::Verifier(verifier))
    }

    /// Accept exactly these client certificates, too, also if they are self-signed or if no anchor
    /// issued them. Their extensions are not checked.
    ///
    /// The client must prove that it has the key, and the certificate must be within its dates.
    /// Nothing else is checked: neither a chain, nor usage, nor revocation. What a pinned
    /// certificate has issued does not count.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn with_pinned(
        mut self,
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, AnchorError> {
        for certificate in certificates {
            self.pinned.push(Pinned::of(certificate)?);
        }
        Ok(self)
    }

    /// Check revocation with these lists.
    ///
    /// With any list, every certificate of a chain below its trust anchor must have an issuer whose
    /// list is here, and not be in it. Of several lists of one issuer's name and key, in whatever
    /// order, the one with the highest CRL number counts, or else the one with the latest
    /// `thisUpdate`. Lists are complete ones: [`CrlError`] has what is not supported.
    pub fn with_crls(mut self, lists: impl IntoIterator<Item = RevocationList>) -> Self {
        self.lists.extend(lists);
        self
    }

    /// Say what to do where the revocation list that counts has expired, or is not valid yet. The
    /// default is to refuse the certificates that it covers.
    pub fn with_crl_expiry(mut self, expiry: CrlExpiry) -> Self {
        self.crl_expiry = expiry;
        self
    }

    /// Say what certificates must be for. The default is client authentication.
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Send no names of authorities in requests for a certificate, so that clients choose from all
    /// of their certificates.
    pub fn without_names(mut self) -> Self {
        self.names = false;
        self
    }

    /// Limit how long sessions resume without a new proof of possession: see
    /// [`ClientAuthDemand::with_max_age`]. The unit is whole seconds, the default 7 days.
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Also what these others have.
    #[cfg(feature = "policy-file")]
    pub(crate) fn with(mut self, other: Self) -> Self {
        if let (Kind::Authorities(all), Kind::Authorities(more)) = (&mut self.kind, other.kind) {
            all.extend(more);
        }
        self.pinned.extend(other.pinned);
        self.lists.extend(other.lists);
        self
    }

    /// The authorities as rustls has them.
    pub(crate) fn to_store(&self) -> RootCertStore {
        match &self.kind {
            Kind::Authorities(all) => all.iter().map(|it| it.anchor().clone()).collect(),
            Kind::Verifier(_) => RootCertStore::empty(),
        }
    }

    /// The distinguished names for requests: of the anchors, and of those that issued what is
    /// pinned; or those that a verifier gives as hints.
    pub(crate) fn names(&self) -> Vec<rustls::DistinguishedName> {
        if !self.names {
            return Vec::new();
        }
        match &self.kind {
            Kind::Authorities(all) => {
                let pinned = self.pinned.iter().map(Pinned::issuer);
                names::once(all.iter().map(Authority::name).chain(pinned))
            }
            Kind::Verifier(verifier) => verifier.root_hint_subjects().to_vec(),
        }
    }

    /// The verifier, for the scope of this name.
    pub(crate) fn build(
        self,
        scope: &str,
        provider: &dyn Fn() -> Result<Arc<CryptoProvider>, PolicyError>,
    ) -> Result<Built, PolicyError> {
        let hints = self.names();
        let bytes = names::encoded_len(&hints);
        if bytes > MOST_NAMES {
            return Err(PolicyError::TooManyNames { scope: scope.into(), bytes });
        }
        let authorities = match self.kind {
            Kind::Authorities(authorities) => authorities,
            Kind::Verifier(verifier) => {
                let default = self.pinned.is_empty()
                    && self.lists.is_empty()
                    && self.crl_expiry == CrlExpiry::default()
                    && self.usage == Usage::default()
                    && self.names;
                if !default {
                    return Err(PolicyError::OwnVerifier { scope: scope.into() });
                }
                return Ok(Built { verifier, checked: None, bytes });
            }
        };
        if authorities.is_empty() && self.pinned.is_empty() {
            return Err(PolicyError::NoAnchors { scope: scope.into() });
        }
        let algorithms = provider()?.signature_verification_algorithms;
        let mut verifier = Verifier::new(authorities, algorithms);
        verifier.pinned = self.pinned;
        verifier.lists = self.lists;
        verifier.crl_expiry = self.crl_expiry;
        verifier.usage = self.usage;
        verifier.hints = hints;
        verifier.prepare_lists();
        let verifier = Arc::new(verifier);
        Ok(Built { verifier: verifier.clone(), checked: Some(verifier), bytes })
    }
}

/// A verifier that is built, with what warnings about it need.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) verifier: Arc<dyn ClientCertVerifier>,
    /// The same, unless it is a user's own.
    checked: Option<Arc<Verifier>>,
    /// How many bytes the names take up.
    bytes: usize,
}

impl Built {
    /// The warnings about it at `now`.
    pub(crate) fn warnings(&self, scope: &str, now: UnixTime) -> Vec<Warning> {
        let many = (self.bytes > names::MANY_NAMES)
            .then_some(WarningKind::ManyNames { bytes: self.bytes });
        let others = self.checked.iter().flat_map(|verifier| verifier.warnings(now));
        let warning = |kind| Warning { scope: scope.into(), kind };
        many.into_iter().chain(others).map(warning).collect()
    }
}
