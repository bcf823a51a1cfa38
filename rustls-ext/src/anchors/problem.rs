//! Reasons to refuse a client's certificate for which rustls has no error.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};

use super::x509::rfc3339;

/// Why a client's certificate was refused, if no variant of [`CertificateError`] can express the
/// reason.
///
/// It is inside a [`CertificateError::Other`], for which rustls sends the alert
/// `certificate_unknown` (RFC 8446 section 6.2: an issue that no other alert describes).
/// [`explain`](fn@crate::explain) finds it there. If the policy is lenient,
/// [`ClientAuth::refusal()`](rustls::server::ClientAuth::refusal) returns it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// The scope has revocation lists, but none that this authority signed.
    NoRevocationList {
        /// The authority's subject.
        authority: String,
    },
    /// The authority's revocation list is past its `nextUpdate`.
    RevocationListExpired {
        /// The authority's subject.
        authority: String,
        /// When the next list was due.
        next_update: UnixTime,
        /// The file of the list, if it was read from a file.
        source: Option<PathBuf>,
    },
    /// The authority's revocation list is before its `thisUpdate`.
    RevocationListNotYetValid {
        /// The authority's subject.
        authority: String,
        /// The start of the list's validity.
        this_update: UnixTime,
        /// The file of the list, if it was read from a file.
        source: Option<PathBuf>,
    },
    /// The authority has signed a revocation list, but its keyUsage does not allow that.
    MayNotSignLists {
        /// The authority's subject.
        authority: String,
    },
    /// The authority has issued a certificate, but its keyUsage does not allow that.
    MayNotSignCertificates {
        /// The authority's subject.
        authority: String,
    },
    /// There are more authorities below this one than its path length allows.
    PathTooLong {
        /// The authority's subject, if it is a trust anchor.
        authority: Option<String>,
    },
    /// An end-entity certificate has issued another certificate.
    NotAnAuthority,
    /// The client's certificate is a certificate of a certificate authority.
    IsAnAuthority,
    /// A certificate has critical extensions that are not supported.
    CriticalExtension {
        /// Their names and object identifiers.
        extensions: Vec<String>,
    },
    /// A name constraint of an authority is violated, or is of an unsupported kind.
    NameConstraints {
        /// The kinds of names that are constrained and that the certificate has, but for which
        /// constraints are not supported. If empty, a constraint is violated.
        unsupported: Vec<&'static str>,
    },
    /// A certificate is signed with an algorithm that the cryptography provider does not support.
    SignatureAlgorithm {
        /// The algorithm's name and object identifier.
        algorithm: String,
        /// The algorithm of the authority's key, if the provider supports the signature algorithm,
        /// but not with such a key.
        key: Option<String>,
    },
    /// A certificate is not of X.509 version 3.
    OldVersion,
    /// webpki refused the certificate for this reason.
    Other(String),
}

impl CertificateProblem {
    pub(super) fn error(self) -> rustls::Error {
        CertificateError::Other(OtherError(Arc::new(self))).into()
    }
}

