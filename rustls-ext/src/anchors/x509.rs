//! Reads the parts of certificates that webpki does not expose, and writes them as text.

use std::time::Duration;

use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::asn1_rs::{Any, Class, Oid, Tag};
use x509_parser::oid_registry::{OID_PKCS1_RSAENCRYPTION, OidRegistry};
use x509_parser::prelude::{
    ASN1Time, FromDer, GeneralName, NameConstraints, ParsedExtension, X509Certificate, X509Name,
    oid2sn,
};

use super::authority::Validity;
use crate::name::rfc4514;

/// Parses a certificate; `der` must contain nothing else.
pub(super) fn certificate(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

/// The content of a certificate's issuer name, and its validity period, read without the rest.
pub(super) fn issuer_and_validity(der: &[u8]) -> Option<(&[u8], Validity)> {
    let (_, certificate) = Any::from_der(der).ok()?;
    let (_, content) = Any::from_der(certificate.data).ok()?;
    let (mut rest, version_or_serial) = Any::from_der(content.data).ok()?;
    if version_or_serial.class() == Class::ContextSpecific {
        (rest, _) = Any::from_der(rest).ok()?;
    }
    let (rest, _algorithm) = Any::from_der(rest).ok()?;
    let (rest, issuer) = Any::from_der(rest).ok()?;
    let (_, validity) = x509_parser::prelude::Validity::from_der(rest).ok()?;
    Some((issuer.data, Validity::of(&validity)))
}

/// Adds the tag and length of a SEQUENCE: webpki returns names and similar fields without them.
pub(super) fn in_sequence(content: &[u8]) -> DistinguishedName {
    DistinguishedName::in_sequence(content)
}

/// A name as text, from the content of its SEQUENCE.
pub(super) fn name(content: &[u8]) -> String {
    written(in_sequence(content).as_ref())
}

/// A name as text.
pub(super) fn name_of(name: &X509Name<'_>) -> String {
    written(name.as_raw())
}

fn written(name: &[u8]) -> String {
    let text = rfc4514(name);
    if text.is_empty() { "(empty name)".into() } else { text }
}

/// Converts a time; times before 1970 become 1970.
pub(crate) fn unix(time: ASN1Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(time.timestamp().try_into().unwrap_or(0)))
}

/// A time in the format of RFC 3339, such as 2026-11-28T06:00:00Z.
pub(crate) fn rfc3339(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let Ok(time) = ASN1Time::from_timestamp(seconds) else {
        return format!("{seconds} seconds after 1970");
    };
    let time = time.to_datetime();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// An object identifier with its name, if it has a known one.
pub(crate) fn oid_text(oid: &Oid<'_>) -> String {
    let registry = OidRegistry::default().with_crypto().with_x509();
    match oid2sn(oid, &registry) {
        Ok(name) => format!("{name} ({oid})"),
        Err(_) => oid.to_string(),
    }
}

/// The algorithm in the content of an AlgorithmIdentifier.
pub(crate) fn algorithm(content: &[u8]) -> String {
    match Oid::from_der(content) {
        Ok((_, oid)) => oid_text(&oid),
        Err(_) => "an unreadable algorithm".into(),
    }
}

/// The algorithm of a key, and its curve if it has one, from the content of the
/// AlgorithmIdentifier.
pub(crate) fn key_algorithm(content: &[u8]) -> String {
    let Ok((parameters, oid)) = Oid::from_der(content) else {
        return "an unreadable algorithm".into();
    };
    match Oid::from_der(parameters) {
        Ok((_, curve)) => format!("{} on {}", oid_text(&oid), oid_text(&curve)),
        Err(_) => oid_text(&oid),
    }
}

/// The algorithm of a key, if the provider does not support it.
pub(super) fn unsupported_key(
    key: &SubjectPublicKeyInfoDer<'_>,
    provider: &WebPkiSupportedAlgorithms,
) -> Option<String> {
    let (_, whole) = Any::from_der(key).ok()?;
    let (_, algorithm) = Any::from_der(whole.data).ok()?;
    let (_, oid) = Oid::from_der(algorithm.data).ok()?;
    let known = |known: &AlgorithmIdentifier| known.as_ref() == algorithm.data;
    // The parameters of RSA keys may be absent.
    let supported = oid == OID_PKCS1_RSAENCRYPTION
        || provider.all.iter().any(|algorithm| known(&algorithm.public_key_alg_id()));
    (!supported).then(|| key_algorithm(algorithm.data))
}

/// The same for a certificate's key.
pub(crate) fn unsupported_key_of(
    der: &CertificateDer<'_>,
    provider: &WebPkiSupportedAlgorithms,
) -> Option<String> {
    let certificate = certificate(der)?;
    unsupported_key(&certificate.public_key().raw.into(), provider)
}

/// A name, which compares equal to itself in another encoding (RFC 5280 section 7.1): in
/// PrintableStrings and UTF8Strings, case and the amount of white space are ignored. Everything
/// else is compared byte for byte.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// The content of its SEQUENCE.
    content: Vec<u8>,
    /// The parts, if the name can be parsed.
    parts: Option<Vec<Part>>,
}

