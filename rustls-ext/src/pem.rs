//! A strict reader of PEM files (RFC 7468): it reads all of a file, or the error names the line.
//!
//! rustls-pki-types decodes the base64, since it decodes keys in constant time. The sections are
//! found here: that crate's reader skips every line that it does not know, so that a certificate
//! behind a damaged boundary would be missing without an error.

use std::fmt;

use rustls::pki_types::pem::{Error as DecodeError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// The first byte of a structure in DER: a SEQUENCE, whose inner tag depends on the kind.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The kinds of sections that files are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Certificate,
    Crl,
    PrivateKey,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Crl => "certificate revocation list",
            Self::PrivateKey => "private key",
        }
    }

    /// Returns true if `der` has the outline of this kind: one SEQUENCE with nothing after it,
    /// whose first element is the signed SEQUENCE or the version of a key.
    fn fits(self, der: &[u8]) -> bool {
        let inner = match self {
            Self::Certificate | Self::Crl => SEQUENCE,
            Self::PrivateKey => INTEGER,
        };
        let Some((&SEQUENCE, rest)) = der.split_first() else { return false };
        let Some((&first, rest)) = rest.split_first() else { return false };
        let (length, content) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let Some((length, content)) = rest.split_at_checked(usize::from(first & 0x7f))
                else {
                    return false;
                };
                (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), content)
            }
            _ => return false,
        };
        content.len() == length && content.first() == Some(&inner)
    }
}

/// A structure in DER that files are read for.
pub(crate) trait Item: PemObject {
    const KIND: Kind;

    fn der(&self) -> &[u8];

    fn from_der(der: Vec<u8>) -> Option<Self>;
}

impl Item for CertificateDer<'static> {
    const KIND: Kind = Kind::Certificate;

    fn der(&self) -> &[u8] {
        self
    }

    fn from_der(der: Vec<u8>) -> Option<Self> {
        Some(der.into())
    }
}

impl Item for CertificateRevocationListDer<'static> {
    const KIND: Kind = Kind::Crl;

    fn der(&self) -> &[u8] {
        self
    }

    fn from_der(der: Vec<u8>) -> Option<Self> {
        Some(der.into())
    }
}

impl Item for PrivateKeyDer<'static> {
    const KIND: Kind = Kind::PrivateKey;

    fn der(&self) -> &[u8] {
        self.secret_der()
    }

    fn from_der(der: Vec<u8>) -> Option<Self> {
        der.try_into().ok()
    }
}

/// Why a file's content cannot be used.
pub(crate) enum Unusable {
    NotPem(PemError),
    NotDer(&'static str),
    NotText,
    Missing {
        expected: &'static str,
        /// The labels of the other sections, each once.
        found: Vec<String>,
    },
    EncryptedKey,
}

impl From<PemError> for Unusable {
    fn from(err: PemError) -> Self {
        Self::NotPem(err)
    }
}

/// Reads all items of one kind from the content of a PEM file, or the one item of a DER file.
///
/// Returns at least one item, and exactly one if it is a private key.
pub(crate) fn read<T: Item>(text: &[u8]) -> Result<Vec<T>, Unusable> {
    // A text that begins with the digit 0, which is the same byte as SEQUENCE, continues in ASCII.
    if let [SEQUENCE, 0x80..=0x84, ..] = text {
        let item = T::from_der(text.to_vec()).filter(|item| T::KIND.fits(item.der()));
        return Ok(vec![item.ok_or(Unusable::NotDer(T::KIND.name()))?]);
    }
    // Some shells on Windows write UTF-16.
    if text.contains(&0) {
        return Err(Unusable::NotText);
    }
    let mut items = Vec::new();
    let mut found = Vec::new();
    for section in sections(text)? {
        let Some(label) = section.wanted(T::KIND)? else {
            if found.iter().all(|it| it != section.label) {
                found.push(section.label.to_owned());
            }
            continue;
        };
        if T::KIND == Kind::PrivateKey && !items.is_empty() {
            return Err(section.error(PemProblem::SecondKey).into());
        }
        items.push(section.decode(label)?);
    }
    if items.is_empty() {
        Err(Unusable::Missing { expected: T::KIND.name(), found })
    } else {
        Ok(items)
    }
}

/// A section of a file: the data between two boundaries with the same label.
struct Section<'a> {
    label: &'a str,
    /// The number of the line with its first boundary; the file's first line is 1.
    line: usize,
    /// The rest of that line, and the lines up to the last boundary.
    body: Vec<u8>,
}

