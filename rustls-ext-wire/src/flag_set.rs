//! Sets of flags, and the extension body that encodes them.

use core::fmt;
use core::iter::FusedIterator;

use crate::alert::Alert;
use crate::flag::Flag;
use crate::rules;

/// A set of TLS flags, stored as the body of the extension that carries it.
///
/// So encoding is a borrow, and decoding is one check and one copy. It has 256 bytes, inline.
///
/// ```
/// use rustls_ext_wire::{Flag, FlagSet};
///
/// let flags: FlagSet = [Flag::new(3)?, Flag::new(5)?, Flag::new(23)?].into_iter().collect();
/// assert_eq!(flags.body(), Some(&[3, 0x28, 0x00, 0x80][..]));
/// assert_eq!(FlagSet::decode(&[3, 0x28, 0x00, 0x80])?, flags);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// Byte 0 is the number of bytes of flags, which follow. The last of them is not zero, and all
// bytes after them are zero. So equal sets have equal bytes, and the derived `Eq` and `Hash` are
// correct.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FlagSet {
    bytes: [u8; 256],
}

impl FlagSet {
    /// The empty set.
    pub const EMPTY: Self = Self { bytes: [0; 256] };

    /// Makes a set of one flag.
    #[must_use]
    pub const fn single(flag: Flag) -> Self {
        let (offset, bit) = flag.position();
        let mut bytes = [0; 256];
        bytes[0] = offset;
        bytes[offset as usize] = bit;
        Self { bytes }
    }

    /// Decodes the body of a `tls_flags` extension that a peer sent.
    ///
    /// It accepts exactly the bodies that [`body`](Self::body) writes, so the set is never empty.
    /// [`check`](crate::check) decides whether the flags are allowed in their message.
    ///
    /// # Errors
    /// The list must have a set bit and end in a nonzero byte (FLAGS-2), and the body must be one
    /// length byte followed by exactly that many bytes (FLAGS-3). Every error ends the handshake
    /// with `illegal_parameter`.
    ///
    /// ```
    /// use rustls_ext_wire::{Alert, FlagSet, FlagsError};
    ///
    /// let error = FlagSet::decode(&[2, 0x01, 0x00]).unwrap_err();
    /// assert_eq!(error, FlagsError::TrailingZero);
    /// assert_eq!(error.rule(), "FLAGS-2");
    /// assert_eq!(error.alert(), Alert::ILLEGAL_PARAMETER);
    /// ```
    pub fn decode(body: &[u8]) -> Result<Self, FlagsError> {
        let mut bytes = [0; 256];
        match (body, bytes.get_mut(..body.len())) {
            ([declared, flags @ .., last], Some(room))
                if usize::from(*declared) == flags.len() + 1 && *last != 0 =>
            {
                room.copy_from_slice(body);
                Ok(Self { bytes })
            }
            _ => Err(fault(body)),
        }
    }

    /// Returns the `extension_data` of the extension that carries the set, in the shortest form
    /// that includes the highest flag (FLAGS-1): 2 to 256 bytes.
    ///
    /// Returns `None` for the empty set, for which the extension is not sent (FLAGS-8).
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        let body = &self.bytes[..usize::from(self.bytes[0]) + 1];
        (body.len() > 1).then_some(body)
    }

    /// Adds a flag; returns true if it was not in the set.
    pub const fn insert(&mut self, flag: Flag) -> bool {
        let (offset, bit) = flag.position();
        let new = self.bytes[offset as usize] & bit == 0;
        self.bytes[offset as usize] |= bit;
        if self.bytes[0] < offset {
            self.bytes[0] = offset;
        }
        new
    }

    /// Removes a flag; returns true if it was in the set.
    pub const fn remove(&mut self, flag: Flag) -> bool {
        let (offset, bit) = flag.position();
        let was = self.bytes[offset as usize] & bit != 0;
        self.bytes[offset as usize] &= !bit;
        // FLAGS-1: the list ends with the byte of the highest remaining flag.
        while self.bytes[0] > 0 && self.bytes[self.bytes[0] as usize] == 0 {
            self.bytes[0] -= 1;
        }
        was
    }

    /// Returns true if the flag is set.
    #[must_use]
    pub const fn contains(&self, flag: Flag) -> bool {
        let (offset, bit) = flag.position();
        self.bytes[offset as usize] & bit != 0
    }

    /// Returns true if no flag is set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes[0] == 0
    }

    /// Returns how many flags are set, 0 to 2040.
    #[must_use]
    pub fn len(&self) -> usize {
        let ones = |byte: &u8| byte.count_ones() as usize;
        self.flags().iter().map(ones).sum()
    }

    /// Returns the flags, lowest first.
    #[must_use]
    pub const fn iter(&self) -> Iter<'_> {
        Iter { set: self, offset: 0, pending: 0 }
    }

    /// Returns true if every flag of this set is also in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut pairs = self.flags().iter().zip(other.bytes.iter().skip(1));
        pairs.all(|(mine, theirs)| mine & !theirs == 0)
    }

    /// Returns the flags that are in this set, in `other`, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (mine, theirs) in both.bytes.iter_mut().zip(&other.bytes) {
            *mine |= theirs;
        }
        // The loop also mixed the lengths; the longer list is the length of the union.
        both.bytes[0] = self.bytes[0].max(other.bytes[0]);
        both
    }

    /// The bytes of flags, without the length.
    fn flags(&self) -> &[u8] {
        self.body().and_then(<[u8]>::split_first).map_or(&[], |(_, flags)| flags)
    }
}

