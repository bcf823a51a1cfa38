//! Fields that tell servers behind about a client's certificate, for servers that do not know
//! `Client-Cert` (RFC 9440).
//!
//! All values consist of visible ASCII characters and spaces. Other characters are escaped in the way
//! of the value's own format, so that no certificate can end a field or forge another one:
//!
//! | value | content | escapes | without it |
//! |---|---|---|---|
//! | `subject`, `issuer` | the name in the form of RFC 4514 | `\c3\a4`, as RFC 4514 has it | |
//! | `serial` | the serial number, in hexadecimal digits | | |
//! | `fingerprint` | SHA-256 of the certificate, in hexadecimal digits | | |
//! | `spiffe-id` | the certificate's URI, if it is the only one and its scheme is `spiffe` | | not set |
//! | `dns-names` | the DNS names among the alternative names, with commas between | `%2C` | not set |
//! | `pem` | the certificate in PEM | as in a URL, like nginx's `$ssl_client_escaped_cert` | |
//! | `der` | the certificate in Base64 | | |
//! | `not-before`, `not-after` | the validity in UTC, as `2026-01-31T23:59:59Z` (RFC 3339) | | not set |
//! | `scope` | the scope in which the client is authenticated | `%C3%A4` | |
//! | `verify` | `SUCCESS` | | `NONE` |
//!
//! Except `verify`, the fields are not set for clients that are not authenticated in one of the scopes
//! that the table names. The fields of clients with these names are always removed.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls_ext::http::client_cert::fold;
use rustls_ext::http::server::{AlternativeName, Caller, Identity};
use serde::Deserialize;
use tracing::warn;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::fields::{FieldsError, check_settable};

/// What a field contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// The subject, in the form of RFC 4514.
    Subject,
    /// The issuer, in the form of RFC 4514.
    Issuer,
    /// The serial number, in hexadecimal digits.
    Serial,
    /// SHA-256 of the certificate, in hexadecimal digits.
    Fingerprint,
    /// The only URI among the alternative names, if it is a SPIFFE ID.
    SpiffeId,
    /// The DNS names among the alternative names, with commas between.
    DnsNames,
    /// The certificate in PEM, escaped as in a URL.
    Pem,
    /// The certificate in Base64.
    Der,
    /// The beginning of the validity, in the form of RFC 3339.
    NotBefore,
    /// The end of the validity, in the form of RFC 3339.
    NotAfter,
    /// The scope in which the client is authenticated.
    Scope,
    /// `SUCCESS` if the client is authenticated, otherwise `NONE`.
    Verify,
}

/// The fields that are set, and the scopes whose identities they pass on.
#[derive(Clone, Debug, Default)]
pub(super) struct Templates {
    set: Vec<(HeaderName, Value)>,
    scopes: Vec<String>,
}

impl Templates {
    /// Takes the fields to set, and the scopes.
    ///
    /// # Errors
    /// If a field cannot be set, or one of the two is empty and the other is not.
    pub(super) fn new(
        set: &BTreeMap<String, Value>,
        scopes: &[String],
    ) -> Result<Self, FieldsError> {
        match (set.is_empty(), scopes.is_empty()) {
            (true, false) => return Err(FieldsError::NoFields),
            (false, true) => return Err(FieldsError::NoScopes),
            _ => {}
        }
        let mut folded = HashSet::new();
        let mut this = Self { set: Vec::new(), scopes: scopes.to_vec() };
        for (text, value) in set {
            let name = HeaderName::from_bytes(text.as_bytes())
                .map_err(|_| FieldsError::Name(text.clone()))?;
            check_settable(&name)?;
            if !folded.insert(fold(name.as_str()).into_owned()) {
                return Err(FieldsError::SetTwice(text.clone()));
            }
            this.set.push((name, *value));
        }
        Ok(this)
    }

    /// Returns the names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.set.iter().map(|(name, _)| name)
    }

    /// Returns the scopes.
    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Sets the fields of a request. Those of the client must have been removed.
    pub(super) fn apply(&self, request: &mut Parts) {
        if self.set.is_empty() {
            return;
        }
        let identity = Caller::of(&request.extensions)
            .ok()
            .and_then(|caller| self.scopes.iter().find_map(|scope| caller.identity(scope)));
        for (name, value) in &self.set {
            let text = match &identity {
                Some(identity) => text(*value, identity),
                None => (*value == Value::Verify).then(|| "NONE".into()),
            };
            let Some(text) = text else { continue };
            match HeaderValue::from_str(&text) {
                Ok(value) => drop(request.headers.insert(name, value)),
                Err(_) => warn!(%name, ?value, "a certificate's value does not fit into a field"),
            }
        }
    }
}