impl Section<'_> {
    /// Returns the label that rustls-pki-types has for this section, if it is of this kind.
    ///
    /// Sections of other kinds are skipped: a key beside its certificate is common. An unknown
    /// label may be misspelt, so it is an error, and so is a section whose loss would go unnoticed.
    fn wanted(&self, kind: Kind) -> Result<Option<&'static str>, Unusable> {
        let (of, label) = match self.label {
            // RFC 7468 sections 5.1 and 6 allow the older labels for backward compatibility. Of
            // these, OpenSSL reads `X509 CERTIFICATE`.
            "CERTIFICATE" | "X509 CERTIFICATE" | "X.509 CERTIFICATE" => {
                (Kind::Certificate, "CERTIFICATE")
            }
            "X509 CRL" | "CRL" if kind == Kind::Certificate => {
                return Err(self.error(PemProblem::ListAmongCertificates).into());
            }
            "X509 CRL" | "CRL" => (Kind::Crl, "X509 CRL"),
            "PRIVATE KEY" => (Kind::PrivateKey, "PRIVATE KEY"),
            "RSA PRIVATE KEY" => (Kind::PrivateKey, "RSA PRIVATE KEY"),
            "EC PRIVATE KEY" => (Kind::PrivateKey, "EC PRIVATE KEY"),
            "ENCRYPTED PRIVATE KEY" if kind == Kind::PrivateKey => {
                return Err(Unusable::EncryptedKey);
            }
            "DSA PRIVATE KEY" if kind == Kind::PrivateKey => {
                return Err(self.unsupported("DSA keys cannot be used: create an ECDSA or RSA key"));
            }
            "OPENSSH PRIVATE KEY" if kind == Kind::PrivateKey => {
                return Err(self.unsupported("`ssh-keygen -p -m PKCS8 -f FILE` converts the file"));
            }
            // It has trust settings after the certificate, which would be lost.
            "TRUSTED CERTIFICATE" if kind == Kind::Certificate => {
                return Err(self.unsupported(
                    "`openssl x509 -in FILE -out NEW` converts it, without its trust settings",
                ));
            }
            "CERTIFICATE CHAIN" | "CMS" | "PKCS #7 SIGNED DATA" | "PKCS7"
                if kind != Kind::PrivateKey =>
            {
                return Err(self.unsupported(
                    "`openssl pkcs7 -print_certs -in FILE -out NEW` extracts its content",
                ));
            }
            "ATTRIBUTE CERTIFICATE"
            | "CERTIFICATE CHAIN"
            | "CERTIFICATE REQUEST"
            | "CMS"
            | "DH PARAMETERS"
            | "DSA PARAMETERS"
            | "DSA PRIVATE KEY"
            | "EC PARAMETERS"
            | "ECHCONFIG"
            | "ENCRYPTED PRIVATE KEY"
            | "NEW CERTIFICATE REQUEST"
            | "OPENSSH PRIVATE KEY"
            | "PKCS #7 SIGNED DATA"
            | "PKCS7"
            | "PUBLIC KEY"
            | "RSA PUBLIC KEY"
            | "SSL SESSION PARAMETERS"
            | "TRUSTED CERTIFICATE"
            | "X9.42 DH PARAMETERS" => return Ok(None),
            _ => return Err(self.error(PemProblem::UnknownLabel(shown(self.label))).into()),
        };
        Ok((of == kind).then_some(label))
    }

    fn decode<T: Item>(&self, label: &str) -> Result<T, Unusable> {
        // Header fields of RFC 1421: those of encrypted keys, and others, which are not allowed
        // here.
        if self.body.contains(&b':') {
            const ENCRYPTED: &[u8] = b"ENCRYPTED";
            let encrypted = self.body.windows(ENCRYPTED.len()).any(|found| found == ENCRYPTED);
            return Err(if T::KIND == Kind::PrivateKey && encrypted {
                Unusable::EncryptedKey
            } else {
                self.error_where(PemProblem::Header, |byte| *byte == b':').into()
            });
        }
        let label = label.as_bytes();
        let text =
            [b"-----BEGIN ", label, b"-----\n", &*self.body, b"\n-----END ", label, b"-----"];
        let item = T::from_pem_slice(&text.concat()).map_err(|err| match err {
            DecodeError::Base64Decode(_) => self.error_where(PemProblem::NotBase64, |byte| {
                !byte.is_ascii_alphanumeric() && !b"+/=\t\r\n\x0b\x0c ".contains(byte)
            }),
            err => self.error(PemProblem::Undecodable(err)),
        })?;
        if T::KIND.fits(item.der()) {
            Ok(item)
        } else {
            Err(self.error(PemProblem::NotDer(T::KIND.name())).into())
        }
    }

    fn unsupported(&self, instead: &'static str) -> Unusable {
        self.error(PemProblem::Unsupported { label: shown(self.label), instead }).into()
    }

    fn error(&self, problem: PemProblem) -> PemError {
        PemError { line: self.line, problem }
    }

    /// Returns an error for the first line that contains a byte for which `is` returns true, or for
    /// the first boundary if there is none.
    fn error_where(&self, problem: PemProblem, is: impl Fn(&u8) -> bool) -> PemError {
        let found = self.body.split(|byte| *byte == b'\n').position(|line| line.iter().any(&is));
        PemError { line: self.line + found.unwrap_or_default(), problem }
    }
}

