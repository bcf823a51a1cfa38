//! What the server behind reads from the fields of a request.

use std::net::IpAddr;

use super::{FORGED, Records, Seen};

/// Reads the fields that the gateway sets. `all` returns the values of a field.
///
/// # Errors
/// A description of the first thing that a gateway must not send.
pub(super) fn seen(
    method: &str,
    all: impl Fn(&str) -> Vec<String>,
    records: &Records,
) -> Result<Seen, String> {
    let address = match &*all("x-forwarded-for") {
        [address] => address.parse::<IpAddr>().ok(),
        _ => None,
    };
    let scope = match &*all("client-cert") {
        [] => None,
        [value] => {
            let known = records.certificates.iter().find(|(known, _)| known == value);
            let (_, scope) = known.ok_or_else(|| format!("another certificate: {value:?}"))?;
            Some(*scope)
        }
        several => return Err(format!("several certificates: {several:?}")),
    };
    let method = method.to_owned();
    Ok(Seen { method, scope, address, is_right: true, ..Seen::default() })
}

/// Refuses text with a value that a client forged.
///
/// # Errors
/// If there is one.
pub(super) fn refuse_forged(text: &str) -> Result<(), String> {
    if text.contains(FORGED) { Err(format!("a forged field: {text:?}")) } else { Ok(()) }
}
