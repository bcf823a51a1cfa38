//! Why a command ends other than well.

use std::error::Error;
use std::fmt;

/// Why a command ends other than well, as one line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The command line, or a file that it names, is unusable.
    Usage(String),
    /// A connection was refused or failed, or something is not as it should be.
    Failed(String),
}

impl Failure {
    /// The option `option`, whose value is `value`, is unusable because of `reason`.
    pub fn option(option: &str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Usage(format!("{option} {value}: {reason}"))
    }

    /// The process's exit code: 1 for what failed, 2 for what is unusable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}

/// What has no option to blame is what failed. For that, a `Failure` is no [`Error`] itself.
impl<E: Error> From<E> for Failure {
    fn from(err: E) -> Self {
        Self::Failed(err.to_string())
    }
}