/// Why [`FlagSet::body`] does not write `body`; not on the path of valid bodies.
#[cold]
fn fault(body: &[u8]) -> FlagsError {
    let Some((&declared, flags)) = body.split_first() else {
        return FlagsError::NoLength;
    };
    let present = flags.len();
    if present < usize::from(declared) {
        FlagsError::Truncated { declared, present }
    } else if present > usize::from(declared) {
        FlagsError::TrailingBytes { declared, present }
    } else if present == 0 {
        FlagsError::EmptyList
    } else if flags.iter().all(|byte| *byte == 0) {
        FlagsError::NoFlagSet
    } else {
        FlagsError::TrailingZero
    }
}

impl Default for FlagSet {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<Flag> for FlagSet {
    fn from(flag: Flag) -> Self {
        Self::single(flag)
    }
}

impl Extend<Flag> for FlagSet {
    fn extend<I: IntoIterator<Item = Flag>>(&mut self, flags: I) {
        for flag in flags {
            self.insert(flag);
        }
    }
}

impl FromIterator<Flag> for FlagSet {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(flags);
        set
    }
}

impl<'a> IntoIterator for &'a FlagSet {
    type Item = Flag;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Flag::get)).finish()
    }
}

/// The flags of a [`FlagSet`], lowest first.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    set: &'a FlagSet,
    /// The offset of the current byte; 0, the length, before the first.
    offset: u8,
    /// The bits of that byte that have not been returned yet.
    pending: u8,
}

impl Iterator for Iter<'_> {
    type Item = Flag;

    fn next(&mut self) -> Option<Flag> {
        while self.pending == 0 {
            if self.offset >= self.set.bytes[0] {
                return None;
            }
            self.offset += 1;
            self.pending = self.set.bytes[usize::from(self.offset)];
        }
        #[allow(clippy::cast_possible_truncation)] // a byte has 8 bits
        let bit = self.pending.trailing_zeros() as u8;
        self.pending &= self.pending - 1;
        Some(Flag::at(self.offset, bit))
    }
}

impl FusedIterator for Iter<'_> {}

/// A fault in the body of a `tls_flags` extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlagsError {
    /// FLAGS-3: the body is empty, so even the length byte is missing.
    NoLength,
    /// FLAGS-3: the length byte is zero and nothing follows, but a list has at least one byte.
    EmptyList,
    /// FLAGS-3: the list has fewer bytes than the length byte declares.
    Truncated {
        /// The value of the length byte.
        declared: u8,
        /// How many bytes follow it.
        present: usize,
    },
    /// FLAGS-3: bytes follow the list.
    TrailingBytes {
        /// The value of the length byte.
        declared: u8,
        /// How many bytes follow it.
        present: usize,
    },
    /// FLAGS-2: every bit of the list is zero.
    NoFlagSet,
    /// FLAGS-2: some flag is set, but the last byte is zero, so the list is not the shortest.
    TrailingZero,
}

impl FlagsError {
    /// Returns the rule that the body breaks: [`"FLAGS-2"`](rules::FLAGS_2) or
    /// [`"FLAGS-3"`](rules::FLAGS_3).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::NoFlagSet | Self::TrailingZero => rules::FLAGS_2.id,
            Self::NoLength
            | Self::EmptyList
            | Self::Truncated { .. }
            | Self::TrailingBytes { .. } => rules::FLAGS_3.id,
        }
    }

    /// Returns the alert to send: `illegal_parameter` for every fault, and never `decode_error`
    /// (FLAGS-3).
    #[must_use]
    pub const fn alert(&self) -> Alert {
        Alert::ILLEGAL_PARAMETER
    }
}

impl fmt::Display for FlagsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed tls_flags: ")?;
        match self {
            Self::NoLength => f.write_str("the length byte is missing")?,
            Self::EmptyList => f.write_str("the list is empty")?,
            Self::Truncated { declared, present } | Self::TrailingBytes { declared, present } => {
                write!(f, "its length byte is {declared}, but {present} bytes follow it")?;
            }
            Self::NoFlagSet => f.write_str("no flag is set")?,
            Self::TrailingZero => f.write_str("the last byte is zero")?,
        }
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for FlagsError {}