/// A relative distinguished name: types of attributes, and their values, in order.
type Part = Vec<(Vec<u8>, Value)>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    Other(u32, Vec<u8>),
}

impl Name {
    pub(super) fn of(content: &[u8]) -> Self {
        let parts = elements(content, Tag::Set)
            .map(|part| {
                let mut part = elements(part?.data, Tag::Sequence)
                    .map(|attribute| Value::of_attribute(attribute?.data))
                    .collect::<Option<Vec<_>>>()?;
                part.sort();
                Some(part)
            })
            .collect();
        Self { content: content.to_vec(), parts }
    }

    /// Returns true if both are the same name.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same_parts = self.parts.is_some() && self.parts == other.parts;
        self.content == other.content || same_parts
    }
}

impl Value {
    /// The type of an attribute, and its value.
    fn of_attribute(attribute: &[u8]) -> Option<(Vec<u8>, Self)> {
        let (rest, kind) = Any::from_der(attribute).ok()?;
        let Ok(([], value)) = Any::from_der(rest) else { return None };
        let value = match (value.tag(), std::str::from_utf8(value.data)) {
            (Tag::PrintableString | Tag::Utf8String, Ok(text)) => {
                let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
                Self::Text(words.join(" "))
            }
            (tag, _) => Self::Other(tag.0, value.data.to_vec()),
        };
        Some((kind.data.to_vec(), value))
    }
}

/// The elements in the content of a SET or SEQUENCE, each with this tag; `None` for anything else.
fn elements(mut content: &[u8], tag: Tag) -> impl Iterator<Item = Option<Any<'_>>> {
    std::iter::from_fn(move || {
        if content.is_empty() {
            return None;
        }
        match Any::from_der(content) {
            Ok((rest, element)) if element.tag() == tag => {
                content = rest;
                Some(Some(element))
            }
            _ => {
                content = &[];
                Some(None)
            }
        }
    })
}

/// The content of a SEQUENCE.
pub(super) fn content(sequence: &[u8]) -> Option<&[u8]> {
    match Any::from_der(sequence) {
        Ok(([], sequence)) => Some(sequence.data),
        _ => None,
    }
}

