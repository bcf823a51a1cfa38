//! Parsers of other libraries, for any bytes, to compare their results with the scan's.

/// The values that a library found in a ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub server_name: Option<Vec<u8>>,
    pub alpn: Vec<Vec<u8>>,
    /// Whether the extension is present.
    pub tls_flags: bool,
    /// How many extensions it read, if it may stop before the last one.
    pub read: Option<usize>,
}

/// A library's parser of ClientHellos.
pub trait Parser {
    fn name(&self) -> &'static str;

    /// Parses a handshake message of type ClientHello with a correct header; `None` if the library
    /// refuses it.
    fn parse(&mut self, message: &[u8]) -> Option<Parsed>;
}
