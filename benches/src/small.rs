//! Small operations: flags, challenges and origins.

use std::hint::black_box;

use rustls_ext::http::{Challenge, Challenges};
use rustls_ext_wire::{Answer, Flag, FlagSet, Scan, write_origin_hint};

use crate::corpus;

/// An operation to repeat.
pub struct Small {
    pub group: &'static str,
    pub name: String,
    pub run: Box<dyn FnMut()>,
}

impl Small {
    fn new(group: &'static str, name: impl Into<String>, run: impl FnMut() + 'static) -> Self {
        Self { group, name: name.into(), run: Box::new(run) }
    }
}

/// All operations.
///
/// # Panics
/// Unless parsing returns the encoded value.
pub fn all() -> Vec<Small> {
    let mut all = flags();
    all.extend(challenges());
    all.extend(origins());
    all
}

/// The group of a ClientHello with origins, and of the same one without.
pub const ORIGINS: &str = "scan of a ClientHello with origins";
pub const FOUR_ORIGINS: &str = "four origins";
pub const NO_ORIGINS: &str = "no origins";

fn origins() -> Vec<Small> {
    // Of the real clients, rustls has the shortest ClientHello, so one extension counts most.
    let hellos = corpus::read().expect("the corpus");
    let without = hellos.into_iter().find(|hello| hello.name() == "rustls-ring");
    let without = without.expect("a ClientHello of rustls");
    let mut buffer = [0; 256];
    let list = ["spiffe", "wimse"].map(|scheme| {
        ["example.org", "botfarm.example.com"].map(|domain| format!("{scheme}://{domain}"))
    });
    let body = write_origin_hint(list.as_flattened(), &mut buffer).expect("four origins");
    let with = with_extension(without.message(), 0xffcb, body);
    let mut all = Vec::new();
    for (name, message) in [(NO_ORIGINS, without.message().to_vec()), (FOUR_ORIGINS, with)] {
        all.push(Small::new(ORIGINS, name, move || {
            black_box(&Scan::default().handshake(black_box(&message)));
        }));
    }
    let message = with_extension(without.message(), 0xffcb, body);
    all.push(Small::new(ORIGINS, "four origins, and reading them", move || {
        let answer = Scan::default().handshake(black_box(&message));
        let Answer::Hello { hello, .. } = answer else { panic!("no ClientHello") };
        let origins = hello.origins().ok().flatten();
        assert_eq!(black_box(origins).map(|origins| origins.iter().count()), Some(4));
    }));
    all
}

/// A handshake message with one more extension at its end.
fn with_extension(message: &[u8], number: u16, body: &[u8]) -> Vec<u8> {
    let Answer::Hello { hello, .. } = Scan::default().handshake(message) else {
        panic!("no ClientHello")
    };
    let list: usize = hello.extensions().map(|(_, body)| 4 + body.len()).sum();
    assert!(!hello.has_pre_shared_key(), "it must be the last extension");
    let number_of = |count: usize| u16::try_from(count).expect("16 bits").to_be_bytes();
    let mut longer = message.to_vec();
    let at = longer.len() - list - 2;
    let added = 4 + body.len();
    longer[at..at + 2].copy_from_slice(&number_of(list + added));
    longer.extend([number.to_be_bytes(), number_of(body.len())].as_flattened());
    longer.extend(body);
    longer[2..4].copy_from_slice(&number_of(message.len() - 4 + added));
    longer
}

fn flags() -> Vec<Small> {
    let full: FlagSet = (0..=Flag::MAX.get()).filter_map(|n| Flag::new(n).ok()).collect();
    let one = FlagSet::single(Flag::REQUEST_CLIENT_AUTH);
    let mut all = vec![Small::new("flags", "make and encode 80", || {
        let set = FlagSet::single(black_box(Flag::REQUEST_CLIENT_AUTH));
        black_box(set.body().map(<[u8]>::len));
    })];
    for (name, set) in [("80", one), ("0 to 2039", full)] {
        let body = set.body().expect("flags").to_vec();
        assert_eq!(FlagSet::decode(&body).as_ref(), Ok(&set));
        all.push(Small::new("flags", format!("decode {name}"), move || {
            let _ = black_box(&FlagSet::decode(black_box(&body)));
        }));
        all.push(Small::new("flags", format!("encode {name}"), move || {
            black_box(black_box(&set).body().map(<[u8]>::len));
        }));
    }
    all
}

/// With challenges of other schemes, as a proxy may join them.
fn challenges() -> Vec<Small> {
    let mut all = Vec::new();
    for names in [0, 1, 100] {
        let name = |number: u32| format!("CN=authority {number}").into_bytes();
        let challenge = (0..names).map(name).fold(Challenge::new(), Challenge::accept_issuer);
        let value = challenge.to_value().expect("a value");
        let line = [b"Basic realm=\"a, b\", ", value.as_bytes(), b", Negotiate"].concat();
        let read = Challenges::in_lines([&line[..]]).challenges;
        assert_eq!(read.as_slice(), std::slice::from_ref(&challenge));
        all.push(Small::new("challenge", format!("parse one with {names} names"), move || {
            black_box(&Challenges::in_lines([black_box(&line[..])]));
        }));
        all.push(Small::new("challenge", format!("write one with {names} names"), move || {
            let _ = black_box(&black_box(&challenge).to_value());
        }));
    }
    all
}
