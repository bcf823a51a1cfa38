//! tls-parser: record, message, list of extensions.

use std::hint::black_box;

use tls_parser::{
    TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions,
    parse_tls_plaintext,
};

use crate::contenders::{Contender, Found};
use crate::corpus::Hello;

pub(super) struct TlsParser;

fn extensions(octets: &[u8]) -> Option<Vec<TlsExtension<'_>>> {
    let (_, record) = parse_tls_plaintext(octets).ok()?;
    match record.msg.first()? {
        TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello)) => {
            Some(parse_tls_client_hello_extensions(hello.ext?).ok()?.1)
        }
        _ => None,
    }
}

impl Contender for TlsParser {
    fn name(&self) -> &'static str {
        "tls-parser"
    }

    fn read(&mut self, hello: &Hello) {
        black_box(&extensions(hello.octets()));
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        let mut found = Found::default();
        for extension in extensions(hello.octets()).unwrap_or_default() {
            match extension {
                TlsExtension::SNI(names) => {
                    found.server_name = names.first().map(|(_, name)| *name);
                }
                TlsExtension::ALPN(names) => {
                    found.alpn = [names.first().copied(), names.get(1).copied()];
                }
                TlsExtension::Unknown(kind, _) if kind.0 == 62 => found.tls_flags = true,
                _ => {}
            }
        }
        found
    }
}
