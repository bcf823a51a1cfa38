//! The number of one flag.

use core::fmt;

/// The number of a TLS flag: 0 to 2039, the bits of 255 bytes (draft-ietf-tls-tlsflags-16,
/// `opaque flags<1..255>`).
///
/// ```
/// use rustls_ext_wire::Flag;
///
/// let flag = Flag::new(80)?;
/// assert_eq!(flag, Flag::REQUEST_CLIENT_AUTH);
/// assert!(Flag::new(2040).is_err());
/// # Ok::<(), rustls_ext_wire::FlagOutOfRange>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flag(u16);

impl Flag {
    /// The highest flag that fits into a body: the last bit of byte 254.
    pub const MAX: Self = Self(2039);

    /// `request_client_auth`, formerly `request_mtls` (draft-jhoyla-req-mtls-flag). The draft has
    /// no number yet (TBD); 80 is the value of the public experiment. This default can be changed:
    /// see [`CodePoints`](crate::CodePoints).
    pub const REQUEST_CLIENT_AUTH: Self = Self(80);

    /// `resumption_across_names`, allowed only in NewSessionTicket (draft-ietf-tls-tlsflags-16,
    /// IANA considerations).
    pub const RESUMPTION_ACROSS_NAMES: Self = Self(8);

    /// Makes the flag with this number.
    ///
    /// # Errors
    /// [`FlagOutOfRange`] if `number` is above 2039.
    pub const fn new(number: u16) -> Result<Self, FlagOutOfRange> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(FlagOutOfRange { number }) }
    }

    /// Returns the number of the flag.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The position of the flag in a body: the offset of its byte, 1 to 255 since byte 0 is the
    /// length, and its bit.
    ///
    /// The offset is a `u8` so that it indexes an array of 256 without a bounds check.
    #[allow(clippy::cast_possible_truncation)] // at most 2039 / 8 + 1 = 255
    pub(crate) const fn position(self) -> (u8, u8) {
        ((self.0 / 8 + 1) as u8, 1 << (self.0 % 8))
    }

    /// The flag at `bit` (0 to 7) of the body's byte at `offset` (1 to 255).
    pub(crate) const fn at(offset: u8, bit: u8) -> Self {
        Self((offset as u16 - 1) * 8 + bit as u16)
    }
}

impl TryFrom<u16> for Flag {
    type Error = FlagOutOfRange;

    fn try_from(number: u16) -> Result<Self, FlagOutOfRange> {
        Self::new(number)
    }
}

impl From<Flag> for u16 {
    fn from(flag: Flag) -> Self {
        flag.0
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flag({})", self.0)
    }
}

/// A number above the range of flags. This is a mistake of the caller: no peer can send it.
// Closed: it will never contain more than the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagOutOfRange {
    /// The number that was refused, above 2039.
    pub number: u16,
}

impl fmt::Display for FlagOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not the number of a TLS flag: the highest is {}", self.number, Flag::MAX)
    }
}

impl core::error::Error for FlagOutOfRange {}
