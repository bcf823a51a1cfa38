//! The names of authorities in a CertificateRequest.

use rustls::DistinguishedName;

/// How many bytes the names may take up.
///
/// A list of names has at most 65,535 bytes (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4). With
/// TLS 1.3 it is in an extension, and that with others in a field of as many; this leaves room for
/// them.
pub(crate) const MOST_NAMES: usize = u16::MAX as usize - 256;

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
