use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::http::Fingerprint;
use crate::name::{common_names, is_invisible, rfc4514};

/// The names in a certificate, and other data that identify it.
///
/// Data that cannot be read is reported as an error or shown as it is. It is never replaced by an
/// empty name, or by a name that another certificate could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    fingerprint: Fingerprint,
    read: Result<Names, CertificateError>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    subject: String,
    issuer: String,
    common_name: Result<String, CertificateError>,
    serial: String,
    alternatives: Result<Vec<AlternativeName>, CertificateError>,
}

/// One of the subject's alternative names (RFC 5280 section 4.2.1.6), as in the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlternativeName {
    /// `dNSName`, which may begin with `*.`; in the certificate's case.
    Dns(String),
    /// `rfc822Name`: an email address.
    Email(String),
    /// `uniformResourceIdentifier`, such as a SPIFFE ID.
    Uri(String),
    /// `iPAddress`
    Address(IpAddr),
    /// `directoryName`, in the form of RFC 4514.
    Directory(String),
    /// Another kind of name, or one that cannot be read, by the number of its kind.
    Other(u32),
}

impl CertificateInfo {
    /// Reads a certificate.
    pub fn from_der(certificate: &CertificateDer<'_>) -> Self {
        let read = match X509Certificate::from_der(certificate) {
            Ok(([], certificate)) => Ok(Names::of(&certificate)),
            Ok(_) => Err(CertificateError::Malformed),
            // The verifier uses another parser, and may accept certificates that this one does not.
            Err(_) => Err(CertificateError::Malformed),
        };
        Self { fingerprint: Fingerprint::sha256(certificate), read }
    }

    /// Returns the SHA-256 fingerprint.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Returns the subject in the format of [`rfc4514`](crate::rfc4514). Empty if the certificate
    /// has an empty subject.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`].
    pub fn subject(&self) -> Result<&str, &CertificateError> {
        Ok(&self.names()?.subject)
    }

    /// Returns the issuer in the same format.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`].
    pub fn issuer(&self) -> Result<&str, &CertificateError> {
        Ok(&self.names()?.issuer)
    }

    /// Returns the one common name in the subject; never empty.
    ///
    /// # Errors
    /// If there is none, more than one, or one that is empty or not text.
    pub fn common_name(&self) -> Result<&str, &CertificateError> {
        self.names()?.common_name.as_deref()
    }

    /// Returns the serial number in hexadecimal digits, two for each byte.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`].
    pub fn serial(&self) -> Result<&str, &CertificateError> {
        Ok(&self.names()?.serial)
    }

    /// Returns the alternative names, in order; empty if the certificate has none.
    ///
    /// # Errors
    /// If the certificate, or this extension, cannot be read.
    pub fn alternative_names(&self) -> Result<&[AlternativeName], &CertificateError> {
        self.names()?.alternatives.as_deref()
    }

    /// Returns the SPIFFE ID (X.509-SVID section 2): the certificate's only URI, whose scheme is
    /// `spiffe`.
    ///
    /// # Errors
    /// If it has none, or an additional URI.
    pub fn spiffe_id(&self) -> Result<&str, &CertificateError> {
        let mut uris = self.alternative_names()?.iter().filter_map(|name| match name {
            AlternativeName::Uri(uri) => Some(Some(uri.as_str())),
            // One that cannot be read is still an additional one.
            AlternativeName::Other(URI) => Some(None),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(Some(uri)), None) if uri.starts_with("spiffe://") => Ok(uri),
            (Some(_), Some(_)) => Err(&CertificateError::Ambiguous("URI")),
            _ => Err(&CertificateError::Missing("SPIFFE ID")),
        }
    }

    fn names(&self) -> Result<&Names, &CertificateError> {
        self.read.as_ref()
    }
}

/// The tag of a URI in a subjectAltName (RFC 5280 section 4.2.1.6).
const URI: u32 = 6;

impl Names {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        let alternatives = match certificate.subject_alternative_name() {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(extension)) => {
                Ok(extension.value.general_names.iter().map(AlternativeName::of).collect())
            }
            Err(_) => Err(CertificateError::Unreadable("subjectAltName")),
        };
        Self {
            subject: rfc4514(certificate.subject().as_raw()),
            issuer: rfc4514(certificate.issuer().as_raw()),
            common_name: common_name(certificate.subject().as_raw()),
            serial: certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
            alternatives,
        }
    }
}

/// The one common name in a name in DER.
fn common_name(name: &[u8]) -> Result<String, CertificateError> {
    const WHAT: &str = "common name";
    let found = common_names(name).ok_or(CertificateError::NotText(WHAT))?;
    match &found[..] {
        [] => Err(CertificateError::Missing(WHAT)),
        [Some(text)] if text.is_empty() => Err(CertificateError::Missing(WHAT)),
        [Some(text)] if !text.chars().any(is_invisible) => Ok(text.clone()),
        [_] => Err(CertificateError::NotText(WHAT)),
        _ => Err(CertificateError::Ambiguous(WHAT)),
    }
}

impl AlternativeName {
    fn of(name: &GeneralName<'_>) -> Self {
        /// Text that is empty or contains control characters is not a name.
        fn text(name: &str) -> Option<String> {
            (!name.is_empty() && name.chars().all(|c| c.is_ascii_graphic())).then(|| name.into())
        }
        let (kind, read) = match name {
            GeneralName::OtherName(..) => (0, None),
            GeneralName::RFC822Name(name) => (1, text(name).map(Self::Email)),
            GeneralName::DNSName(name) => (2, text(name).map(Self::Dns)),
            GeneralName::X400Address(_) => (3, None),
            GeneralName::DirectoryName(name) => (4, Some(Self::Directory(rfc4514(name.as_raw())))),
            GeneralName::EDIPartyName(_) => (5, None),
            GeneralName::URI(name) => (URI, text(name).map(Self::Uri)),
            GeneralName::IPAddress(bytes) => (7, address(bytes).map(Self::Address)),
            GeneralName::RegisteredID(_) => (8, None),
            GeneralName::Invalid(tag, _) => (tag.0, None),
        };
        read.unwrap_or(Self::Other(kind))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into()).ok();
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()).ok();
    v4().or_else(v6)
}

impl fmt::Display for AlternativeName {
    /// The kind of name in OpenSSL's notation, and the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Email(name) => write!(f, "email:{name}"),
            Self::Uri(name) => write!(f, "URI:{name}"),
            Self::Address(address) => write!(f, "IP:{address}"),
            Self::Directory(name) => write!(f, "dirName:{name}"),
            Self::Other(kind) => write!(f, "(a name of kind {kind} that cannot be shown)"),
        }
    }
}

/// Why a certificate does not have the requested name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificate cannot be read.
    Malformed,
    /// This extension occurs twice, or cannot be read.
    Unreadable(&'static str),
    /// There is no such name, or it is empty.
    Missing(&'static str),
    /// There is more than one such name.
    Ambiguous(&'static str),
    /// The name is not text.
    NotText(&'static str),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the certificate cannot be read"),
            Self::Unreadable(what) => write!(f, "the certificate's {what} cannot be read"),
            Self::Missing(what) => write!(f, "the certificate has no {what}"),
            Self::Ambiguous(what) => write!(f, "the certificate has more than one {what}"),
            Self::NotText(what) => write!(f, "the certificate's {what} is not text"),
        }
    }
}

impl std::error::Error for CertificateError {}
