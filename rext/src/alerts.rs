//! The alert that goes with an error, by the name that RFC 8446 gives it.

use std::borrow::Cow;

use rustls_ext::alert_name;
use rustls_ext::rustls::Error;

/// The name of the alert that rustls sends when a connection ends with `error`, or both names where
/// the error does not tell which of two it was; `None` if it sends none.
pub fn name_of_sent(error: &Error) -> Option<Cow<'static, str>> {
    match error {
        // For a record that does not decrypt, and for a Finished that is wrong.
        Error::DecryptError => Some("bad_record_mac|decrypt_error".into()),
        _ => error.alert_sent().map(alert_name),
    }
}
