//! The purposes that a client's certificate must allow.

use std::fmt;

use webpki::{ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage};
use x509_parser::asn1_rs::Oid;

/// The purposes that the extended key usage of a client's certificate must allow (RFC 5280 section
/// 4.2.1.12).
///
/// The default is [`client()`](Self::client). Public certificate authorities have announced that
/// their certificates will no longer allow client authentication, from 2026 or 2027 on. For those,
/// use [`any()`](Self::any), or [`one_of()`](Self::one_of) with `1.3.6.1.5.5.7.3.1`, which is
/// server authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Client,
    #[cfg(feature = "spiffe")]
    Server,
    Any,
    OneOf(Vec<Oid<'static>>),
}

impl Usage {
    /// Client authentication. A certificate without the extension allows every purpose.
    pub fn client() -> Self {
        Self(Kind::Client)
    }

    /// Server authentication, for a verifier of servers. A certificate without the extension allows
    /// every purpose.
    #[cfg(feature = "spiffe")]
    pub(crate) fn server() -> Self {
        Self(Kind::Server)
    }

    /// Any purpose: the extended key usage is not checked.
    pub fn any() -> Self {
        Self(Kind::Any)
    }

    /// One of these purposes, by their object identifiers, such as `1.3.6.1.5.5.7.3.2`.
    ///
    /// The client's certificate must have the extension. The certificates of the authorities above
    /// it must allow one of the purposes if they have the extension.
    ///
    /// # Errors
    /// [`BadUsage`] if there is no object identifier, or if a text is not one.
    pub fn one_of<I>(purposes: I) -> Result<Self, BadUsage>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let read = |text: &str| object_identifier(text).ok_or_else(|| BadUsage(text.into()));
        let purposes: Vec<Oid<'static>> =
            purposes.into_iter().map(|purpose| read(purpose.as_ref())).collect::<Result<_, _>>()?;
        if purposes.is_empty() {
            return Err(BadUsage(String::new()));
        }
        Ok(Self(Kind::OneOf(purposes)))
    }

    /// The kind as a number, and its object identifiers.
    pub(super) fn content(&self) -> (u8, &[Oid<'static>]) {
        match &self.0 {
            Kind::Client => (0, &[]),
            Kind::Any => (1, &[]),
            Kind::OneOf(purposes) => (2, purposes),
            #[cfg(feature = "spiffe")]
            Kind::Server => (3, &[]),
        }
    }

    /// Returns true if the client's certificate must have the extension.
    pub(super) fn needs_extension(&self) -> bool {
        matches!(self.0, Kind::OneOf(_))
    }

    /// The first accepted purpose, as the numbers of its object identifier.
    pub(super) fn first(&self) -> Vec<usize> {
        match &self.0 {
            Kind::Client | Kind::Any => KeyUsage::CLIENT_AUTH_REPR.to_vec(),
            #[cfg(feature = "spiffe")]
            Kind::Server => KeyUsage::SERVER_AUTH_REPR.to_vec(),
            Kind::OneOf(purposes) => purposes
                .first()
                .map(|purpose| KeyPurposeId::new(purpose.as_bytes()).to_decoded_oid())
                .unwrap_or_default(),
        }
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self::client()
    }
}

/// Checks every certificate of a path, the client's and the authorities'.
impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let wanted = match &self.0 {
            Kind::Client => return KeyUsage::client_auth().validate(purposes),
            #[cfg(feature = "spiffe")]
            Kind::Server => return KeyUsage::server_auth().validate(purposes),
            Kind::Any => return Ok(()),
            Kind::OneOf(wanted) => wanted,
        };
        let mut present = Vec::new();
        for purpose in purposes {
            let purpose = purpose?;
            if wanted.iter().any(|wanted| KeyPurposeId::new(wanted.as_bytes()) == purpose) {
                return Ok(());
            }
            present.push(purpose.to_decoded_oid());
        }
        // The certificate lacks the extension. Another check finds out whether the extension must
        // be there.
        if present.is_empty() {
            return Ok(());
        }
        let context =
            webpki::RequiredEkuNotFoundContext { required: KeyUsage::client_auth(), present };
        Err(webpki::Error::RequiredEkuNotFoundContext(context))
    }
}

fn object_identifier(text: &str) -> Option<Oid<'static>> {
    let read: Oid<'static> = text.parse().ok()?;
    let numbers: Vec<_> = read.iter()?.take(2).collect();
    let [first, second] = numbers[..] else { return None };
    // X.660: there are three roots, of which two have at most forty arcs.
    let exists = first == 2 || first < 2 && second < 40;
    (exists && read.to_string() == text).then_some(read)
}

/// A purpose that is not an object identifier; empty if none was given.
// Closed: it will never contain more than this text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUsage(pub String);

impl fmt::Display for BadUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no purpose is given: give object identifiers, or any");
        }
        write!(f, "{:?} is not an object identifier, such as 1.3.6.1.5.5.7.3.2", self.0)
    }
}

impl std::error::Error for BadUsage {}
