//! `workload_identifier_origin_hint`: origins, lists of them, and their limits.

mod generated;
mod list;
mod uri;
mod write;

/// The body of the extension with these strings, whatever they are.
fn body<S: AsRef<[u8]>>(strings: &[S]) -> Vec<u8> {
    let list: Vec<u8> = strings.iter().flat_map(|string| prefixed(string.as_ref())).collect();
    prefixed(&list)
}

/// Bytes after their 16-bit length.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}
