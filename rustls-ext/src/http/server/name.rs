//! Distinguished names as text that means one name only.

use std::fmt::Write;

use x509_parser::oid_registry::{OID_X509_COMMON_NAME, OidRegistry};
use x509_parser::prelude::{AttributeTypeAndValue, X509Name, oid2abbrev};

use super::CertificateError;

/// The form of RFC 4514, most specific part first.
pub(super) fn rfc4514(name: &X509Name<'_>) -> String {
    let registry = OidRegistry::default();
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|part| part.iter().map(|attribute| pair(attribute, &registry)).collect::<Vec<_>>())
        .map(|attributes| attributes.join("+"))
        .collect();
    parts.reverse();
    parts.join(",")
}

fn pair(attribute: &AttributeTypeAndValue<'_>, registry: &OidRegistry<'_>) -> String {
    let oid = attribute.attr_type();
    match (oid2abbrev(oid, registry), attribute.as_str()) {
        (Ok(short), Ok(text)) => format!("{short}={}", escape(text)),
        // What is no text, or of no known type, is written in hexadecimal digits (section 2.4).
        (short, _) => {
            let mut written = short.map_or_else(|_| oid.to_id_string(), str::to_owned);
            written.push_str("=#");
            for octet in attribute.as_slice() {
                let _ = write!(written, "{octet:02x}");
            }
            written
        }
    }
}

/// RFC 4514 section 2.4, and control characters.
fn escape(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', c]),
            '#' if at == 0 => escaped.push_str("\\#"),
            ' ' if at == 0 || at == last => escaped.push_str("\\ "),
            c if is_invisible(c) => {
                for octet in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(escaped, "\\{octet:02x}");
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// What would hide, or change the direction of, what stands beside it.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

pub(super) fn common_name(name: &X509Name<'_>) -> Result<String, CertificateError> {
    const WHAT: &str = "common name";
    let mut found = name.iter_attributes().filter(|a| *a.attr_type() == OID_X509_COMMON_NAME);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(CertificateError::Ambiguous(WHAT)),
        (None, _) => Err(CertificateError::Missing(WHAT)),
        (Some(one), None) => match one.as_str() {
            Ok("") => Err(CertificateError::Missing(WHAT)),
            Ok(text) if text.chars().any(is_invisible) => Err(CertificateError::NotText(WHAT)),
            Ok(text) => Ok(text.into()),
            Err(_) => Err(CertificateError::NotText(WHAT)),
        },
    }
}
