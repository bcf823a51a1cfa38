//! An origin: the scheme and the trust domain of a workload identifier.

use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};
use core::iter;
use core::net::Ipv6Addr;

use super::error::OriginError;

/// The origin of workload identifiers: a URI of a scheme and a trust domain, such as
/// `spiffe://example.org` (draft-ietf-wimse-identifier-02 section 4.6).
///
/// Two origins are equal if they are equivalent by RFC 3986 section 6.2.2: upper and lower case are
/// the same, and so are a percent-encoded letter, digit, `-`, `.`, `_` or `~` and the plain one.
/// [`Display`](fmt::Display) writes the normal form, which is the same for equal origins.
///
/// ```
/// use rustls_ext_wire::Origin;
///
/// let origin = Origin::parse("Spiffe://EXAMPLE%2eorg")?;
/// assert_eq!(origin, Origin::parse("spiffe://example.org")?);
/// assert_eq!(origin.to_string(), "spiffe://example.org");
///
/// // The URI in a certificate
/// let agent = Origin::of_uri("spiffe://example.org/agent/1").ok_or("not an identifier")?;
/// assert_eq!(agent, origin);
/// assert_eq!((agent.scheme(), agent.trust_domain()), ("spiffe", "example.org"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    text: &'a str,
    scheme: &'a str,
    trust_domain: &'a str,
}

impl<'a> Origin<'a> {
    /// Parses an origin: a scheme, `://` and a trust domain, and nothing else (WIO-3).
    ///
    /// # Errors
    /// [`OriginError`] says which part is missing or not allowed.
    pub fn parse(text: &'a str) -> Result<Self, OriginError> {
        let (origin, rest) = split(text)?;
        match rest.bytes().next() {
            None => Ok(origin),
            Some(b'?') => Err(OriginError::Query),
            Some(b'#') => Err(OriginError::Fragment),
            Some(_) => Err(OriginError::Path),
        }
    }

    /// Returns the origin of a whole workload identifier, such as a URI in a certificate: with a
    /// path or without.
    ///
    /// `None` if it is not a workload identifier: not a URI, without a scheme or a trust domain, or
    /// with userinfo, a port, a query or a fragment (draft-ietf-wimse-identifier-02 section 4.1).
    #[must_use]
    pub fn of_uri(uri: &'a str) -> Option<Self> {
        let (origin, path) = split(uri).ok()?;
        are_allowed(path, b":@/").then_some(origin)
    }

    /// Returns the origin as it was written.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Returns the scheme as it was written, such as `spiffe`.
    #[must_use]
    pub const fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// Returns the trust domain as it was written, such as `example.org`.
    #[must_use]
    pub const fn trust_domain(&self) -> &'a str {
        self.trust_domain
    }

    /// The characters of the normal form (RFC 3986 section 6.2.2).
    ///
    /// Neither a scheme nor a host has `:` and then two slashes, so the whole text can be compared
    /// at once.
    fn normal(&self) -> impl Iterator<Item = Character> {
        let mut bytes = self.text.bytes();
        iter::from_fn(move || {
            let byte = bytes.next()?;
            if byte != b'%' {
                return Some(Character::Plain(byte.to_ascii_lowercase()));
            }
            let (high, low) = (hex_digit(bytes.next()?)?, hex_digit(bytes.next()?)?);
            Some(match high * 16 + low {
                byte if is_unreserved(byte) => Character::Plain(byte.to_ascii_lowercase()),
                byte => Character::Encoded(byte),
            })
        })
    }
}

/// A character of the normal form.
#[derive(PartialEq, Eq, Hash)]
enum Character {
    Plain(u8),
    /// One that must be percent-encoded.
    Encoded(u8),
}

impl PartialEq for Origin<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.normal().eq(other.normal())
    }
}

impl Eq for Origin<'_> {}

impl Hash for Origin<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal().for_each(|character| character.hash(state));
        state.write_u8(0xff); // the end, so that no origin is the beginning of another
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.normal().try_for_each(|character| match character {
            Character::Plain(byte) => f.write_char(char::from(byte)),
            Character::Encoded(byte) => write!(f, "%{byte:02X}"),
        })
    }
}

impl fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

/// Splits a URI into its origin and the rest.
fn split(uri: &str) -> Result<(Origin<'_>, &str), OriginError> {
    let (scheme, after) = uri.split_once("://").ok_or(OriginError::NoScheme)?;
    if !is_scheme(scheme) {
        return Err(OriginError::NoScheme);
    }
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (trust_domain, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    check_trust_domain(trust_domain)?;
    let text = uri.strip_suffix(rest).unwrap_or(uri);
    Ok((Origin { text, scheme, trust_domain }, rest))
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// An authority without userinfo and port: RFC 3986 section 3.2.2.
fn check_trust_domain(text: &str) -> Result<(), OriginError> {
    if text.is_empty() {
        return Err(OriginError::NoTrustDomain);
    }
    if text.contains('@') {
        return Err(OriginError::UserInfo);
    }
    let (is_host, port) = match text.strip_prefix('[') {
        Some(literal) => {
            let (address, port) = literal.split_once(']').ok_or(OriginError::Character)?;
            (is_address(address), port)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (name, port) = text.split_at_checked(end).unwrap_or((text, ""));
            (are_allowed(name, b""), port)
        }
    };
    match port.bytes().next() {
        Some(b':') => Err(OriginError::Port),
        None if is_host => Ok(()),
        _ => Err(OriginError::Character),
    }
}

/// The address between the brackets of an IP literal.
fn is_address(text: &str) -> bool {
    let Some(future) = text.strip_prefix(['v', 'V']) else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    future.split_once('.').is_some_and(|(version, address)| {
        let hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        !version.is_empty()
            && hexadecimal(version)
            && !address.is_empty()
            && !address.contains('%')
            && are_allowed(address, b":")
    })
}

/// Whether a text has only characters that RFC 3986 section 2 allows in every part of a URI, or
/// that are in `more`.
fn are_allowed(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => {
                bytes.next().and_then(hex_digit).is_some()
                    && bytes.next().and_then(hex_digit).is_some()
            }
            _ => is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte) || more.contains(&byte),
        };
        if !allowed {
            return false;
        }
    }
    true
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
