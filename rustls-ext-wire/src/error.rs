//! What can be wrong with a flag, with a body, and with a flag's place.

use core::fmt;

use crate::alert::Alert;
use crate::flag::Flag;
use crate::rules;
use crate::table::Message;

/// A number that no body has room for. A mistake of the caller: no peer can send it.
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

/// What is wrong with the body of a `tls_flags` extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlagsError {
    /// FLAGS-3: the body is empty, so even the length octet is missing.
    NoLength,
    /// FLAGS-3: the length octet is zero and nothing follows, but a list has at least one octet.
    EmptyList,
    /// FLAGS-3: the list has fewer octets than the length octet says.
    Truncated {
        /// What the length octet says.
        declared: u8,
        /// How many octets follow it.
        present: usize,
    },
    /// FLAGS-3: octets follow the list.
    TrailingOctets {
        /// What the length octet says.
        declared: u8,
        /// How many octets follow it.
        present: usize,
    },
    /// FLAGS-2: every bit of the list is zero.
    NoFlagSet,
    /// FLAGS-2: some flag is set, but the last octet is zero, so the list is not the shortest.
    TrailingZero,
}

impl FlagsError {
    /// The rule that the body breaks: [`"FLAGS-2"`](rules::FLAGS_2) or
    /// [`"FLAGS-3"`](rules::FLAGS_3).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::NoFlagSet | Self::TrailingZero => rules::FLAGS_2.id,
            Self::NoLength
            | Self::EmptyList
            | Self::Truncated { .. }
            | Self::TrailingOctets { .. } => rules::FLAGS_3.id,
        }
    }

    /// The alert to send: `illegal_parameter` for every fault, and never `decode_error` (FLAGS-3).
    #[must_use]
    pub const fn alert(&self) -> Alert {
        Alert::ILLEGAL_PARAMETER
    }
}

impl fmt::Display for FlagsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed tls_flags: ")?;
        match self {
            Self::NoLength => f.write_str("no length octet")?,
            Self::EmptyList => f.write_str("an empty list")?,
            Self::Truncated { declared, present } => {
                write!(f, "{present} octets of flags where the length says {declared}")?;
            }
            Self::TrailingOctets { declared, present } => {
                write!(f, "{present} octets after a length octet that says {declared}")?;
            }
            Self::NoFlagSet => f.write_str("no flag is set")?,
            Self::TrailingZero => f.write_str("the last octet is zero")?,
        }
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for FlagsError {}

/// A flag that may not stand in the message in which it came; the answer of
/// [`check`](crate::check).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) flag: Flag,
    pub(crate) message: Message,
}

impl Violation {
    /// The rule that the flag breaks, such as `"FLAGS-5"` or `"RCA-4"`: see [`rules::find`].
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// The flag.
    #[must_use]
    pub const fn flag(&self) -> Flag {
        self.flag
    }

    /// The message in which it came.
    #[must_use]
    pub const fn message(&self) -> Message {
        self.message
    }

    /// The alert to send: `illegal_parameter`, whichever rule it is (FLAGS-5, RCA-4, RCA-5).
    #[must_use]
    pub const fn alert(&self) -> Alert {
        Alert::ILLEGAL_PARAMETER
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, flag, message } = self;
        write!(f, "TLS flag {flag} may not stand in this {message} ({rule})")
    }
}

impl core::error::Error for Violation {}
