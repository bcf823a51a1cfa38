//! Other libraries that read a ClientHello, each in the way that it offers for that.

use crate::contenders::Contender;

mod acceptor;
mod boringssl;
pub mod judge;
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

/// The names in the body of ALPN, as far as they are whole.
fn alpn(body: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = body.get(2..).unwrap_or_default();
    let mut names = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let Some((name, after)) = after.split_at_checked(usize::from(*length)) else { break };
        names.push(name.to_vec());
        rest = after;
    }
    names
}
