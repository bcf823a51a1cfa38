//! All parsers of ClientHellos, and a check that they agree.

use std::hint::black_box;

use rustls_ext_wire::{Answer, Scan};

use crate::bound::Bound;
use crate::contender::{Contender, Found};
use crate::corpus::Hello;

/// The groups of measurements.
pub const PARSE: &str = "parse a ClientHello";
pub const ONE_BY_ONE: &str = "scan of each ClientHello";
pub const PARSE_AND_FIND: &str = "parse a ClientHello and find names, protocols, flags";

/// The scan.
pub struct OurScan(pub Scan);

impl Contender for OurScan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn read(&mut self, hello: &Hello) {
        black_box(&self.0.records(hello.bytes(), &mut []));
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        let Answer::Hello { hello, .. } = self.0.records(hello.bytes(), &mut []) else {
            return Found::default();
        };
        let mut alpn = hello.alpn();
        Found {
            server_name: hello.server_name(),
            alpn: [alpn.next(), alpn.next()],
            tls_flags: hello.tls_flags().is_some(),
        }
    }
}

/// All parsers, the scan first.
pub fn all() -> Vec<Box<dyn Contender>> {
    let ours: [Box<dyn Contender>; 2] = [Box::new(OurScan(Scan::default())), Box::new(Bound)];
    ours.into_iter().chain(peers()).collect()
}

#[cfg(feature = "peers")]
fn peers() -> Vec<Box<dyn Contender>> {
    crate::peers::all()
}

#[cfg(not(feature = "peers"))]
fn peers() -> Vec<Box<dyn Contender>> {
    vec![]
}

/// Panics unless all find the same values in each ClientHello, and find the flags.
pub fn agree(hellos: &[Hello], all: &mut [Box<dyn Contender>]) {
    for hello in hellos {
        let name = hello.name();
        let mut found = all.iter_mut().map(|contender| (contender.name(), contender.find(hello)));
        let (_, first) = found.next().expect("a contender");
        assert_eq!(first.server_name, Some(&b"www.example.com"[..]), "{name}");
        assert_eq!(first.tls_flags, name.ends_with("+flag"), "{name}");
        for (contender, found) in found {
            // rustls ignores flags in a ClientHello for TLS 1.2 alone (FLAGS-9), and shows none.
            let silent = contender == "rustls' Acceptor" && name.contains("tls12");
            let expected = Found { tls_flags: first.tls_flags && !silent, ..first };
            assert_eq!(found, expected, "{contender} on {name}");
        }
    }
}
