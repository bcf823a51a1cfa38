//! Small operations: flags and challenges.

use std::hint::black_box;

use rustls_ext::http::{Challenge, Challenges};
use rustls_ext_wire::{Flag, FlagSet};

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
    all
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
