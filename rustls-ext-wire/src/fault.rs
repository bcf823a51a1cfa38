//! Everything that a peer can do wrong, in one type.

use core::fmt;

use crate::alert::Alert;
use crate::care::CareError;
use crate::flag_set::FlagsError;
use crate::rules;
use crate::table::Violation;

/// A rule that a peer's message breaks, and the end of its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The flags are malformed.
    Flags(FlagsError),
    /// A flag stands where it may not.
    Flag(Violation),
    /// CARE is malformed, or stands where it may not.
    Care(CareError),
    /// The second ClientHello does not offer what the first one did (FLAGS-12, and
    /// RFC 8446 section 4.1.2).
    SecondHelloDiffers,
}

impl Fault {
    /// The rule, such as `"FLAGS-2"`: see [`rules::find`].
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Flags(error) => error.rule(),
            Self::Flag(violation) => violation.rule(),
            Self::Care(error) => error.rule(),
            Self::SecondHelloDiffers => rules::FLAGS_12.id,
        }
    }

    /// The alert to send.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::Flags(error) => error.alert(),
            Self::Flag(violation) => violation.alert(),
            Self::Care(error) => error.alert(),
            Self::SecondHelloDiffers => Alert::ILLEGAL_PARAMETER,
        }
    }
}

impl From<FlagsError> for Fault {
    fn from(error: FlagsError) -> Self {
        Self::Flags(error)
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Flag(violation)
    }
}

impl From<CareError> for Fault {
    fn from(error: CareError) -> Self {
        Self::Care(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags(error) => error.fmt(f),
            Self::Flag(violation) => violation.fmt(f),
            Self::Care(error) => error.fmt(f),
            Self::SecondHelloDiffers => {
                f.write_str("the second ClientHello does not offer what the first did (FLAGS-12)")
            }
        }
    }
}

impl core::error::Error for Fault {}
