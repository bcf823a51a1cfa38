//! Alerts as text.

/// An alert by name and number.
pub(crate) fn alert(description: u8) -> String {
    match rustls_ext_wire::Alert::name_of(description) {
        Some(name) => format!("{name} ({description})"),
        None => format!("number {description} ({description})"),
    }
}
