//! The common interface of parsers.

use crate::corpus::Hello;

/// The values that all parsers must find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found<'a> {
    pub server_name: Option<&'a [u8]>,
    /// The first two; no ClientHello of the corpus has more.
    pub alpn: [Option<&'a [u8]>; 2],
    /// Whether the extension is there.
    pub tls_flags: bool,
}

/// A parser of ClientHellos.
pub trait Contender {
    fn name(&self) -> &'static str;

    /// Parses a ClientHello, and prevents that the result is optimised away.
    fn read(&mut self, hello: &Hello);

    /// Parses a ClientHello, and finds the values that all must find.
    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a>;
}

/// The first two of the names in a list of ALPN.
pub fn names(list: &[u8]) -> [Option<&[u8]>; 2] {
    let mut rest = list;
    let mut next = || {
        let (length, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        Some(name)
    };
    [next(), next()]
}
