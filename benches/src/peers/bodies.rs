//! Parses the bodies of extensions, for libraries that do not.

/// The host name in the body of `server_name`.
pub(super) fn server_name(body: &[u8]) -> Option<&[u8]> {
    body.get(5..)
}

/// The complete names in the body of ALPN.
pub(super) fn alpn(body: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = body.get(2..).unwrap_or_default();
    let mut names = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let Some((name, after)) = after.split_at_checked(usize::from(*length)) else { break };
        names.push(name.to_vec());
        rest = after;
    }
    names
}
