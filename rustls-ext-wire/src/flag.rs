//! The number of one flag.

use core::fmt;

/// The number of a TLS flag: 0 to 2039, what 255 octets of bits have room for
/// (draft-ietf-tls-tlsflags-16, `opaque flags<1..255>`).
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
    /// The highest flag that a body has room for: the last bit of octet 254.
    pub const MAX: Self = Self(2039);

    /// `request_client_auth`, once called `request_mtls` (draft-jhoyla-req-mtls-flag). The draft
    /// still says TBD; 80 is the value of the public experiment. A default, not a law: see
    /// [`CodePoints`](crate::CodePoints).
    pub const REQUEST_CLIENT_AUTH: Self = Self(80);

    /// `resumption_across_names`, of NewSessionTicket only (draft-ietf-tls-tlsflags-16, IANA
    /// considerations).
    pub const RESUMPTION_ACROSS_NAMES: Self = Self(8);

    /// The flag with this number.
    ///
    /// # Errors
    /// [`FlagOutOfRange`] when `number` is above 2039.
    pub const fn new(number: u16) -> Result<Self, FlagOutOfRange> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(FlagOutOfRange { number }) }
    }

    /// The number of the flag.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Where the flag stands in a body: the offset of its octet, 1 to 255 since octet 0 is the
    /// length, and its bit.
    ///
    /// The offset is a `u8` so that it indexes an array of 256 without a bounds check.
    #[allow(clippy::cast_possible_truncation)] // at most 2039 / 8 + 1 = 255
    pub(crate) const fn position(self) -> (u8, u8) {
        ((self.0 / 8 + 1) as u8, 1 << (self.0 % 8))
    }

    /// The flag at `bit` (0 to 7) of the body's octet at `offset` (1 to 255).
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

/// A number that no body has room for. A mistake of the caller: no peer can send it.
// Closed: the number is all that there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagOutOfRange {
    /// The number that was refused, above 2039.
    pub number: u16,
}

impl fmt::Display for FlagOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no TLS flag: the highest is {}", self.number, Flag::MAX)
    }
}

impl core::error::Error for FlagOutOfRange {}
