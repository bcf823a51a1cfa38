//! Writes distinguished names (in DER) as text (RFC 4514).
//!
//! The parser is written here, over bytes, because the text must be complete for any name that a
//! verifier accepts. Parsers of certificates give up on values that they cannot decode, and do not
//! keep the bytes that RFC 4514 section 2.4 then requires.

use std::fmt::Write;

use rustls::pki_types::CertificateDer;

/// Attribute types with a short name, by the content bytes of their OID: those of RFC 4514 section
/// 3, then others of the LDAP registry (RFC 4520).
const SHORT_NAMES: [(&[u8], &str); 21] = [
    (COMMON_NAME, "CN"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 9], "STREET"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 25], "DC"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 1], "UID"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 44], "generationQualifier"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// Writes the distinguished name in `name`, the DER of an X.501 `Name`, as text (RFC 4514): the
/// most specific part first, as in `CN=agent 7,O=Example,C=DE`.
///
/// Two names give the same text only if they have the same attributes in the same order with the
/// same text in them. Their ASN.1 string types may differ:
///
/// | value | is written as |
/// |---|---|
/// | UTF8String, PrintableString, IA5String, NumericString, VisibleString | its text |
/// | BMPString, UniversalString | its text (UTF-16 and UTF-32) |
/// | T61String (TeletexString) | its text, read as Latin-1, as OpenSSL does |
/// | another ASN.1 type, bytes that are not text of their type, or an attribute type without a short name | `#` and the whole DER of the value, tag and length included, in hexadecimal digits (RFC 4514 section 2.4) |
///
/// Characters that have a meaning in RFC 4514 are escaped with a backslash. Control characters,
/// line ends, invisible characters, characters that change the direction of text, and spaces other
/// than U+0020 are escaped as hexadecimal digits of their UTF-8 bytes. So the text is one line and
/// shows every character. Letters that only look alike, such as Latin and Cyrillic `a`, are not
/// distinguished.
///
/// An empty name gives an empty text. Bytes that are not a well-formed `Name` give `#` and all of
/// the bytes in hexadecimal digits, which no well-formed name gives.
pub fn rfc4514(name: &[u8]) -> String {
    match Attribute::all_of(name) {
        Some(parts) => {
            let part = |part: &Vec<Attribute<'_>>| {
                part.iter().map(Attribute::written).collect::<Vec<_>>().join("+")
            };
            parts.iter().rev().map(part).collect::<Vec<_>>().join(",")
        }
        None => hexadecimal(name),
    }
}

/// Writes the subject of a certificate as [`rfc4514`] does.
///
/// Bytes that are not a certificate give a text in parentheses, which no name gives.
pub fn subject_of(certificate: &CertificateDer<'_>) -> String {
    match subject(certificate) {
        Some(name) => rfc4514(name),
        None => "(a certificate that cannot be read)".into(),
    }
}

/// The DER of the subject's name (RFC 5280 section 4.1).
fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader(certificate);
    let mut certificate = Reader(outer.expect(SEQUENCE)?.content);
    let mut fields = Reader(certificate.expect(SEQUENCE)?.content);
    let first = fields.next()?;
    // `version` is absent in version 1.
    if first.tag == CONTEXT_0 {
        fields.expect(INTEGER)?; // serialNumber
    } else if first.tag != INTEGER {
        return None;
    }
    fields.expect(SEQUENCE)?; // signature
    fields.expect(SEQUENCE)?; // issuer
    fields.expect(SEQUENCE)?; // validity
    fields.expect(SEQUENCE).map(|subject| subject.whole)
}

/// One attribute of a name.
struct Attribute<'a> {
    /// The content bytes of its type's OID, which is well-formed.
    oid: &'a [u8],
    value: Tlv<'a>,
}

impl<'a> Attribute<'a> {
    /// The attributes of each relative distinguished name, in the order of the DER.
    fn all_of(name: &'a [u8]) -> Option<Vec<Vec<Self>>> {
        let mut outer = Reader(name);
        let mut parts = Reader(outer.expect(SEQUENCE)?.content);
        outer.end()?;
        let mut all = Vec::new();
        while !parts.0.is_empty() {
            let mut attributes = Reader(parts.expect(SET)?.content);
            let mut part = Vec::new();
            while !attributes.0.is_empty() {
                let mut pair = Reader(attributes.expect(SEQUENCE)?.content);
                let oid = pair.expect(OID)?.content;
                let value = pair.next()?;
                pair.end()?;
                dotted(oid)?;
                part.push(Self { oid, value });
            }
            // An empty set would be written as if it were absent.
            if part.is_empty() {
                return None;
            }
            all.push(part);
        }
        Some(all)
    }

