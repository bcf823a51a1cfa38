//! The scan beside BoringSSL, s2n-tls and tls-parser: what it takes, they take, and find the same in
//! it; what it refuses, they refuse, but for the differences that are listed here.

use std::cell::RefCell;

use benches::peers::{self, Parsed, Parser};
use rustls_ext_wire::{Answer, ClientHello, Flaw, Part, Scan, ScanError};

thread_local! {
    static PEERS: RefCell<[Box<dyn Parser>; 3]> = RefCell::new(peers::parsers());
}

/// The body of a ClientHello.
pub fn check(body: &[u8]) {
    let Ok(length) = u16::try_from(body.len()) else { return };
    let [high, low] = length.to_be_bytes();
    let message = [&[1, 0, high, low], body].concat();
    let answer = Scan::default().body(body);
    PEERS.with_borrow_mut(|peers| {
        for peer in peers {
            compare(answer, peer.name(), peer.parse(&message));
        }
    });
}

fn compare(answer: Answer<'_>, name: &str, seen: Option<Parsed>) {
    match (answer, seen) {
        (Answer::Hello { hello, .. }, Some(seen)) => {
            let read = seen.read.unwrap_or(usize::MAX);
            assert_eq!(Parsed { read: None, ..seen }, ours(&hello, read), "{name}");
        }
        (Answer::Hello { hello, .. }, None) => panic!("{name} refuses {hello:?}"),
        (Answer::Malformed(error), Some(seen)) => {
            assert!(more_lenient(name, error), "{name} takes {error:?}: {seen:?}");
        }
        // A version of DTLS is a version like others, to who was told that this is TLS.
        (Answer::NotTls(_), _) | (Answer::Malformed(_), None) => {}
        (Answer::Incomplete { .. }, _) => unreachable!("a body is whole"),
    }
}

/// What the scan finds in so many of the extensions.
fn ours(hello: &ClientHello<'_>, read: usize) -> Parsed {
    let has = |wanted| hello.extensions().take(read).any(|(number, _)| number == wanted);
    Parsed {
        server_name: hello.server_name().filter(|_| has(0)).map(<[u8]>::to_vec),
        alpn: hello.alpn().filter(|_| has(16)).map(<[u8]>::to_vec).collect(),
        tls_flags: has(62),
        read: None,
    }
}

/// Whether a peer may take what the scan refuses for this.
fn more_lenient(name: &str, error: ScanError) -> bool {
    match error {
        // All of them leave it to others to look into extensions, s2n-tls finds only those twice
        // that it knows, and tls-parser and BoringSSL none.
        ScanError::DuplicateExtension { .. }
        | ScanError::AfterPreSharedKey { .. }
        | ScanError::BinderCount
        | ScanError::Malformed { part: Part::Extension(_), .. } => true,
        // What follows the last whole extension BoringSSL finds only when it looks for one.
        ScanError::Malformed { part: Part::Extensions, .. } => true,
        ScanError::Malformed { part: Part::CompressionMethods, flaw: Flaw::EmptyList } => {
            name != "BoringSSL"
        }
        ScanError::Malformed { part: Part::CipherSuites, flaw: Flaw::EmptyList } => {
            name == "tls-parser"
        }
        _ => false,
    }
}
