//! The rules for a certificate that identifies a workload.

use std::fmt;
use std::sync::Arc;

use ::spiffe::SpiffeId;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::anchors::unix;

/// The longest name of a trust domain, in bytes (SPIFFE-ID section 2.1).
const LONGEST_TRUST_DOMAIN: usize = 255;

/// The context-specific tag of a URI in a subjectAltName (RFC 5280 section 4.2.1.6).
const URI_TAG: u32 = 6;

/// Why a certificate is not an X.509-SVID that identifies a workload.
///
/// In a handshake it is inside a [`CertificateError::Other`], for which rustls sends the alert
/// `certificate_unknown`; [`explain`](fn@crate::explain) finds it there.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SvidProblem {
    /// The certificate cannot be parsed, or has an extension twice.
    Unreadable,
    /// It has no URI among its alternative names (X509-SVID section 2).
    NoUri,
    /// It has more than one URI among its alternative names (X509-SVID section 2).
    SeveralUris {
        /// How many.
        count: usize,
    },
    /// Its URI is not a SPIFFE ID (SPIFFE-ID section 2).
    BadId {
        /// The URI.
        uri: String,
        /// The reason.
        reason: String,
    },
    /// Its SPIFFE ID has no path, so that it is that of a trust domain (X509-SVID section 3.1).
    NoPath {
        /// The SPIFFE ID.
        id: String,
    },
    /// It is the certificate of a certificate authority (X509-SVID section 4.1).
    IsAuthority,
    /// It has no extension keyUsage (X509-SVID section 4.3).
    NoKeyUsage,
    /// Its keyUsage does not have digitalSignature (X509-SVID section 4.3).
    NoDigitalSignature,
    /// Its keyUsage has a usage of certificate authorities (X509-SVID section 4.3).
    UsageOfAuthority {
        /// `keyCertSign` or `cRLSign`.
        usage: &'static str,
    },
}

impl fmt::Display for SvidProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the certificate cannot be read: it is malformed"),
            Self::NoUri => f.write_str(
                "the certificate has no URI among its alternative names, so it has no SPIFFE ID",
            ),
            Self::SeveralUris { count } => write!(
                f,
                "the certificate has {count} URIs among its alternative names, where an X.509-SVID \
                 has one"
            ),
            Self::BadId { uri, reason } => {
                write!(f, "the URI of the certificate, {uri:?}, is not a SPIFFE ID: {reason}")
            }
            Self::NoPath { id } => write!(
                f,
                "the SPIFFE ID of the certificate, {id}, has no path, so it is that of a trust \
                 domain, not of a workload"
            ),
            Self::IsAuthority => {
                f.write_str("the certificate is one of a certificate authority (CA:TRUE)")
            }
            Self::NoKeyUsage => f.write_str("the certificate has no keyUsage"),
            Self::NoDigitalSignature => {
                f.write_str("the keyUsage of the certificate does not have digitalSignature")
            }
            Self::UsageOfAuthority { usage } => write!(
                f,
                "the keyUsage of the certificate has {usage}, which is for certificate authorities"
            ),
        }
    }
}

/// The same text as `Display`: rustls shows a [`CertificateError::Other`] in its debug format.
impl fmt::Debug for SvidProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SvidProblem {}

impl From<SvidProblem> for rustls::Error {
    fn from(problem: SvidProblem) -> Self {
        CertificateError::Other(OtherError(Arc::new(problem))).into()
    }
}

/// What the certificate of a workload says about it.
pub(super) struct Leaf {
    pub(super) id: SpiffeId,
    pub(super) not_after: UnixTime,
}

impl Leaf {
    /// Reads a certificate, and checks all rules but those of its chain.
    pub(super) fn of(der: &[u8]) -> Result<Self, SvidProblem> {
        use SvidProblem as Problem;
        let unreadable = |_| Problem::Unreadable;
        let Ok(([], certificate)) = X509Certificate::from_der(der) else {
            return Err(Problem::Unreadable);
        };
        let id = id_of(&certificate)?;
        if id.path().is_empty() {
            return Err(Problem::NoPath { id: id.to_string() });
        }
        let constraints = certificate.basic_constraints().map_err(unreadable)?;
        if constraints.is_some_and(|constraints| constraints.value.ca) {
            return Err(Problem::IsAuthority);
        }
        let usage = certificate.key_usage().map_err(unreadable)?.ok_or(Problem::NoKeyUsage)?.value;
        if usage.key_cert_sign() {
            return Err(Problem::UsageOfAuthority { usage: "keyCertSign" });
        }
        if usage.crl_sign() {
            return Err(Problem::UsageOfAuthority { usage: "cRLSign" });
        }
        if !usage.digital_signature() {
            return Err(Problem::NoDigitalSignature);
        }
        Ok(Self { id, not_after: unix(certificate.validity().not_after) })
    }
}

/// The one URI among the alternative names, as a SPIFFE ID.
fn id_of(certificate: &X509Certificate<'_>) -> Result<SpiffeId, SvidProblem> {
    let names = certificate.subject_alternative_name().map_err(|_| SvidProblem::Unreadable)?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let uris: Vec<Option<&str>> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(Some(*uri)),
            GeneralName::Invalid(tag, _) if tag.0 == URI_TAG => Some(None),
            _ => None,
        })
        .collect();
    match uris[..] {
        [] => Err(SvidProblem::NoUri),
        [None] => Err(SvidProblem::Unreadable),
        [Some(uri)] => {
            spiffe_id(uri).map_err(|reason| SvidProblem::BadId { uri: uri.into(), reason })
        }
        _ => Err(SvidProblem::SeveralUris { count: uris.len() }),
    }
}

/// Parses a SPIFFE ID; the error is a text.
pub(super) fn spiffe_id(uri: &str) -> Result<SpiffeId, String> {
    let id = SpiffeId::new(uri).map_err(|err| err.to_string())?;
    if id.trust_domain_name().len() > LONGEST_TRUST_DOMAIN {
        return Err(format!("its trust domain is longer than {LONGEST_TRUST_DOMAIN} bytes"));
    }
    Ok(id)
}
