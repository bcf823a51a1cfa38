//! rustls: an `Acceptor`, which also makes a connection, and checks more than the syntax.

use std::hint::black_box;

use rustls::server::{Accepted, Acceptor as RustlsAcceptor};

use crate::contender::{Contender, Found};
use crate::corpus::Hello;

pub(super) struct Acceptor;

fn accept(hello: &Hello) -> Accepted {
    let mut acceptor = RustlsAcceptor::default();
    acceptor.read_tls(&mut hello.bytes()).expect("bytes in memory");
    acceptor.accept().ok().flatten().expect("a hello")
}

impl Contender for Acceptor {
    fn name(&self) -> &'static str {
        "rustls' Acceptor"
    }

    fn read(&mut self, hello: &Hello) {
        black_box(&accept(hello));
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        let accepted = accept(hello);
        let client = accepted.client_hello();
        let within = |copy: &[u8]| {
            let at = hello.bytes().windows(copy.len()).position(|bytes| bytes == copy)?;
            hello.bytes().get(at..at + copy.len())
        };
        let mut alpn = client.alpn().into_iter().flatten();
        Found {
            server_name: client.server_name().and_then(|name| within(name.as_bytes())),
            alpn: [alpn.next().and_then(within), alpn.next().and_then(within)],
            tls_flags: client.offers_client_auth(),
        }
    }
}