/// The reason, as far as it is known without the certificates.
impl From<&webpki::Error> for CertificateProblem {
    fn from(err: &webpki::Error) -> Self {
        use webpki::Error as Pki;
        let text = match err {
            Pki::UnsupportedCertVersion => return Self::OldVersion,
            Pki::EndEntityUsedAsCa => return Self::NotAnAuthority,
            Pki::PathLenConstraintViolated => return Self::PathTooLong { authority: None },
            Pki::NameConstraintViolation => {
                return Self::NameConstraints { unsupported: Vec::new() };
            }
            Pki::UnsupportedCriticalExtension => {
                return Self::CriticalExtension { extensions: Vec::new() };
            }
            Pki::CaUsedAsEndEntity => {
                "the peer's certificate is one of a certificate authority (CA:TRUE)"
            }
            Pki::CertDistrusted => "a certificate is no longer trusted",
            Pki::EmptyEkuExtension => "a certificate has an extended key usage without any purpose",
            Pki::ExtensionValueInvalid | Pki::MalformedExtensions => {
                "a certificate has an extension that cannot be read"
            }
            Pki::InvalidNetworkMaskConstraint | Pki::MalformedNameConstraint => {
                "an authority has name constraints that cannot be read"
            }
            Pki::InvalidSerialNumber => {
                "a certificate has a serial number that is negative or longer than 20 bytes"
            }
            Pki::MalformedDnsIdentifier => "a certificate has an invalid DNS name",
            Pki::MaximumNameConstraintComparisonsExceeded => {
                "the names and name constraints of the chain are too many to compare"
            }
            Pki::MaximumPathBuildCallsExceeded | Pki::MaximumSignatureChecksExceeded => {
                "there are too many ways to build a chain from these certificates"
            }
            Pki::MaximumPathDepthExceeded => "the certificate chain is too long",
            Pki::SignatureAlgorithmMismatch => {
                "a certificate names two different algorithms for its signature"
            }
            Pki::UnsupportedNameType => "a name is of a type that is not supported",
            other => return Self::Other(format!("the certificate chain is refused: {other:?}")),
        };
        Self::Other(text.into())
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |source: &Option<PathBuf>| match source {
            Some(path) => format!("revocation list in {}", path.display()),
            None => "revocation list".into(),
        };
        match self {
            Self::NoRevocationList { authority } => {
                write!(
                    f,
                    "there is no revocation list of {authority}, so it is unknown whether \
                           a certificate that it issued is revoked: add its list"
                )
            }
            Self::RevocationListExpired { authority, next_update, source } => write!(
                f,
                "the {} of {authority} expired at {}: get its current list",
                list(source),
                rfc3339(*next_update)
            ),
            Self::RevocationListNotYetValid { authority, this_update, source } => write!(
                f,
                "the {} of {authority} is not valid before {}",
                list(source),
                rfc3339(*this_update)
            ),
            Self::MayNotSignLists { authority } => write!(
                f,
                "{authority} has signed a revocation list, but its keyUsage does not have cRLSign"
            ),
            Self::MayNotSignCertificates { authority } => write!(
                f,
                "{authority} has issued a certificate, but its keyUsage does not have keyCertSign"
            ),
            Self::PathTooLong { authority: Some(authority) } => write!(
                f,
                "there are more authorities between {authority} and the client's certificate than \
                 its pathLenConstraint allows"
            ),
            Self::PathTooLong { authority: None } => f.write_str(
                "there are more authorities in the chain than the pathLenConstraint of one allows",
            ),
            Self::NotAnAuthority => f.write_str(
                "a certificate in the chain has issued another, but has no basicConstraints with \
                 CA:TRUE",
            ),
            Self::IsAnAuthority => f.write_str(
                "the client's certificate is one of a certificate authority (CA:TRUE), which is \
                 accepted only if it is pinned",
            ),
            Self::CriticalExtension { extensions } => write!(
                f,
                "a certificate has a critical extension that is not supported: {}",
                if extensions.is_empty() { "unknown".into() } else { extensions.join(", ") }
            ),
            Self::NameConstraints { unsupported } if unsupported.is_empty() => f.write_str(
                "a name in a certificate is not allowed by the name constraints of its authority",
            ),
            Self::NameConstraints { unsupported } => write!(
                f,
                "an authority has name constraints on {}, which are not supported: only those on \
                 DNS names and IP addresses are",
                unsupported.join(" and ")
            ),
            Self::SignatureAlgorithm { algorithm, key: None } => write!(
                f,
                "a certificate is signed with {algorithm}, which the cryptography provider does \
                 not have"
            ),
            Self::SignatureAlgorithm { algorithm, key: Some(key) } => write!(
                f,
                "a certificate is signed with {algorithm} by a key for {key}, which the \
                 cryptography provider does not have together"
            ),
            Self::OldVersion => f.write_str(
                "a certificate is not of X.509 version 3: issue it again; `openssl x509 -req` makes \
                 version 1 unless it gets extensions, as by `-extfile`, and `openssl req -x509` makes \
                 version 3",
            ),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// The same text as `Display`: rustls shows a [`CertificateError::Other`] in its debug format.
impl fmt::Debug for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The source is rustls' error for the same reason, if it has a variant with this meaning but
/// another alert.
impl std::error::Error for CertificateProblem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        static UNKNOWN: rustls::Error =
            rustls::Error::InvalidCertificate(CertificateError::UnknownRevocationStatus);
        static EXPIRED: rustls::Error =
            rustls::Error::InvalidCertificate(CertificateError::ExpiredRevocationList);
        match self {
            Self::NoRevocationList { .. } => Some(&UNKNOWN),
            Self::RevocationListExpired { .. } | Self::RevocationListNotYetValid { .. } => {
                Some(&EXPIRED)
            }
            _ => None,
        }
    }
}