/// Returns the text of a value, in visible ASCII characters and spaces. `None` if the certificate
/// does not have it.
fn text(value: Value, identity: &Identity) -> Option<String> {
    let certificate = identity.certificate();
    let der = identity.chain().first()?;
    let hexadecimal = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    Some(match value {
        Value::Subject => escape_name(certificate.subject().ok()?),
        Value::Issuer => escape_name(certificate.issuer().ok()?),
        Value::Serial => certificate.serial().ok()?.to_owned(),
        Value::Fingerprint => hexadecimal(certificate.fingerprint().as_bytes()),
        Value::SpiffeId => certificate.spiffe_id().ok()?.to_owned(),
        Value::DnsNames => dns_names(certificate.alternative_names().ok()?)?,
        Value::Pem => pem(der),
        Value::Der => STANDARD.encode(der),
        Value::NotBefore => rfc3339(validity(der)?.0),
        Value::NotAfter => rfc3339(validity(der)?.1),
        Value::Scope => utf8_percent_encode(identity.scope(), &IN_TEXT).to_string(),
        Value::Verify => "SUCCESS".into(),
    })
}

/// What is escaped in text: the sign of escapes, and all that is not visible ASCII or a space.
const IN_TEXT: AsciiSet = CONTROLS.add(b'%');
/// The same in a list.
const IN_LIST: AsciiSet = IN_TEXT.add(b',').add(b' ');
/// What is escaped in a part of a URL (RFC 3986 section 2.3).
const IN_URL: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Escapes a name in the form of RFC 4514: bytes that are not visible ASCII or a space become pairs of
/// hexadecimal digits (section 2.4).
fn escape_name(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte == b' ' || byte.is_ascii_graphic() {
            text.push(byte.into());
        } else {
            let _ = write!(text, "\\{byte:02x}");
        }
        text
    })
}

/// Returns the DNS names, with commas between. `None` if there are none.
fn dns_names(names: &[AlternativeName]) -> Option<String> {
    let names = names.iter().filter_map(|name| match name {
        AlternativeName::Dns(name) => Some(Cow::from(utf8_percent_encode(name, &IN_LIST))),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| names.join(","))
}

fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in base64.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    utf8_percent_encode(&pem, &IN_URL).to_string()
}

fn validity(der: &[u8]) -> Option<(ASN1Time, ASN1Time)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some((validity.not_before, validity.not_after))
}

fn rfc3339(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_stay_names_of_rfc_4514() {
        for (name, expected) in [
            ("CN=a\\, b,O=c", "CN=a\\, b,O=c"),
            ("CN=Jürgen", "CN=J\\c3\\bcrgen"),
            ("CN=a\r\nX-Admin: 1", "CN=a\\0d\\0aX-Admin: 1"),
            ("", ""),
        ] {
            assert_eq!(escape_name(name), expected);
        }
    }

    #[test]
    fn dns_names_are_a_list_that_a_name_cannot_extend() {
        let names = [
            AlternativeName::Dns("a.example".into()),
            AlternativeName::Email("x@y".into()),
            AlternativeName::Dns("*.b.example,admin.example%2C".into()),
        ];
        assert_eq!(dns_names(&names).unwrap(), "a.example,*.b.example%2Cadmin.example%252C");
        assert_eq!(dns_names(&[]), None);
    }

    #[test]
    fn pem_is_escaped_like_that_of_nginx() {
        assert_eq!(
            pem(&[0xfb; 49]),
            "-----BEGIN%20CERTIFICATE-----%0A\
             %2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7\
             %2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%2B%2Fv7%0A%2Bw%3D%3D%0A-----END%20CERTIFICATE-----%0A"
        );
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let time = ASN1Time::from_timestamp(4_102_444_799).unwrap();
        assert_eq!(rfc3339(time), "2099-12-31T23:59:59Z");
    }
}
