//! Certificate revocation lists (RFC 5280 section 5), and the choice between several of one issuer.

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{
    CertificateRevocationListDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};
use webpki::{CertRevocationList, OwnedCertRevocationList, RawPublicKeyEntity};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::{CertificateRevocationList, ParsedExtension};

use super::x509::{self, Name};

/// How to treat a revocation list that is past its `nextUpdate` or before its `thisUpdate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrlExpiry {
    /// Refuse the certificates that the list covers, since it is unknown whether they are revoked.
    #[default]
    Enforce,
    /// Use the list regardless.
    Ignore,
}

/// A complete certificate revocation list (RFC 5280 section 5).
///
/// Its signature is verified when the issuer's key is known, not when the list is read. Clones
/// share the result.
#[derive(Clone)]
pub struct RevocationList {
    shared: Arc<Shared>,
    source: Option<PathBuf>,
}

struct Shared {
    der: CertificateRevocationListDer<'static>,
    read: CertRevocationList<'static>,
    issuer: Name,
    authority: String,
    number: Option<BigUint>,
    this_update: UnixTime,
    next_update: UnixTime,
    /// The identifier of the issuer's key, if the list has one (section 5.2.1).
    key_identifier: Option<Vec<u8>>,
    signed: Signed,
    /// The key that verified the list's signature. No other key can.
    key: OnceLock<SubjectPublicKeyInfoDer<'static>>,
}

/// The parts of the outermost SEQUENCE.
struct Signed {
    content: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl RevocationList {
    /// Reads a list.
    ///
    /// # Errors
    /// If it is malformed or is not a complete list: see [`CrlError`].
    pub fn from_der(
        der: impl Into<CertificateRevocationListDer<'static>>,
    ) -> Result<Self, CrlError> {
        let der = der.into();
        let read = CertRevocationList::from(
            OwnedCertRevocationList::from_der(&der).map_err(|err| CrlError::of(&der, err))?,
        );
        let Ok(([], list)) = CertificateRevocationList::from_der(&der) else {
            return Err(CrlError::Malformed);
        };
        // webpki could match some partitions with certificates, but here a list must cover its
        // whole issuer.
        if read.issuing_distribution_point().is_some() {
            return Err(CrlError::Partitioned);
        }
        let next_update = list.next_update().ok_or(CrlError::NoNextUpdate)?;
        let key_identifier =
            list.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(it) => Some(it.key_identifier.as_ref()?.0),
                _ => None,
            });
        let shared = Shared {
            issuer: Name::of(x509::content(list.issuer().as_raw()).ok_or(CrlError::Malformed)?),
            authority: x509::name_of(list.issuer()),
            number: list.crl_number().cloned(),
            this_update: x509::unix(list.last_update()),
            next_update: x509::unix(next_update),
            key_identifier: key_identifier.map(<[u8]>::to_vec),
            signed: Signed::of(&der).ok_or(CrlError::Malformed)?,
            key: OnceLock::new(),
            read,
            der,
        };
        Ok(Self { shared: Arc::new(shared), source: None })
    }

    /// Sets the file that the list was read from, for messages.
    pub(crate) fn with_source(mut self, path: &Path) -> Self {
        self.source = Some(path.into());
        self
    }

    /// Returns the list in DER, as it was read.
    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.shared.der
    }

    /// Returns the name of its issuer, in the format of RFC 4514.
    pub fn authority(&self) -> &str {
        &self.shared.authority
    }

    /// Returns when it was issued: `thisUpdate`.
    pub fn this_update(&self) -> UnixTime {
        self.shared.this_update
    }

    /// Returns when the next list is due at the latest: `nextUpdate`.
    pub fn next_update(&self) -> UnixTime {
        self.shared.next_update
    }

    /// Returns the file that it was read from, if any.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// Returns true if the list revokes the certificate with this serial number, or an error if the
    /// list cannot be used.
    pub(super) fn revokes(&self, serial: &[u8]) -> Result<bool, webpki::Error> {
        Ok(self.shared.read.find_serial(serial)?.is_some())
    }

    pub(super) fn is_of(&self, issuer: &Name) -> bool {
        self.shared.issuer.is(issuer)
    }

    /// The key that verified the list's signature, if it is known.
    pub(super) fn known_key(&self) -> Option<&SubjectPublicKeyInfoDer<'static>> {
        self.shared.key.get()
    }

    /// Returns true if this key signed the list.
    ///
    /// The signature is verified until a key is found, so that a long list is hashed once, not in
    /// every handshake. Returns false if `budget` is exhausted.
    pub(super) fn is_signed_by(
        &self,
        key: &SubjectPublicKeyInfoDer<'static>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        budget: &Budget,
    ) -> bool {
        if let Some(known) = self.known_key() {
            return known == key;
        }
        let Signed { content, algorithm, signature } = &self.shared.signed;
        let Ok(entity) = RawPublicKeyEntity::try_from(key) else {
            return false;
        };
        let verifies = algorithms
            .iter()
            .filter(|supported| supported.signature_alg_id().as_ref() == *algorithm)
            .any(|supported| {
                budget.spend() && entity.verify_signature(*supported, content, signature).is_ok()
            });
        if verifies {
            let _ = self.shared.key.set(key.clone());
        }
        verifies
    }

    /// Returns true if both are the same list, byte for byte.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) || self.shared.der == other.shared.der
    }

    /// Returns true if both are lists of one issuer and key, as far as is known without the issuer.
    pub(super) fn is_of_the_same_key_as(
        &self,
        other: &Self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        if !self.is_of(&other.shared.issuer) {
            return false;
        }
        let budget = Budget::unlimited();
        match (self.known_key(), other.known_key()) {
            (Some(key), _) => other.is_signed_by(key, algorithms, &budget),
            (None, Some(key)) => self.is_signed_by(key, algorithms, &budget),
            (None, None) => {
                let identifier = &self.shared.key_identifier;
                identifier.is_some() && *identifier == other.shared.key_identifier
            }
        }
    }
}

