//! Bytes that may be no hello, for who wants to know whether others agree about that.

/// What a library found in a ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub server_name: Option<Vec<u8>>,
    pub alpn: Vec<Vec<u8>>,
    /// Whether the extension is there.
    pub tls_flags: bool,
    /// How many extensions it read, from the first on, if it may have stopped before the last.
    pub read: Option<usize>,
}

/// A library, asked about anything.
pub trait Parser {
    fn name(&self) -> &'static str;

    /// Reads a handshake message of type ClientHello, whose header fits; `None` when the library
    /// refuses it.
    fn parse(&mut self, message: &[u8]) -> Option<Parsed>;
}
