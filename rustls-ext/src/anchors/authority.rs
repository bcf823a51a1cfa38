//! Trust anchors and pinned certificates.

use std::fmt;

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName, RootCertStore};
use x509_parser::prelude::X509Version;

use super::signs::Signs;
use super::x509;
use crate::explain::explain;

/// Why a certificate cannot be used as a trust anchor, or cannot be pinned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnchorError {
    /// The certificate cannot be read.
    Malformed(rustls::Error),
    /// It is not the certificate of a certificate authority (RFC 5280 section 4.2.1.9), so it may
    /// not issue others.
    NotAuthority {
        /// Its subject, in the format of RFC 4514.
        subject: String,
        /// The reason, from its content.
        reason: NotAuthority,
    },
}

/// Why a certificate is not one of a certificate authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAuthority {
    /// It is of version 1 or 2, which do not have the extension basicConstraints.
    OldVersion,
    /// It has no extension basicConstraints, or has one with CA:FALSE.
    NotCa,
    /// It has an extension keyUsage without keyCertSign.
    NoKeyCertSign,
}

impl fmt::Display for NotAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OldVersion => {
                "its X.509 version is not 3, so it has no basicConstraints with CA:TRUE (`openssl req \
                 -x509` makes version 3)"
            }
            Self::NotCa => "it has no basicConstraints with CA:TRUE",
            Self::NoKeyCertSign => "its keyUsage does not have keyCertSign",
        })
    }
}

impl fmt::Display for AnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(err) => f.write_str(&explain(err)),
            Self::NotAuthority { subject, reason } => write!(
                f,
                "{subject} is not a certificate authority: {reason}; to accept exactly this \
                 certificate from a client, pin it instead"
            ),
        }
    }
}

impl std::error::Error for AnchorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // This error's own text already contains that error's text.
            Self::Malformed(err) => err.source(),
            Self::NotAuthority { .. } => None,
        }
    }
}

/// A trust anchor, and the limits that its certificate sets.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(super) anchor: TrustAnchor<'static>,
    pub(super) limits: Limits,
}

/// The limits in an authority's certificate. A [`TrustAnchor`] contains only its name, key and name
/// constraints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The maximum number of intermediate authorities below it.
    pub(super) path_length: Option<u32>,
    pub(super) signs: Signs,
    pub(super) validity: Option<Validity>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
}

impl Validity {
    pub(super) fn of(validity: &x509_parser::prelude::Validity) -> Self {
        Self {
            not_before: x509::unix(validity.not_before),
            not_after: x509::unix(validity.not_after),
        }
    }

    pub(super) fn check(&self, now: UnixTime) -> Result<(), rustls::Error> {
        let Self { not_before, not_after } = *self;
        if now < not_before {
            return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
        }
        if now > not_after {
            return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
        }
        Ok(())
    }
}

impl Authority {
    /// Reads the authority of this certificate.
    pub(crate) fn of(der: &CertificateDer<'_>) -> Result<Self, AnchorError> {
        // webpki reads the certificate, since it also verifies with it.
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).map_err(AnchorError::Malformed)?;
        let anchor = roots.roots.pop().ok_or_else(malformed)?;

        let certificate = x509::certificate(der).ok_or_else(malformed)?;
        let not = |reason| {
            let subject = x509::name_of(certificate.subject());
            Err(AnchorError::NotAuthority { subject, reason })
        };
        if certificate.version() != X509Version::V3 {
            return not(NotAuthority::OldVersion);
        }
        let path_length = match certificate.basic_constraints().map_err(|_| malformed())? {
            Some(constraints) if constraints.value.ca => constraints.value.path_len_constraint,
            _ => return not(NotAuthority::NotCa),
        };
        let signs = Signs::of(der);
        if !signs.certificates {
            return not(NotAuthority::NoKeyCertSign);
        }
        let validity = Some(Validity::of(certificate.validity()));
        Ok(Self { anchor, limits: Limits { path_length, signs, validity } })
    }

    pub(crate) fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }

    pub(super) fn name(&self) -> DistinguishedName {
        x509::in_sequence(&self.anchor.subject)
    }
}

impl From<TrustAnchor<'static>> for Authority {
    fn from(anchor: TrustAnchor<'static>) -> Self {
        let limits = Limits { path_length: None, signs: Signs::ALL, validity: None };
        Self { anchor, limits }
    }
}

/// A certificate that is accepted by itself, even if no trust anchor issued it.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    pub(super) der: CertificateDer<'static>,
    pub(super) key: SubjectPublicKeyInfoDer<'static>,
    pub(super) subject: String,
    /// The content of its issuer's name.
    pub(super) issuer: Vec<u8>,
    pub(super) validity: Validity,
}

impl Pinned {
    pub(crate) fn of(der: CertificateDer<'static>) -> Result<Self, AnchorError> {
        let certificate = x509::certificate(&der).ok_or_else(malformed)?;
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw).into_owned();
        // Signatures are later verified with the key alone.
        webpki::RawPublicKeyEntity::try_from(&key).map_err(|_| malformed())?;
        let issuer = x509::content(certificate.issuer().as_raw()).ok_or_else(malformed)?.to_vec();
        let subject = x509::name_of(certificate.subject());
        let validity = Validity::of(certificate.validity());
        Ok(Self { key, subject, issuer, validity, der })
    }

    /// The name of its issuer, by which clients choose the certificate.
    pub(super) fn issuer(&self) -> DistinguishedName {
        x509::in_sequence(&self.issuer)
    }
}

fn malformed() -> AnchorError {
    AnchorError::Malformed(CertificateError::BadEncoding.into())
}
