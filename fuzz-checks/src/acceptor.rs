//! A server that looks at a ClientHello before it decides: no octets make it panic, and it sees
//! the offer that the scan sees.

use std::sync::{Arc, LazyLock};

use rustls_ext::rustls::ServerConfig;
use rustls_ext::rustls::server::Acceptor;
use rustls_ext_wire::{Answer, Scan};

use crate::site::{self, Decides};

static SERVER: LazyLock<Arc<ServerConfig>> =
    LazyLock::new(|| Arc::new(site::server(Decides::Require)));

/// See the module.
pub fn check(octets: &[u8]) {
    let mut acceptor = Acceptor::default();
    let mut rest = octets;
    // It takes as much at a time as it has room for.
    while !rest.is_empty() {
        match acceptor.read_tls(&mut rest) {
            Ok(read) if read > 0 => {}
            _ => break,
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let mut room = vec![0; Scan::LONGEST];
                let hello = accepted.client_hello();
                if let Answer::Hello { hello: seen, .. } =
                    Scan::default().records(octets, &mut room)
                {
                    let flag = seen.flags().is_ok_and(|flags| {
                        flags.is_some_and(|flags| {
                            flags.contains(rustls_ext_wire::Flag::REQUEST_CLIENT_AUTH)
                        })
                    });
                    // A flag that may not stand there, or a body where none may be, and there is
                    // no offer at all.
                    let offer = hello.client_auth_offer();
                    assert!(offer.is_none() || offer.has_flag() == flag);
                    assert!(offer.is_none() || offer.has_care() == seen.care().unwrap_or(false));
                    assert_eq!(hello.server_name().is_some(), seen.server_name().is_some());
                }
                if let Err((_, mut alert)) = accepted.into_connection(SERVER.clone()) {
                    let mut sent = Vec::new();
                    alert.write_all(&mut sent).expect("room for an alert");
                }
                return;
            }
            Err((_, mut alert)) => {
                let mut sent = Vec::new();
                alert.write_all(&mut sent).expect("room for an alert");
                return;
            }
        }
    }
}
