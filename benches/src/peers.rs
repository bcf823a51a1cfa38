//! Other libraries that parse a ClientHello, each with its own function for this.

use crate::contender::Contender;

mod acceptor;
mod bodies;
mod boringssl;
mod parser;
mod s2n;
mod tls_parser;

pub use parser::{Parsed, Parser};

pub(crate) fn all() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(tls_parser::TlsParser),
        Box::new(boringssl::BoringSsl::new()),
        Box::new(s2n::S2n::new()),
        Box::new(acceptor::Acceptor),
    ]
}

/// The parsers of BoringSSL, s2n-tls and tls-parser.
pub fn parsers() -> [Box<dyn Parser>; 3] {
    [
        Box::new(boringssl::BoringSsl::new()),
        Box::new(s2n::S2n::new()),
        Box::new(tls_parser::TlsParser),
    ]
}