/// The lists to use, among lists of one issuer and key: those with the highest CRL number, or else
/// with the latest `thisUpdate`. There are several only if their issuer did not distinguish them,
/// and then all of them are used.
pub(super) fn newest<'a>(lists: &[&'a RevocationList]) -> Vec<&'a RevocationList> {
    let numbered = lists.iter().all(|list| list.shared.number.is_some());
    let rank = |list: &RevocationList| {
        let number = list.shared.number.clone().filter(|_| numbered);
        (number, list.shared.this_update)
    };
    let best = lists.iter().map(|list| rank(list)).max();
    lists.iter().copied().filter(|list| Some(rank(list)) == best).collect()
}

/// How many more signatures of lists may be verified.
pub(super) struct Budget(Cell<u32>);

impl Budget {
    /// For one chain: the number of certificate signatures that webpki verifies at most.
    pub(super) fn for_a_chain() -> Self {
        Self(Cell::new(100))
    }

    /// For the lists and anchors of the operator's files.
    pub(super) fn unlimited() -> Self {
        Self(Cell::new(u32::MAX))
    }

    fn spend(&self) -> bool {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

impl Signed {
    fn of(der: &[u8]) -> Option<Self> {
        let (_, outer) = Any::from_der(der).ok()?;
        let (rest, _) = Any::from_der(outer.data).ok()?;
        let (content, _) =
            outer.data.split_at_checked(outer.data.len().checked_sub(rest.len())?)?;
        let (rest, algorithm) = Any::from_der(rest).ok()?;
        let (_, signature) = Any::from_der(rest).ok()?;
        // A BIT STRING without unused bits.
        let signature = signature.data.strip_prefix(&[0])?;
        let [content, algorithm, signature] =
            [content, algorithm.data, signature].map(<[u8]>::to_vec);
        Some(Self { content, algorithm, signature })
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("authority", &self.shared.authority)
            .field("number", &self.shared.number)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Why a revocation list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrlError {
    /// It is not a certificate revocation list in DER.
    Malformed,
    /// It is of version 1, without extensions (RFC 5280 section 5.1.2.1).
    OldVersion,
    /// It has no `nextUpdate` (section 5.1.2.5).
    NoNextUpdate,
    /// It contains only the changes since another list (section 5.2.4).
    Delta,
    /// It covers only some of its issuer's certificates: it has an extension
    /// issuingDistributionPoint (section 5.2.5).
    Partitioned,
    /// It also covers certificates of other issuers (section 5.2.5).
    Indirect,
    /// The list, or one of its entries, contains something that is not supported.
    Unsupported(String),
}

impl CrlError {
    fn of(der: &[u8], err: webpki::Error) -> Self {
        use webpki::Error;
        match err {
            Error::UnsupportedDeltaCrl => Self::Delta,
            Error::UnsupportedIndirectCrl => Self::Indirect,
            Error::UnsupportedCrlIssuingDistributionPoint
            | Error::UnsupportedRevocationReasonsPartitioning => Self::Partitioned,
            Error::UnsupportedCrlVersion => Self::OldVersion,
            err => match CertificateRevocationList::from_der(der) {
                Ok(([], list)) if list.version().is_none() => Self::OldVersion,
                Ok(([], list)) if list.next_update().is_none() => Self::NoNextUpdate,
                Ok(([], _)) => Self::Unsupported(format!("{err:?}")),
                _ => Self::Malformed,
            },
        }
    }
}

impl fmt::Display for CrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const COMPLETE: &str =
            "only complete lists are supported: give the authority's complete one";
        match self {
            Self::Malformed => f.write_str("not a certificate revocation list in DER"),
            Self::OldVersion => f.write_str(
                "a revocation list of version 1: only version 2 is supported (RFC 5280)",
            ),
            Self::NoNextUpdate => {
                f.write_str("a revocation list without nextUpdate, which RFC 5280 requires")
            }
            Self::Delta => write!(f, "a delta revocation list: {COMPLETE}"),
            Self::Partitioned => write!(
                f,
                "a revocation list for a part of its issuer's certificates (it has an \
                 issuingDistributionPoint): {COMPLETE}"
            ),
            Self::Indirect => {
                write!(f, "a revocation list about other issuers' certificates: {COMPLETE}")
            }
            Self::Unsupported(what) => write!(f, "a revocation list that is not supported: {what}"),
        }
    }
}

impl std::error::Error for CrlError {}