/// Finds the sections of a file.
///
/// Follows the lax grammar of RFC 7468 section 3, line by line: boundaries may be indented, and may
/// share lines with each other and with base64. Text between sections is skipped, unless it is
/// beside a boundary or looks like a boundary.
fn sections(text: &[u8]) -> Result<Vec<Section<'_>>, PemError> {
    let mut found = Vec::new();
    let mut open: Option<Section<'_>> = None;
    for (number, line) in lines(text) {
        let error = |problem| PemError { line: number, problem };
        let (mut rest, mut beside) = (line, false);
        while let Some((before, boundary, after)) = next_boundary(rest) {
            if looks_like_boundary(before) {
                return Err(error(PemProblem::BrokenBoundary));
            }
            match (boundary, open.take()) {
                (Boundary::Begin(_), Some(section)) => {
                    return Err(section.error(PemProblem::NoEnd(shown(section.label))));
                }
                (Boundary::Begin(_), None) if !trim(before).is_empty() => {
                    return Err(error(PemProblem::TextBesideBoundary));
                }
                (Boundary::Begin(label), None) => {
                    open = Some(Section { label, line: number, body: Vec::new() });
                }
                (Boundary::End(label), None) => {
                    return Err(error(PemProblem::NoBegin(shown(label))));
                }
                (Boundary::End(label), Some(section)) if label != section.label => {
                    let (label, begin) = (shown(label), shown(section.label));
                    return Err(error(PemProblem::OtherEnd { label, begin, line: section.line }));
                }
                (Boundary::End(_), Some(mut section)) => {
                    section.body.extend(before);
                    found.push(section);
                }
            }
            (rest, beside) = (after, true);
        }
        if looks_like_boundary(rest) {
            return Err(error(PemProblem::BrokenBoundary));
        }
        if let Some(section) = &mut open {
            section.body.extend(rest);
            section.body.push(b'\n');
        } else if beside && !trim(rest).is_empty() {
            return Err(error(PemProblem::TextBesideBoundary));
        }
    }
    match open {
        None => Ok(found),
        Some(section) => Err(section.error(PemProblem::NoEnd(shown(section.label)))),
    }
}

/// The lines of a text with their numbers, for any kind of line end.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split(|byte| *byte == b'\n')
        .flat_map(|line| line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b'\r'))
        .zip(1..)
        .map(|(line, number)| (number, line))
}

