use std::error::Error;
use std::fmt;

use super::TicketKeys;

/// Why a ticket key, or a set of them, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketKeyError {
    /// The text is not a ticket key.
    NotAKey,
    /// The text is a ticket key of another version of the format.
    UnknownVersion,
    /// A line is not as the format requires.
    BadLine {
        /// The number of the line; the first is 1.
        line: usize,
        /// What the line must contain.
        expected: &'static str,
    },
    /// The times are not in order, or are too far apart.
    BadTimes,
    /// There is no key.
    NoKeys,
    /// There are more keys than [`TicketKeys::MAX`].
    TooMany,
    /// Two keys have the same name.
    DuplicateName {
        /// The name, in hexadecimal digits.
        name: String,
    },
    /// The cryptography provider has no TLS 1.3 cipher suite with AES-256-GCM.
    NoCipher,
    /// The cryptography provider has no random numbers.
    NoRandom,
    /// The context is longer than 255 bytes.
    LongContext,
    /// There is already a key that begins to encrypt later.
    AlreadyWaiting {
        /// The name of that key, in hexadecimal digits.
        name: String,
    },
    /// There are keys already, so there cannot be a first one.
    KeysExist,
    /// A rotation would keep fewer than two keys, or not fewer than [`TicketKeys::MAX`].
    BadKeep,
}

impl fmt::Display for TicketKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAKey => f.write_str("not a ticket key: `rext ticket-keys` makes them"),
            Self::UnknownVersion => {
                f.write_str("a ticket key of a version of the format that is not known here: update this program")
            }
            Self::BadLine { line, expected } => {
                write!(f, "not a complete ticket key: line {line} must be {expected}, and nothing else")
            }
            Self::BadTimes => f.write_str(
                "the times of the ticket key are wrong: `created` must not be after \
                 `encrypts-from`, and `expires` must be after it, by 14 days at most",
            ),
            Self::NoKeys => f.write_str(
                "no ticket key in it: make one with `rext ticket-keys init`, on one node of the fleet",
            ),
            Self::TooMany => write!(
                f,
                "more than {} ticket keys in it: `rext ticket-keys rotate` removes expired keys",
                TicketKeys::MAX
            ),
            Self::DuplicateName { name } => {
                write!(f, "two ticket keys with the name {name}: remove the copy")
            }
            Self::NoCipher => f.write_str(
                "the cryptography provider has no TLS13_AES_256_GCM_SHA384, which ticket keys need",
            ),
            Self::NoRandom => f.write_str("the cryptography provider has no random numbers"),
            Self::LongContext => f.write_str("the context of tickets is longer than 255 bytes"),
            Self::AlreadyWaiting { name } => {
                write!(f, "ticket key {name} does not encrypt yet: rotate again after it does")
            }
            Self::KeysExist => f.write_str(
                "there are ticket keys already: `rotate` adds one, and `replace` removes them all",
            ),
            Self::BadKeep => write!(
                f,
                "a rotation must keep from 2 to {} ticket keys: the new one, and the one that \
                 encrypts until then",
                TicketKeys::MAX - 1
            ),
        }
    }
}

impl Error for TicketKeyError {}

/// A set of ticket keys works, but needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketKeysWarning {
    /// No key encrypts now: the server sends no tickets.
    NoneEncrypts,
    /// The newest key is in the last quarter of its life: no rotation happened in time.
    RotationOverdue,
}

impl fmt::Display for TicketKeysWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoneEncrypts => {
                "no ticket key can encrypt now, so new sessions cannot be resumed: check the clock, \
                 and run `rext ticket-keys rotate`"
            }
            Self::RotationOverdue => {
                "the newest ticket key expires soon: run `rext ticket-keys rotate` more often"
            }
        })
    }
}
