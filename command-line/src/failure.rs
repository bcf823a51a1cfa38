//! The error type of the commands.

use std::error::Error;
use std::fmt;

/// The error of a command, as one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The command line, or a file that it names, is unusable.
    Usage(String),
    /// A connection was refused or failed, or a check found a problem.
    Failed(String),
}

impl Failure {
    /// Reports that the value `value` of the option `option` is unusable because of `reason`.
    ///
    /// If the reason is an error, only its own text is written, without its causes: use
    /// [`with_causes`].
    pub fn option(option: &str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Usage(format!("{option} {value}: {reason}"))
    }

    /// Reports a failure because of `err` and its causes. `?` converts only types that are an
    /// [`Error`] themselves; use this for others, such as a reference to one.
    pub fn failed(err: &(dyn Error + 'static)) -> Self {
        Self::Failed(with_causes(err))
    }

    /// Returns the process's exit code: 1 for a failure, 2 for unusable options or files.
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

/// Converts an error that concerns no option. For this conversion to be possible, `Failure` itself is
/// not an [`Error`].
impl<E: Error + 'static> From<E> for Failure {
    fn from(err: E) -> Self {
        Self::failed(&err)
    }
}

/// Writes the texts of an error and its causes in one line, each once.
///
/// A cause is left out if the line already ends with its text, as a whole or after a colon and a
/// space: some errors repeat their causes. `rustls_ext::with_causes` does the same; this function
/// is for programs that do not depend on that crate.
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

    /// An error with this text and this cause.
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
