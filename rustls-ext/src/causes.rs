//! Finding and showing the causes of an error.

use std::error::Error;
use std::fmt::Write;
use std::io;

use crate::{LoadError, explain};

/// Iterates over an error and its causes, outermost first.
///
/// [`Error::source`] skips the error that an [`io::Error`] or a [`LoadError`] was made of; this
/// function does not.
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
        let made_of = || err.downcast_ref::<io::Error>()?.get_ref();
        match err.downcast_ref::<LoadError>() {
            Some(err) => Some(err.get_ref()),
            None => match made_of() {
                Some(inner) => Some(inner),
                None => err.source(),
            },
        }
    })
}

/// Writes the texts of an error and its causes in one line, such as
/// `no response: connection reset`, for logs and other places where people read an error.
///
/// The text of each error of this crate does not repeat the text of its [`source`](Error::source).
/// Some errors of other crates do repeat it. So a cause is left out if the line already ends with
/// its text, either as a whole or after a colon and a space. A cause without a text is left out,
/// too.
///
/// ```
/// use rustls_ext::{Files, with_causes};
///
/// let err = Files::new().certificates("none.pem").unwrap_err();
/// assert_eq!(err.to_string(), "none.pem: cannot read it");
/// assert!(with_causes(&err).starts_with("none.pem: cannot read it: "));
/// ```
pub fn with_causes(err: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for err in causes(err) {
        let text = text_of(err);
        if line.is_empty() {
            line = text;
        } else if !text.is_empty() && !ends_with(&line, &text) {
            let _ = write!(line, ": {text}");
        }
    }
    line
}

/// The text of one error, in words where rustls shows an error of webpki in its debug format.
fn text_of(err: &(dyn Error + 'static)) -> String {
    use rustls::{CertificateError, Error};
    if let Some(inner) = err.downcast_ref().and_then(io::Error::get_ref) {
        // An I/O error that was made of another one has the same text.
        if inner.to_string() == err.to_string() {
            return text_of(inner);
        }
    }
    match err.downcast_ref() {
        Some(tls @ Error::InvalidCertificate(CertificateError::Other(_))) => {
            format!("invalid peer certificate: {}", explain(tls))
        }
        _ => err.to_string(),
    }
}

/// Returns true if `text` is the last part of `line`, whose parts are separated by colons.
fn ends_with(line: &str, text: &str) -> bool {
    line.strip_suffix(text).is_some_and(|before| before.is_empty() || before.ends_with(": "))
}

/// Returns the TLS error that this I/O error was made of, as tokio-rustls makes them.
///
/// A TLS error further inside belongs to another connection, such as a connection to a proxy that
/// carries this one: see [`causes`].
pub fn tls_error(err: &io::Error) -> Option<&rustls::Error> {
    err.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{CertificateError, OtherError};

    use super::*;

    fn alert() -> rustls::Error {
        rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA)
    }

    #[test]
    fn an_error_of_webpki_is_explained() {
        let old =
            CertificateError::Other(OtherError(Arc::new(webpki::Error::UnsupportedCertVersion)));
        let line = with_causes(&io::Error::other(rustls::Error::InvalidCertificate(old)));
        assert!(
            line.starts_with("invalid peer certificate: a certificate is not of X.509 version 3")
        );
        assert!(!line.contains("UnsupportedCertVersion"), "{line}");
    }

    #[test]
    fn the_inner_error_of_an_io_error_is_among_the_causes_once() {
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

    /// An error with this text and this cause.
    #[derive(Debug)]
    struct Level(&'static str, Option<Box<Level>>);

    impl std::fmt::Display for Level {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Level {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    fn line(texts: &[&'static str]) -> String {
        let levels = texts.iter().rev();
        let outer = levels.fold(None, |cause, text| Some(Box::new(Level(text, cause)))).unwrap();
        with_causes(&*outer)
    }

    #[test]
    fn causes_stand_behind_each_other() {
        assert_eq!(line(&["no response", "connection reset"]), "no response: connection reset");
    }

    #[test]
    fn a_cause_that_the_line_ends_with_is_left_out() {
        for texts in [
            // such as transparent errors
            &["a: b", "a: b"][..],
            // such as errors that repeat their causes
            &["a: b", "b"],
            &["a", "b", "b"],
            &["a", "a: b", "b"][1..],
            &["", "a: b"],
            &["a", "", "b"],
        ] {
            assert_eq!(line(texts), "a: b", "{texts:?}");
        }
        assert_eq!(line(&["a: b: c", "b: c", "c", "d"]), "a: b: c: d");
    }

    #[test]
    fn a_cause_whose_text_is_only_the_end_of_a_word_or_in_the_middle_is_kept() {
        assert_eq!(line(&["no data", "a"]), "no data: a");
        assert_eq!(line(&["no reset", "reset"]), "no reset: reset");
        assert_eq!(line(&["a: b: c", "b"]), "a: b: c: b");
    }

    #[test]
    fn the_inner_error_of_a_load_error_is_among_the_causes() {
        let err = LoadError::from(alert());
        assert_eq!(causes(&err).find_map(|err| err.downcast_ref()), Some(&alert()));
        assert_eq!(with_causes(&err), alert().to_string());
    }
}
