//! The names of authorities in a CertificateRequest.

use rustls::DistinguishedName;

/// The size in bytes above which some clients refuse the message.
pub(crate) const MANY_NAMES: usize = 16 * 1024;

/// Removes duplicates, and keeps the order of first appearance.
pub(super) fn once(names: impl IntoIterator<Item = DistinguishedName>) -> Vec<DistinguishedName> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().filter(|name| seen.insert(name.as_ref().to_vec())).collect()
}

/// The size of the names in bytes, each with its length field.
pub(super) fn encoded_len(names: &[DistinguishedName]) -> usize {
    names.iter().map(|name| 2 + name.as_ref().len()).sum()
}
