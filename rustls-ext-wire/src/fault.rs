//! All faults of a peer's messages, in one type.

use core::fmt;

use crate::alert::Alert;
use crate::care::CareError;
use crate::flag_set::FlagsError;
use crate::origin::OriginHintError;
use crate::rules;
use crate::table::Violation;

/// A fault in a peer's message: it breaks a rule, and ends the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The flags are malformed.
    Flags(FlagsError),
    /// A flag is in a message where it is not allowed.
    Flag(Violation),
    /// CARE is malformed, or is in a message where it is not allowed.
    Care(CareError),
    /// The origin hint is malformed, in a message where it is not allowed, or changed.
    OriginHint(OriginHintError),
    /// The second ClientHello differs from the first in its offer (FLAGS-12, and RFC 8446 section
    /// 4.1.2).
    SecondHelloDiffers,
}

impl Fault {
    /// Returns the broken rule, such as `"FLAGS-2"`: see [`rules::find`].
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Flags(error) => error.rule(),
            Self::Flag(violation) => violation.rule(),
            Self::Care(error) => error.rule(),
            Self::OriginHint(error) => error.rule(),
            Self::SecondHelloDiffers => rules::FLAGS_12.id,
        }
    }

    /// Returns the alert to send.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::Flags(error) => error.alert(),
            Self::Flag(violation) => violation.alert(),
            Self::Care(error) => error.alert(),
            Self::OriginHint(error) => error.alert(),
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

impl From<OriginHintError> for Fault {
    fn from(error: OriginHintError) -> Self {
        Self::OriginHint(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags(error) => error.fmt(f),
            Self::Flag(violation) => violation.fmt(f),
            Self::Care(error) => error.fmt(f),
            Self::OriginHint(error) => error.fmt(f),
            Self::SecondHelloDiffers => f.write_str(
                "the second ClientHello does not repeat the offer of the first (FLAGS-12)",
            ),
        }
    }
}

impl core::error::Error for Fault {}
