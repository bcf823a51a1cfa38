//! Everyone who reads a hello, behind one signature.

use std::hint::black_box;

use rustls_ext_wire::{Answer, Scan};

use crate::corpus::Hello;

/// The groups of what is measured.
pub const PARSE: &str = "parse a hello";
pub const ONE_BY_ONE: &str = "scan of each hello";
pub const PARSE_AND_FIND: &str = "parse a hello and find names, protocols, flags";

/// What all contenders must find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found<'a> {
    pub server_name: Option<&'a [u8]>,
    /// The first two; no hello of the corpus has more.
    pub alpn: [Option<&'a [u8]>; 2],
    /// Whether the extension is there.
    pub tls_flags: bool,
}

/// Reads hellos, in one way.
pub trait Contender {
    fn name(&self) -> &'static str;

    /// Reads a hello, and keeps what was read from being optimised away.
    fn read(&mut self, hello: &Hello);

    /// Reads a hello, and looks up what all must find.
    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a>;
}

/// The first two of the names in a list of ALPN.
pub fn names(list: &[u8]) -> [Option<&[u8]>; 2] {
    let mut rest = list;
    let mut next = || {
        let (length, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        Some(name)
    };
    [next(), next()]
}

/// The scan.
pub struct OurScan(pub Scan);

impl Contender for OurScan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn read(&mut self, hello: &Hello) {
        black_box(&self.0.records(hello.octets(), &mut []));
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        let Answer::Hello { hello, .. } = self.0.records(hello.octets(), &mut []) else {
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

/// Everyone, the scan first.
pub fn all() -> Vec<Box<dyn Contender>> {
    let ours: [Box<dyn Contender>; 2] =
        [Box::new(OurScan(Scan::default())), Box::new(crate::bound::Bound)];
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

/// Panics unless all find the same in every hello, and find the flags where they are.
pub fn agree(hellos: &[Hello], all: &mut [Box<dyn Contender>]) {
    for hello in hellos {
        let name = hello.name();
        let mut found = all.iter_mut().map(|contender| (contender.name(), contender.find(hello)));
        let (_, first) = found.next().expect("a contender");
        assert_eq!(first.server_name, Some(&b"www.example.com"[..]), "{name}");
        assert_eq!(first.tls_flags, name.ends_with("+flag"), "{name}");
        for (contender, found) in found {
            // rustls goes by no flag in a hello for TLS 1.2 alone (FLAGS-9), and shows none.
            let silent = contender == "rustls' Acceptor" && name.contains("tls12");
            let expected = Found { tls_flags: first.tls_flags && !silent, ..first };
            assert_eq!(found, expected, "{contender} on {name}");
        }
    }
}
