//! An error's causes: what is found among them, and how they are shown.

use std::error::Error;
use std::fmt::Write;
use std::io;

/// An error and its causes, the outermost first.
///
/// [`Error::source`] passes over the error that an [`io::Error`] was made of; this does not.
///
/// ```
/// use std::io;
///
/// use rustls_ext::causes;
/// use rustls_ext::rustls::{AlertDescription, Error};
///
/// let alert = Error::AlertReceived(AlertDescription::UnknownCA);
/// let err = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, alert.clone()));
/// let found: Option<&Error> = causes(&err).find_map(|err| err.downcast_ref());
/// assert_eq!(found, Some(&alert));
/// ```
pub fn causes<'a>(
    err: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(err), |&err| {
        match err.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => err.source(),
        }
    })
}

/// The texts of an error and its causes in one line, as `no response: connection reset`.
///
/// A cause whose text is that of the error around it, as of an [`io::Error`], is left out.
pub fn with_causes(err: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    let mut last = String::new();
    for err in causes(err) {
        let text = err.to_string();
        if text != last {
            let colon = if line.is_empty() { "" } else { ": " };
            let _ = write!(line, "{colon}{text}");
        }
        last = text;
    }
    line
}

/// The TLS error that this I/O error was made of, as those of tokio-rustls are.
///
/// Errors further inside are of another connection, such as one through which this one goes: see
/// [`causes`].
pub fn tls_error(err: &io::Error) -> Option<&rustls::Error> {
    err.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> rustls::Error {
        rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA)
    }

    #[test]
    fn what_an_io_error_was_made_of_is_among_the_causes_once() {
        let outer = io::Error::other(io::Error::other(alert()));
        assert_eq!(causes(&outer).count(), 3);
        let found = causes(&outer).filter(|err| err.is::<rustls::Error>());
        assert_eq!(found.count(), 1);
        assert_eq!(with_causes(&outer), alert().to_string());
    }

    #[test]
    fn a_tls_error_is_what_the_io_error_was_made_of_itself() {
        let inner = io::Error::other(alert());
        assert_eq!(tls_error(&inner), Some(&alert()));
        assert_eq!(tls_error(&io::Error::other(inner)), None);
        assert_eq!(tls_error(&io::Error::from(io::ErrorKind::BrokenPipe)), None);
    }

    #[test]
    fn causes_stand_behind_each_other() {
        let err =
            crate::PolicyError::Rule { rule: Some(2), problem: crate::RuleProblem::Contradiction };
        let cause = crate::RuleProblem::Contradiction.to_string();
        assert_eq!(with_causes(&err), format!("rule 2: {cause}: {cause}"));
    }
}
