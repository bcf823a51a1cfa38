//! The names of authorities in a CertificateRequest.

use rustls::DistinguishedName;

/// The number of bytes above which some clients refuse the message.
pub(crate) const MANY_NAMES: usize = 16 * 1024;

/// Each name once, in the order in which they came first.
pub(super) fn once(names: impl IntoIterator<Item = DistinguishedName>) -> Vec<DistinguishedName> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().filter(|name| seen.insert(name.as_ref().to_vec())).collect()
}

/// How many bytes the names take up, each with its length before it.
pub(super) fn encoded_len(names: &[DistinguishedName]) -> usize {
    names.iter().map(|name| 2 + name.as_ref().len()).sum()
}
