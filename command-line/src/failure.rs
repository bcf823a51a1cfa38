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
    ///
    /// An error as the reason is written without its causes: use [`with_causes`].
    pub fn option(option: &str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Usage(format!("{option} {value}: {reason}"))
    }

    /// It failed because of `err` and its causes: for errors that `?` does not make a failure of, as
    /// it does of each that is an [`Error`] itself.
    pub fn failed(err: &(dyn Error + 'static)) -> Self {
        Self::Failed(with_causes(err))
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
impl<E: Error + 'static> From<E> for Failure {
    fn from(err: E) -> Self {
        Self::failed(&err)
    }
}

/// The texts of an error and its causes in one line, each once.
///
/// A cause is left out if the line already ends with its text, as a whole or after a colon and a space:
/// some errors repeat their causes. It is what `rustls_ext::with_causes` does, for programs that must do
/// without that crate.
pub fn with_causes(err: &(dyn Error + 'static)) -> String {
    let mut line = err.to_string();
    let mut next = err.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        let before = line.strip_suffix(&text);
        if !before.is_some_and(|before| before.is_empty() || before.ends_with(": ")) {
            line = [line, text].join(": ");
        }
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// An error with this text, and this cause.
    #[derive(Debug)]
    struct Level(&'static str, Option<Box<Level>>);

    impl fmt::Display for Level {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Level {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    fn failure(texts: &[&'static str]) -> Failure {
        let levels = texts.iter().rev();
        let outer = levels.fold(None, |cause, text| Some(Box::new(Level(text, cause)))).unwrap();
        (*outer).into()
    }

    #[test]
    fn a_failure_has_the_text_of_each_cause_once() {
        for texts in [&["a", "b", "c"][..], &["a", "b: c", "c"], &["a: b: c", "b: c", "c"]] {
            assert_eq!(failure(texts), Failure::Failed("a: b: c".into()), "{texts:?}");
        }
        assert_eq!(failure(&["no reset", "reset"]), Failure::Failed("no reset: reset".into()));
        let err = io::Error::other(Level("a", Some(Box::new(Level("b", None)))));
        assert_eq!(with_causes(&err), "a: b");
    }
}
