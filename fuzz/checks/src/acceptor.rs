//! The patched `Acceptor`: no bytes make it panic, and it sees the offer that the scan sees.

use std::sync::{Arc, LazyLock};

use rustls_ext::rustls::ServerConfig;
use rustls_ext::rustls::server::Acceptor;
use rustls_ext_wire::{
    Answer, ClientHello, CodePoints, Flag, FlagSet, Message, Offer, Scan, check as permit,
};

use crate::site::{self, Decides};

static SERVER: LazyLock<Arc<ServerConfig>> =
    LazyLock::new(|| Arc::new(site::server(Decides::Require)));

/// Checks the properties of this module for any bytes.
pub fn check(bytes: &[u8]) {
    let mut acceptor = Acceptor::default();
    let mut rest = bytes;
    // Each call reads as many bytes as fit into its buffer.
    while !rest.is_empty() {
        match acceptor.read_tls(&mut rest) {
            Ok(read) if read > 0 => {}
            _ => break,
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let mut buffer = vec![0; Scan::LONGEST];
                let hello = accepted.client_hello();
                if let Answer::Hello { hello: seen, .. } =
                    Scan::default().records(bytes, &mut buffer)
                {
                    assert_same_offer(hello.client_auth_offer(), &seen);
                    assert_eq!(hello.server_name().is_some(), seen.server_name().is_some());
                }
                if let Err((_, mut alert)) = accepted.into_connection(SERVER.clone()) {
                    let mut sent = Vec::new();
                    alert.write_all(&mut sent).expect("a write to memory");
                }
                return;
            }
            Err((_, mut alert)) => {
                let mut sent = Vec::new();
                alert.write_all(&mut sent).expect("a write to memory");
                return;
            }
        }
    }
}

/// Asserts that the server sees the offer of this ClientHello. There is none if flags or CARE are
/// malformed, or if a flag is not allowed; without TLS 1.3, flags do not count (FLAGS-9).
fn assert_same_offer(offer: Offer, hello: &ClientHello<'_>) {
    let (Ok(flags), Ok(care)) = (hello.flags(), hello.care()) else {
        return assert!(offer.is_none() || !hello.offers_tls13());
    };
    let flags = flags.unwrap_or_default();
    let points = CodePoints::DEFAULT;
    if hello.offers_tls13()
        && permit(Message::ClientHello, &flags, &FlagSet::EMPTY, &points).is_ok()
    {
        let flag = flags.contains(Flag::REQUEST_CLIENT_AUTH);
        assert_eq!(offer, Offer::new(flag, care));
    }
}
