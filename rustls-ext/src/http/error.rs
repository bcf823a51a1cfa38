use std::fmt;

use super::limits;

/// Why a challenge or a field was skipped, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChallengeError {
    /// Where the problem is.
    pub place: Place,
    /// What is wrong.
    pub problem: ChallengeProblem,
}

/// A position in the lines of a field.
// Closed: it is only the two numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, among those of the same name; the first is 0.
    pub line: usize,
    /// The byte of its value; the first is 0.
    pub byte: usize,
}

/// The problem with a challenge or a field in a [`ChallengeError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeProblem {
    /// There are more field lines than [`limits::FIELD_LINES`].
    TooManyLines,
    /// A field line is longer than [`limits::FIELD_LENGTH`].
    LineTooLong,
    /// There are more challenges in a line than [`limits::CHALLENGES`].
    TooManyChallenges,
    /// There are more parameters than [`limits::PARAMETERS`].
    TooManyParameters,
    /// A value is longer than [`limits::VALUE_LENGTH`].
    ValueTooLong,
    /// The text does not follow the grammar of challenges (RFC 9110 section 11.6.1).
    Expected(&'static str),
    /// A quoted string has no end.
    UnterminatedQuote,
    /// The scheme requires parameters, but this is a `token68`.
    Token68,
    /// The realm occurs twice. It is the only parameter that must not be repeated.
    DuplicateRealm,
    /// The realm is not UTF-8, or contains control characters.
    BadRealm,
    /// A value is not base64url without padding (RFC 4648 section 5).
    NotBase64 {
        /// The parameter's name.
        name: String,
    },
    /// A value has the wrong length for its kind.
    WrongLength {
        /// The parameter's name.
        name: String,
        /// Its length when decoded, in bytes.
        bytes: usize,
    },
}

impl fmt::Display for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem } = self;
        write!(f, "field line {}, byte {}: {problem}", place.line, place.byte)
    }
}

impl fmt::Display for ChallengeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyLines => write!(f, "more than {} field lines", limits::FIELD_LINES),
            Self::LineTooLong => {
                write!(f, "a field line of more than {} bytes", limits::FIELD_LENGTH)
            }
            Self::TooManyChallenges => {
                write!(f, "more than {} challenges in a field line", limits::CHALLENGES)
            }
            Self::TooManyParameters => write!(f, "more than {} parameters", limits::PARAMETERS),
            Self::ValueTooLong => {
                write!(f, "a value of more than {} bytes", limits::VALUE_LENGTH)
            }
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::UnterminatedQuote => f.write_str("a quoted string without an end"),
            Self::Token68 => f.write_str("a token68 where the scheme has parameters"),
            Self::DuplicateRealm => f.write_str("a second realm"),
            Self::BadRealm => {
                f.write_str("a realm that is not UTF-8 or has control characters in it")
            }
            Self::NotBase64 { name } => {
                write!(f, "the value of {name} is not base64url without padding")
            }
            Self::WrongLength { name, bytes } => {
                write!(f, "the value of {name} cannot have {bytes} bytes")
            }
        }
    }
}

/// It has no source: the text contains the problem and its position.
impl std::error::Error for ChallengeError {}

impl std::error::Error for ChallengeProblem {}
