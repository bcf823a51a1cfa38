//! `workload_identifier_origin_hint`: the origins in which a client has an identity.

use core::fmt;
use core::iter::{FusedIterator, Take};

use crate::offer::Version;
use crate::scan::OriginStrings;
use crate::scan::bodies;
use crate::table::Message;

mod error;
mod uri;
mod write;

pub use error::{OriginError, OriginHintError, WriteOriginsError};
pub use uri::Origin;
pub use write::write_origin_hint;

/// How many origins of an extension are read; further ones are ignored (WIO-8).
pub const MAX_ORIGINS: usize = 16;

/// How many bytes of the extension's body are read, with all lengths; origins that do not end
/// within them are ignored (WIO-8).
pub const MAX_ORIGIN_BYTES: usize = 4096;

/// The list in a `workload_identifier_origin_hint` extension that a client sent, whose structure
/// was checked.
///
/// The origins are a hint and never a proof: any client can send them (WIO-4).
///
/// ```
/// use rustls_ext_wire::{Origin, Origins, write_origin_hint};
///
/// let mut buffer = [0; 64];
/// let body = write_origin_hint(["spiffe://example.org"], &mut buffer)?;
/// let origins = Origins::decode(body)?;
/// assert!(origins.contains(Origin::parse("SPIFFE://Example.ORG")?));
/// assert_eq!(origins.ignored(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Origins<'a> {
    body: &'a [u8],
}

impl<'a> Origins<'a> {
    /// Decodes the body of the extension: checks the structure of the whole list, but not whether
    /// its strings are origins.
    ///
    /// # Errors
    /// [`OriginHintError::Malformed`] if a length does not fit, the list or a string is empty, or
    /// bytes follow the list (WIO-2). It ends the handshake with `decode_error`.
    pub fn decode(body: &'a [u8]) -> Result<Self, OriginHintError> {
        match bodies::items16(body) {
            Ok(()) => Ok(Self { body }),
            Err(flaw) => Err(OriginHintError::Malformed { flaw }),
        }
    }

    /// Returns the valid origins (WIO-3) among the first [`MAX_ORIGINS`] strings that end within
    /// the first [`MAX_ORIGIN_BYTES`] bytes of the body (WIO-8), in the client's order.
    pub fn iter(&self) -> OriginIter<'a> {
        let read = self.body.get(..MAX_ORIGIN_BYTES).unwrap_or(self.body);
        OriginIter(OriginStrings(read.get(2..).unwrap_or_default()).take(MAX_ORIGINS))
    }

    /// Returns true if [`iter`](Self::iter) returns an origin equal to `origin`.
    #[must_use]
    pub fn contains(&self, origin: Origin<'_>) -> bool {
        self.iter().any(|hinted| hinted == origin)
    }

    /// Returns how many strings [`iter`](Self::iter) ignores, since they are not origins (WIO-3) or
    /// beyond the limits (WIO-8).
    #[must_use]
    pub fn ignored(&self) -> usize {
        self.strings().count() - self.iter().count()
    }

    /// Returns all strings of the list as sent, valid or not, without a limit; for diagnostics.
    pub fn strings(&self) -> OriginStrings<'a> {
        OriginStrings(self.body.get(2..).unwrap_or_default())
    }

    /// Returns the body of the extension, as sent.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

impl<'a> IntoIterator for Origins<'a> {
    type Item = Origin<'a>;
    type IntoIter = OriginIter<'a>;

    fn into_iter(self) -> OriginIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Origins<'a> {
    type Item = Origin<'a>;
    type IntoIter = OriginIter<'a>;

    fn into_iter(self) -> OriginIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Origins<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The valid origins of a list; see [`Origins::iter`].
#[derive(Clone, Debug)]
pub struct OriginIter<'a>(Take<OriginStrings<'a>>);

impl<'a> Iterator for OriginIter<'a> {
    type Item = Origin<'a>;

    fn next(&mut self) -> Option<Origin<'a>> {
        self.0.find_map(|string| Origin::parse(core::str::from_utf8(string).ok()?).ok())
    }
}

impl FusedIterator for OriginIter<'_> {}

/// Checks whether `workload_identifier_origin_hint` with this `body` is allowed in `message`.
///
/// In a ClientHello, `version` is the chosen version: under TLS 1.2 the extension is ignored,
/// whatever it contains. In any other message, `version` does not matter.
///
/// # Errors
/// [`OriginHintError`], which has the alert.
///
/// ```
/// use rustls_ext_wire::{Alert, Message, Version, check_origin_hint};
///
/// let body = b"\0\x16\0\x14spiffe://example.org";
/// check_origin_hint(Message::ClientHello, Version::Tls13, body)?;
/// let answer = check_origin_hint(Message::EncryptedExtensions, Version::Tls13, body);
/// assert_eq!(answer.unwrap_err().alert(), Alert::ILLEGAL_PARAMETER);
/// # Ok::<(), rustls_ext_wire::OriginHintError>(())
/// ```
pub fn check_origin_hint(
    message: Message,
    version: Version,
    body: &[u8],
) -> Result<(), OriginHintError> {
    match (message, version) {
        (Message::ClientHello, Version::Tls13) => Origins::decode(body).map(|_| ()),
        (Message::ClientHello, Version::Tls12) => Ok(()),
        _ => Err(OriginHintError::Misplaced { message }),
    }
}
