//! tls-parser: record, message, list of extensions.

use std::hint::black_box;

use tls_parser::{
    TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions,
    parse_tls_message_handshake, parse_tls_plaintext,
};

use crate::contender::{Contender, Found};
use crate::corpus::Hello;

use super::parser::{Parsed, Parser};

pub(super) struct TlsParser;

fn extensions(bytes: &[u8]) -> Option<Vec<TlsExtension<'_>>> {
    let (_, record) = parse_tls_plaintext(bytes).ok()?;
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
        black_box(&extensions(hello.bytes()));
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        let mut found = Found::default();
        for extension in extensions(hello.bytes()).unwrap_or_default() {
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

impl Parser for TlsParser {
    fn name(&self) -> &'static str {
        "tls-parser"
    }

    fn parse(&mut self, message: &[u8]) -> Option<Parsed> {
        let (rest, parsed) = parse_tls_message_handshake(message).ok()?;
        let TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello)) = parsed else {
            return None;
        };
        if !rest.is_empty() {
            return None;
        }
        let (_, extensions) =
            parse_tls_client_hello_extensions(hello.ext.unwrap_or_default()).ok()?;
        let mut seen = Parsed { read: Some(extensions.len()), ..Parsed::default() };
        for extension in extensions {
            match extension {
                TlsExtension::SNI(names) => {
                    seen.server_name = names.first().map(|(_, name)| name.to_vec());
                }
                TlsExtension::ALPN(names) => {
                    seen.alpn = names.into_iter().map(<[u8]>::to_vec).collect();
                }
                TlsExtension::Unknown(kind, _) if kind.0 == 62 => seen.tls_flags = true,
                _ => {}
            }
        }
        Some(seen)
    }
}
