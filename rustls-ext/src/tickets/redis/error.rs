use std::error::Error;
use std::{fmt, io};

use crate::tickets::TicketKeyError;

/// Why ticket keys in Redis cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The address is not understood. It is not shown, since a password may be in it.
    BadAddress,
    /// The address is that of a connection that others can read.
    NotPrivate,
    /// There is a password in the address.
    PasswordInAddress,
    /// There is no password.
    NoPassword,
    /// The address needs TLS, and there is no configuration for it.
    NoTls,
    /// The connection cannot be made, or Redis' certificate is refused.
    Connection(io::Error),
    /// Redis refuses the user or a command, or the connection ends.
    Redis(redis::RedisError),
    /// There was no answer in time.
    TimedOut,
    /// A value in Redis is not a usable ticket key.
    BadKey {
        /// The name under which it is stored.
        name: String,
        /// What is wrong.
        problem: TicketKeyError,
    },
    /// A ticket key is stored under the name of another one.
    AnotherName {
        /// The name under which it is stored.
        name: String,
    },
    /// The keys cannot be used together, or a rotation is not possible.
    Keys(TicketKeyError),
    /// Another program changed the keys during a rotation.
    Conflict,
}

impl fmt::Display for KeyStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress => f.write_str(
                "not an address of Redis: use rediss://[USER@]HOST[:PORT][/DATABASE] or \
                 unix:///PATH[?user=USER]",
            ),
            Self::NotPrivate => f.write_str(
                "the connection to Redis would not be private, and ticket keys can forge any \
                 identity: use TLS with a verified server (rediss://) or a Unix socket (unix://)",
            ),
            Self::PasswordInAddress => f.write_str(
                "a password must not be in the address of Redis, where others can see it",
            ),
            Self::NoPassword => f.write_str(
                "Redis needs a password for ticket keys: set `requirepass`, or make a user with \
                 `ACL SETUSER`",
            ),
            Self::NoTls => {
                f.write_str("the authorities that are trusted for Redis' certificate are missing")
            }
            Self::Connection(_) => f.write_str("cannot connect to Redis"),
            Self::Redis(_) => f.write_str("Redis refused a command, or the connection ended"),
            Self::TimedOut => write!(f, "Redis did not answer within {:?}", super::TIMEOUT),
            Self::BadKey { name, .. } => write!(f, "unusable ticket key {name:?} in Redis"),
            Self::AnotherName { name } => {
                write!(f, "the ticket key {name:?} in Redis has another name in its text")
            }
            Self::Keys(err) => err.fmt(f),
            Self::Conflict => f.write_str("another program changed the keys at the same time"),
        }
    }
}

impl Error for KeyStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(err) => Some(err),
            // The crate's error repeats the text of its cause.
            Self::Redis(err) => Some(err.source().unwrap_or(err)),
            Self::BadKey { problem, .. } => Some(problem),
            // This error's own text already contains its text.
            Self::Keys(err) => err.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for KeyStoreError {
    fn from(err: io::Error) -> Self {
        Self::Connection(err)
    }
}

impl From<redis::RedisError> for KeyStoreError {
    fn from(err: redis::RedisError) -> Self {
        Self::Redis(err)
    }
}
