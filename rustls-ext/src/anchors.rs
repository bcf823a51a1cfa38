use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::ext_wire::{Origin, OriginError};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ClientAuthDemand;
use rustls::server::danger::ClientCertVerifier;

use crate::error::{MOST_NAMES, PolicyError};

mod authority;
mod names;
mod problem;
mod revocation;
mod signs;
mod usage;
mod verifier;
mod voucher;
mod warning;
mod x509;

pub use authority::{AnchorError, NotAuthority};
pub(crate) use authority::{Authority, Pinned};
pub use problem::CertificateProblem;
pub use revocation::{CrlError, CrlExpiry, RevocationList};
pub use usage::{BadUsage, Usage};
use verifier::Verifier;
use voucher::VoucherKey;
pub use warning::{Warning, WarningKind};
#[cfg(feature = "spiffe")]
pub(crate) use x509::unix;
pub(crate) use x509::{rfc3339, unsupported_key_of};

/// The client certificates that a scope accepts: trust anchors, pinned certificates and revocation
/// lists.
///
/// webpki verifies chains (RFC 5280 path validation). These checks are added to it:
/// * the path length of a trust anchor and the keyUsage of the authorities below it are enforced;
/// * revocation is checked with the list of each issuer's name *and key*, if there are lists;
/// * certificates can be pinned: a pinned certificate is accepted even if no anchor issued it;
/// * the name of a trust anchor may be a PrintableString in one certificate and a UTF8String in
///   another. The names of authorities below an anchor are compared byte for byte.
///
/// Name constraints on anything but DNS names and IP addresses are not supported, nor are critical
/// extensions that webpki does not know, such as certificatePolicies. Certificates that need them
/// are refused, and [`explain`](fn@crate::explain) gives the reason. The cryptography provider
/// determines the supported keys and signatures: `aws-lc-rs` supports P-521, `ring` does not.
/// Neither supports keys that are for RSA-PSS only (`id-RSASSA-PSS`); both support RSA keys.
#[derive(Clone, Debug)]
pub struct Anchors {
    kind: Kind,
    pinned: Vec<Pinned>,
    lists: Vec<RevocationList>,
    crl_expiry: CrlExpiry,
    usage: Usage,
    names: bool,
    /// Its origin, in the normal form.
    pub(crate) trust_domain: Option<String>,
    /// True if a verifier that was passed in checks the trust domain itself.
    checks_trust_domain: bool,
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
            trust_domain: None,
            checks_trust_domain: false,
            max_age: ClientAuthDemand::DEFAULT_MAX_AGE,
        }
    }

    /// Accepts certificates that these trust anchors issued.
    ///
    /// A [`RootCertStore`] does not keep what a certificate contains about its authority: whether
    /// it is a certificate authority at all, its path length and its expiry. So prefer
    /// [`from_certificates()`](Self::from_certificates) and
    /// [`Files::anchors`](crate::Files::anchors), which check these.
    pub fn from_roots(roots: impl Into<Arc<RootCertStore>>) -> Self {
        Self::authorities(roots.into().roots.iter().cloned().map(Authority::from).collect())
    }

    /// Accepts certificates that the authorities of these certificates issued; each is a trust
    /// anchor.
    ///
    /// # Errors
    /// If a certificate cannot be read, or is not the certificate of a certificate authority.
    pub fn from_certificates<'a>(
        certificates: impl IntoIterator<Item = CertificateDer<'a>>,
    ) -> Result<Self, AnchorError> {
        let read = |certificate| Authority::of(&certificate);
        Ok(Self::authorities(certificates.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    pub(crate) fn authorities(authorities: Vec<Authority>) -> Self {
        Self::new(Kind::Authorities(authorities))
    }

    /// Accepts exactly these client certificates, and has no trust anchors: see
    /// [`with_pinned()`](Self::with_pinned).
    ///
    /// # Errors
    /// If a certificate cannot be read.
    pub fn from_pinned(
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, AnchorError> {
        Self::authorities(Vec::new()).with_pinned(certificates)
    }

    /// Accepts the certificates that this verifier accepts.
    ///
    /// Its `offer_client_auth()` and `client_auth_mandatory()` are not consulted: a
    /// [`Policy`](crate::Policy) decides whether to request a certificate. The `with_…` methods,
    /// other than [`with_max_age()`](Self::with_max_age), cannot be combined with a verifier:
    /// building the policy then fails.
    pub fn from_verifier(verifier: Arc<dyn ClientCertVerifier>) -> Self {
        Self::new(Kind::Verifier(verifier))
    }

    /// The same for a verifier that accepts certificates of this trust domain only.
    #[cfg(feature = "spiffe")]
    pub(crate) fn of_trust_domain(verifier: Arc<dyn ClientCertVerifier>, origin: String) -> Self {
        let anchors = Self::from_verifier(verifier);
        Self { trust_domain: Some(origin), checks_trust_domain: true, ..anchors }
    }

    /// Also accepts exactly these client certificates, even if they are self-signed or if no anchor
    /// issued them. Their extensions are not checked.
    ///
    /// The client must prove that it has the key, and the certificate must be within its validity
    /// period. Nothing else is checked: neither a chain, nor usage, nor revocation. Certificates
    /// that a pinned certificate has issued are not accepted.
    ///
    /// # Errors
    /// If a certificate cannot be read.
    pub fn with_pinned(
        mut self,
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, AnchorError> {
        for certificate in certificates {
            self.pinned.push(Pinned::of(certificate)?);
        }
        Ok(self)
    }

    /// Checks revocation with these lists.
    ///
    /// With any list, every certificate of a chain below its trust anchor must have an issuer whose
    /// list is given here, and must not be in that list. If there are several lists for one
    /// issuer's name and key, in any order, the one with the highest CRL number is used, or else
    /// the one with the latest `thisUpdate`. Lists must be complete: [`CrlError`] has the kinds
    /// that are not supported.
    pub fn with_crls(mut self, lists: impl IntoIterator<Item = RevocationList>) -> Self {
        self.lists.extend(lists);
        self
    }

    /// Sets what to do if the revocation list to use has expired or is not valid yet. The default
    /// is to refuse the certificates that it covers.
    pub fn with_crl_expiry(mut self, expiry: CrlExpiry) -> Self {
        self.crl_expiry = expiry;
        self
    }

    /// Sets the usage that certificates must allow. The default is client authentication.
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Sends no names of authorities in certificate requests, so that clients choose from all of
    /// their certificates.
    pub fn without_names(mut self) -> Self {
        self.names = false;
        self
    }

    /// Accepts only certificates of this trust domain, given by its origin, such as
    /// `spiffe://example.org`: with at least one URI as subject alternative name, each of which is a
    /// workload identifier in this origin (WIO-6, draft-ietf-wimse-identifier section 4). Others are
    /// refused with `access_denied`, also if they are pinned.
    ///
    /// A rule on an origin ([`Conditions::origin`](crate::Conditions::origin)) needs a scope with that trust domain.
    ///
    /// # Errors
    /// If this is no origin.
    pub fn with_trust_domain(mut self, origin: impl AsRef<str>) -> Result<Self, OriginError> {
        self.trust_domain = Some(Origin::parse(origin.as_ref())?.to_string());
        self.checks_trust_domain = false;
        Ok(self)
    }

    /// Limits how long sessions resume without a new proof of possession: see
    /// [`ClientAuthDemand::with_max_age`]. The unit is whole seconds, the default 7 days.
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Adds the anchors, pinned certificates and lists of `other`.
    #[cfg(feature = "policy-file")]
    pub(crate) fn with(mut self, other: Self) -> Self {
        if let (Kind::Authorities(all), Kind::Authorities(more)) = (&mut self.kind, other.kind) {
            all.extend(more);
        }
        self.pinned.extend(other.pinned);
        self.lists.extend(other.lists);
        self
    }

    /// The trust anchors in the form that rustls uses.
    pub(crate) fn to_store(&self) -> RootCertStore {
        match &self.kind {
            Kind::Authorities(all) => all.iter().map(|it| it.anchor().clone()).collect(),
            Kind::Verifier(_) => RootCertStore::empty(),
        }
    }

    /// The distinguished names for certificate requests: those of the anchors and of the issuers of
    /// pinned certificates, or those that the user's own verifier gives as hints.
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

    /// Builds the verifier for the scope of this name.
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
                    && (self.trust_domain.is_none() || self.checks_trust_domain)
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
        let provider = provider()?;
        let mut verifier = Verifier::new(authorities, provider.signature_verification_algorithms);
        verifier.pinned = self.pinned;
        verifier.lists = self.lists;
        verifier.crl_expiry = self.crl_expiry;
        verifier.usage = self.usage;
        verifier.trust_domain = self.trust_domain;
        verifier.hints = hints;
        verifier.prepare_lists();
        verifier.voucher_key = VoucherKey::of(&verifier, scope, &provider);
        let verifier = Arc::new(verifier);
        Ok(Built { verifier: verifier.clone(), checked: Some(verifier), bytes })
    }
}

/// A verifier that is built, with the data that warnings about it need.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) verifier: Arc<dyn ClientCertVerifier>,
    /// The same verifier; `None` if it is the user's own.
    checked: Option<Arc<Verifier>>,
    /// How many bytes the names take up.
    bytes: usize,
}

impl Built {
    /// The expiry of each file in use, with its kind.
    #[cfg(feature = "metrics")]
    pub(crate) fn expiries(&self) -> Vec<(&'static str, UnixTime)> {
        self.checked.iter().flat_map(|verifier| verifier.expiries()).collect()
    }

    /// The warnings about this verifier at `now`.
    pub(crate) fn warnings(&self, scope: &str, now: UnixTime) -> Vec<Warning> {
        let many = (self.bytes > names::MANY_NAMES)
            .then_some(WarningKind::ManyNames { bytes: self.bytes });
        let others = self.checked.iter().flat_map(|verifier| verifier.warnings(now));
        let warning = |kind| Warning { scope: scope.into(), kind };
        many.into_iter().chain(others).map(warning).collect()
    }
}