#[derive(Clone, Copy)]
enum Boundary<'a> {
    Begin(&'a str),
    End(&'a str),
}

/// Finds the first complete boundary of a line, the text before it, and the text after it.
fn next_boundary(line: &[u8]) -> Option<(&[u8], Boundary<'_>, &[u8])> {
    const HYPHENS: &[u8] = b"-----";
    if !line.contains(&b'-') {
        return None;
    }
    (0..line.len()).find_map(|at| {
        let (before, here) = line.split_at_checked(at)?;
        let here = here.strip_prefix(HYPHENS)?;
        let (begins, here) = match here.strip_prefix(b"BEGIN ") {
            Some(here) => (true, here),
            None => (false, here.strip_prefix(b"END ")?),
        };
        let end = here.windows(HYPHENS.len()).position(|found| found == HYPHENS)?;
        let (label, after) = here.split_at_checked(end)?;
        let label = std::str::from_utf8(label).ok()?;
        let boundary = if begins { Boundary::Begin(label) } else { Boundary::End(label) };
        Some((before, boundary, after.strip_prefix(HYPHENS)?))
    })
}

/// Returns true for common mistakes in boundaries: another number or kind of dashes, lower case, an
/// extra space, a prefix.
fn looks_like_boundary(text: &[u8]) -> bool {
    if !text.iter().any(|byte| *byte == b'-' || !byte.is_ascii()) {
        return false;
    }
    let is_dash = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let text = String::from_utf8_lossy(trim(text)).to_ascii_uppercase();
    let word = text.trim_start_matches(is_dash);
    let dashes = text.chars().take_while(|c| is_dash(*c)).count();
    let is_mark = |mark: &&str| {
        let rest = word.trim_start().strip_prefix(mark);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    dashes > 1 && ["BEGIN", "END"].iter().any(is_mark)
        || text.contains("-----BEGIN")
        || text.contains("-----END")
}

/// Removes white space and byte order marks at the start and the end.
fn trim(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii();
        let rest = text.strip_prefix(BYTE_ORDER_MARK);
        match rest.or_else(|| text.strip_suffix(BYTE_ORDER_MARK)) {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

/// The part of a label that messages show.
fn shown(label: &str) -> String {
    label.chars().take(40).collect()
}

/// A line of a PEM file that is not understood, and why.
#[derive(Debug)]
#[non_exhaustive]
pub struct PemError {
    /// The number of the line; the first one is 1.
    pub line: usize,
    /// What is wrong with the line, or with the section that begins there.
    pub problem: PemProblem,
}

/// The problem with a line or section of a PEM file (RFC 7468).
#[derive(Debug)]
#[non_exhaustive]
pub enum PemProblem {
    /// The line looks like a boundary, but is not a complete one.
    BrokenBoundary,
    /// There is text before or after a boundary.
    TextBesideBoundary,
    /// A section with this label ends, but did not begin.
    NoBegin(String),
    /// A section with this label begins, but does not end.
    NoEnd(String),
    /// A section ends with a different label from the one that it began with.
    OtherEnd {
        /// The label at its end.
        label: String,
        /// The label that it began with.
        begin: String,
        /// The line on which it began.
        line: usize,
    },
    /// There are header fields (RFC 1421) in a section.
    Header,
    /// A section is not base64.
    NotBase64,
    /// A section cannot be decoded for another reason, such as its size.
    Undecodable(DecodeError),
    /// A section is not one structure of this kind in DER, or is truncated.
    NotDer(&'static str),
    /// A section has an unknown label.
    UnknownLabel(String),
    /// A section is of a kind that must be converted first.
    Unsupported {
        /// Its label.
        label: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A revocation list is in a file that is read for certificates.
    ListAmongCertificates,
    /// The file contains more than one private key.
    SecondKey,
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl fmt::Display for PemProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenBoundary => f.write_str(
                "this looks like a PEM boundary, but is not one: write `-----BEGIN LABEL-----` or \
                 `-----END LABEL-----`, with five hyphens on either side",
            ),
            Self::TextBesideBoundary => f.write_str(
                "there is text beside a PEM boundary: put the boundary on a line of its own",
            ),
            Self::NoBegin(label) => write!(
                f,
                "a section {label:?} has an end here, but no beginning: put its first line, `-----BEGIN \
                 {label}-----`, before it"
            ),
            Self::NoEnd(label) => write!(
                f,
                "the section {label:?} that begins here has no end: put its last line, `-----END \
                 {label}-----`, after it"
            ),
            Self::OtherEnd { label, begin, line } => write!(
                f,
                "the section {begin:?} that begins on line {line} ends with the label {label:?}: \
                 use the same label"
            ),
            Self::Header => f.write_str(
                "there is a header field in the section, which RFC 7468 does not allow: remove it",
            ),
            Self::NotBase64 => {
                f.write_str("the section is not base64: copy or export it once more")
            }
            Self::Undecodable(_) => f.write_str("the section cannot be decoded"),
            Self::NotDer(what) => write!(
                f,
                "the section is not exactly one {what}, or is truncated: copy or export it once \
                 more"
            ),
            Self::UnknownLabel(label) => {
                write!(f, "the label {label:?} is not known: correct it, or remove the section")
            }
            Self::Unsupported { label, instead } => {
                write!(f, "the section {label:?} cannot be used: {instead}")
            }
            Self::ListAmongCertificates => f.write_str(
                "a revocation list in a file of certificates has no effect: move it to a file of \
                 its own, and configure that file as a revocation list",
            ),
            Self::SecondKey => {
                f.write_str("a second private key: keep only the certificate's key in this file")
            }
        }
    }
}

/// The text contains the problem; the source is the problem's source.
impl std::error::Error for PemError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}

impl std::error::Error for PemProblem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Undecodable(err) => Some(err),
            _ => None,
        }
    }
}
