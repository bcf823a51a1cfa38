//! The scan compared with BoringSSL, s2n-tls and tls-parser: they accept every ClientHello that it
//! accepts, with the same values, and refuse those that it refuses, except for the differences
//! listed here.

use std::cell::RefCell;

use benches::peers::{self, Parsed, Parser};
use rustls_ext_wire::{Answer, ClientHello, Flaw, Part, Scan, ScanError};

thread_local! {
    static PEERS: RefCell<[Box<dyn Parser>; 3]> = RefCell::new(peers::parsers());
}

/// Checks the properties of this module for the body of a ClientHello.
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
            assert!(more_lenient(name, error), "{name} accepts {error:?}: {seen:?}");
        }
        // The other libraries may treat a version of DTLS as any unknown version.
        (Answer::NotTls(_), _) | (Answer::Malformed(_), None) => {}
        (Answer::Incomplete { .. }, _) => unreachable!("the answer for a body is never incomplete"),
    }
}

/// The values that the scan finds in the first `read` extensions.
fn ours(hello: &ClientHello<'_>, read: usize) -> Parsed {
    let has = |wanted| hello.extensions().take(read).any(|(number, _)| number == wanted);
    Parsed {
        server_name: hello.server_name().filter(|_| has(0)).map(<[u8]>::to_vec),
        alpn: hello.alpn().filter(|_| has(16)).map(<[u8]>::to_vec).collect(),
        tls_flags: has(62),
        read: None,
    }
}

/// Returns true if a library may accept a ClientHello that the scan refuses with this error.
fn more_lenient(name: &str, error: ScanError) -> bool {
    match error {
        // None of them checks the bodies of extensions here. s2n-tls detects duplicates of known
        // extensions only, tls-parser and BoringSSL none.
        ScanError::DuplicateExtension { .. }
        | ScanError::AfterPreSharedKey { .. }
        | ScanError::BinderCount
        | ScanError::Malformed { part: Part::Extension(_), .. } => true,
        // BoringSSL detects bytes after the last complete extension only when it looks one up.
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