    fn written(&self) -> String {
        let short = SHORT_NAMES.iter().find(|(oid, _)| *oid == self.oid).map(|(_, short)| *short);
        match (short, text(&self.value)) {
            (Some(short), Some(text)) => format!("{short}={}", escaped(&text)),
            (Some(short), None) => format!("{short}={}", hexadecimal(self.value.whole)),
            (None, _) => {
                let oid = dotted(self.oid).unwrap_or_default();
                format!("{oid}={}", hexadecimal(self.value.whole))
            }
        }
    }
}

/// The texts of the common names in `name`, in order; `None` for a value that is not text.
#[cfg(feature = "http")]
pub(crate) fn common_names(name: &[u8]) -> Option<Vec<Option<String>>> {
    let parts = Attribute::all_of(name)?;
    let common = parts.iter().flatten().filter(|attribute| attribute.oid == COMMON_NAME);
    Some(common.map(|attribute| text(&attribute.value)).collect())
}

/// The text of a value, if its type is a string type and its bytes are text of that type.
fn text(value: &Tlv<'_>) -> Option<String> {
    let content = value.content;
    match value.tag {
        UTF8_STRING => std::str::from_utf8(content).ok().map(str::to_owned),
        NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
            let text = std::str::from_utf8(content).ok()?;
            text.is_ascii().then(|| text.to_owned())
        }
        T61_STRING => Some(content.iter().copied().map(char::from).collect()),
        BMP_STRING => {
            let units = content.chunks(2).map(|unit| <[u8; 2]>::try_from(unit).ok());
            let units: Vec<_> =
                units.map(|unit| unit.map(u16::from_be_bytes)).collect::<Option<_>>()?;
            String::from_utf16(&units).ok()
        }
        UNIVERSAL_STRING => {
            let unit = |unit| char::from_u32(u32::from_be_bytes(<[u8; 4]>::try_from(unit).ok()?));
            content.chunks(4).map(unit).collect()
        }
        _ => None,
    }
}

/// Escapes characters that have a meaning in RFC 4514 (section 2.4), and invisible ones.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', c]),
            '#' if at == 0 => escaped.push_str("\\#"),
            ' ' if at == 0 || at == last => escaped.push_str("\\ "),
            c if is_invisible(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(escaped, "\\{byte:02x}");
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns true for characters that hide their neighbours, change their direction or position, or
/// look like the space U+0020: controls, white space, and `Default_Ignorable_Code_Point` of
/// Unicode.
pub(crate) fn is_invisible(c: char) -> bool {
    let is_other_space = c.is_whitespace() && c != ' ';
    c.is_control()
        || is_other_space
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("#".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An OID as numbers with dots (X.690 section 8.19), if it is well-formed and the numbers fit.
fn dotted(oid: &[u8]) -> Option<String> {
    let mut text = String::new();
    let (mut number, mut begins) = (0u64, true);
    for byte in oid {
        if begins && *byte == 0x80 {
            return None; // a superfluous leading zero
        }
        number = number.checked_mul(128)? | u64::from(byte & 0x7f);
        begins = byte & 0x80 == 0;
        if begins {
            if text.is_empty() {
                let root = (number / 40).min(2);
                let _ = write!(text, "{root}.{}", number - 40 * root);
            } else {
                let _ = write!(text, ".{number}");
            }
            number = 0;
        }
    }
    (begins && !oid.is_empty()).then_some(text)
}

const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;

/// An ASN.1 value in DER.
#[derive(Clone, Copy)]
struct Tlv<'a> {
    /// The identifier byte: class, whether it is constructed, and number.
    tag: u8,
    content: &'a [u8],
    /// The value with its tag and length.
    whole: &'a [u8],
}

/// The unread rest of some DER (X.690).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the next value. Lengths must be definite and as short as possible; tags of more than
    /// one byte are not supported.
    fn next(&mut self) -> Option<Tlv<'a>> {
        let all = self.0;
        let (&tag, rest) = all.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let bytes = usize::from(first & 0x7f);
            let (bytes, rest) = rest.split_at_checked(bytes).filter(|_| bytes <= 4)?;
            let length = bytes.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte));
            let is_shortest = length >= 0x80 && bytes.first() != Some(&0);
            (usize::try_from(length).ok().filter(|_| is_shortest)?, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let (whole, _) = all.split_at_checked(all.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some(Tlv { tag, content, whole })
    }

    /// Reads the next value, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<Tlv<'a>> {
        self.next().filter(|value| value.tag == tag)
    }

    /// Checks that nothing is left.
    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests;