/// The kinds of names in `names` that webpki cannot compare with name constraints.
fn unsupported<'a>(names: impl Iterator<Item = &'a GeneralName<'a>>) -> Vec<&'static str> {
    let mut kinds: Vec<_> = names
        .filter_map(|name| {
            // The tags of RFC 5280 section 4.2.1.6. webpki uses only the tags, even of names that
            // cannot be parsed.
            let tag = match name {
                GeneralName::OtherName(..) => 0,
                GeneralName::RFC822Name(_) => 1,
                GeneralName::DNSName(_) => 2,
                GeneralName::X400Address(_) => 3,
                GeneralName::DirectoryName(_) => 4,
                GeneralName::EDIPartyName(_) => 5,
                GeneralName::URI(_) => 6,
                GeneralName::IPAddress(_) => 7,
                GeneralName::RegisteredID(_) => 8,
                GeneralName::Invalid(tag, _) => tag.0,
            };
            match tag {
                0 => Some("otherName"),
                1 => Some("email addresses"),
                2 | 7 => None,
                3 => Some("X.400 addresses"),
                4 => Some("directory names"),
                5 => Some("EDI party names"),
                6 => Some("URIs"),
                8 => Some("registered identifiers"),
                _ => Some("names of an unknown kind"),
            }
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The kinds of names that these name constraints cover and that webpki does not support, from the
/// content of the constraints' SEQUENCE.
pub(super) fn unsupported_constraints(content: &[u8]) -> Vec<&'static str> {
    match NameConstraints::from_der(in_sequence(content).as_ref()) {
        Ok((_, constraints)) => constrained_kinds(&constraints),
        Err(_) => Vec::new(),
    }
}

fn constrained_kinds(constraints: &NameConstraints<'_>) -> Vec<&'static str> {
    let trees = [&constraints.permitted_subtrees, &constraints.excluded_subtrees];
    unsupported(trees.into_iter().flatten().flatten().map(|tree| &tree.base))
}

/// The same for the certificate of an intermediate.
pub(super) fn constraints_of(certificate: &X509Certificate<'_>) -> Vec<&'static str> {
    match certificate.name_constraints() {
        Ok(Some(constraints)) => constrained_kinds(constraints.value),
        _ => Vec::new(),
    }
}

/// The kinds of names in a certificate that webpki cannot compare with constraints. Every
/// certificate has a directory name: its subject.
pub(super) fn names_of(certificate: &X509Certificate<'_>) -> Vec<&'static str> {
    let mut kinds = match certificate.subject_alternative_name() {
        Ok(Some(names)) => unsupported(names.value.general_names.iter()),
        _ => Vec::new(),
    };
    kinds.push("directory names");
    kinds
}

/// The URIs among the subject alternative names of a certificate, also those that are not ASCII; empty if
/// it cannot be read.
pub(super) fn uris(der: &[u8]) -> Vec<String> {
    let certificate = certificate(der);
    let names = certificate.as_ref().and_then(|it| it.subject_alternative_name().ok().flatten());
    let names = names.iter().flat_map(|names| &names.value.general_names);
    names
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            GeneralName::Invalid(Tag(6), bytes) => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        })
        .collect()
}

/// The critical extensions of a certificate that webpki does not know.
pub(super) fn unknown_critical_extensions(certificate: &X509Certificate<'_>) -> Vec<String> {
    certificate
        .extensions()
        .iter()
        .filter(|extension| extension.critical)
        .filter(|extension| {
            !matches!(
                extension.parsed_extension(),
                ParsedExtension::KeyUsage(_)
                    | ParsedExtension::SubjectAlternativeName(_)
                    | ParsedExtension::BasicConstraints(_)
                    | ParsedExtension::NameConstraints(_)
                    | ParsedExtension::CRLDistributionPoints(_)
                    | ParsedExtension::ExtendedKeyUsage(_)
                    | ParsedExtension::SCT(_)
            )
        })
        .map(|extension| oid_text(&extension.oid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_it() {
        let written = |seconds| rfc3339(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        assert_eq!(written(0), "1970-01-01T00:00:00Z");
        assert_eq!(written(1_795_845_599), "2026-11-28T05:59:59Z");
        assert_eq!(written(253_402_300_799), "9999-12-31T23:59:59Z");
        assert_eq!(written(u64::MAX), "9223372036854775807 seconds after 1970");
    }

    #[test]
    fn names_in_two_encodings_are_equal_and_others_are_not() {
        let name = |tag: u8, text: &str| {
            let length = u8::try_from(text.len()).unwrap();
            let head = [0x31, length + 9, 0x30, length + 7, 6, 3, 0x55, 4, 3, tag, length];
            Name::of(&[&head[..], text.as_bytes()].concat())
        };
        const UTF8: u8 = 0x0c;
        const PRINTABLE: u8 = 0x13;
        const IA5: u8 = 0x16;
        assert!(name(UTF8, "Client  CA ").is(&name(PRINTABLE, "client ca")));
        assert!(!name(UTF8, "client ca").is(&name(UTF8, "clientca")));
        assert!(!name(UTF8, "client ca").is(&name(IA5, "client ca")));
        // A name that cannot be parsed equals only itself.
        let odd = |end: u8| Name::of(&[0x31, 1, end]);
        assert!(odd(1).is(&odd(1)) && !odd(1).is(&odd(2)) && !odd(1).is(&Name::of(&[])));
    }
}
