//! The names of the alerts that rustls sends for its errors.

use std::borrow::Cow;

use rustls_ext::alert_name;
use rustls_ext::rustls::Error;

/// Returns the name of the alert that rustls sends when a connection ends with `error`, or two
/// names if the error does not distinguish them; `None` if no alert is sent.
pub fn name_of_sent(error: &Error) -> Option<Cow<'static, str>> {
    match error {
        // For a record that cannot be decrypted, and for a wrong Finished message.
        Error::DecryptError => Some("bad_record_mac|decrypt_error".into()),
        _ => error.alert_sent().map(alert_name),
    }
}
