//! Readers of a hello, behind one signature.

use crate::corpus::Hello;

/// What all contenders must find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found<'a> {
    pub server_name: Option<&'a [u8]>,
    /// The first two; no hello of the corpus has more.
    pub alpn: [Option<&'a [u8]>; 2],
    /// Whether the extension is there.
    pub tls_flags: bool,
}

/// Reads hellos, in one way.
pub trait Contender {
    fn name(&self) -> &'static str;

    /// Reads a hello, and keeps what was read from being optimised away.
    fn read(&mut self, hello: &Hello);

    /// Reads a hello, and looks up what all must find.
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
