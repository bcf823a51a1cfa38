//! Other libraries that read a ClientHello, each in the way that it offers for that.

use crate::contenders::Contender;

mod acceptor;
mod boringssl;
mod s2n;
mod tls_parser;

pub(crate) fn all() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(tls_parser::TlsParser),
        Box::new(boringssl::BoringSsl::new()),
        Box::new(s2n::S2n::new()),
        Box::new(acceptor::Acceptor),
    ]
}

/// The host name in the body of `server_name`.
fn server_name(body: &[u8]) -> Option<&[u8]> {
    body.get(5..)
}
