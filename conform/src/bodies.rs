//! Bodies of tls_flags, for both roles.

use rustls_ext_wire::{Flag, FlagSet};

/// The body with these flags; empty with none.
pub fn body(flags: impl IntoIterator<Item = u16>) -> Vec<u8> {
    let flags = flags.into_iter().filter_map(|flag| Flag::new(flag).ok());
    flags.collect::<FlagSet>().body().unwrap_or_default().to_vec()
}

/// A malformed body.
#[derive(Clone, Copy, Debug)]
pub struct Malformed {
    /// Its part of a case's name.
    pub name: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
    /// Its description.
    pub what: &'static str,
    /// The bytes.
    pub body: &'static [u8],
}

/// All malformed bodies.
pub const MALFORMED: [Malformed; 8] = [
    Malformed {
        name: "zero-byte",
        rule: "FLAGS-2",
        what: "a single byte without a flag",
        body: &[1, 0],
    },
    Malformed {
        name: "zero-bytes",
        rule: "FLAGS-2",
        what: "bytes without any flag",
        body: &[3, 0, 0, 0],
    },
    Malformed {
        name: "trailing-zero",
        rule: "FLAGS-2",
        what: "a zero byte after the last flag",
        body: &[2, 2, 0],
    },
    Malformed { name: "no-bytes", rule: "FLAGS-3", what: "an empty body", body: &[] },
    Malformed { name: "empty-list", rule: "FLAGS-3", what: "an empty list", body: &[0] },
    Malformed {
        name: "length-too-long",
        rule: "FLAGS-3",
        what: "a length beyond the end",
        body: &[2, 1],
    },
    Malformed {
        name: "bytes-behind",
        rule: "FLAGS-3",
        what: "bytes after the list",
        body: &[1, 2, 2],
    },
    Malformed {
        name: "empty-list-and-bytes",
        rule: "FLAGS-3",
        what: "an empty list, followed by bytes",
        body: &[0, 1],
    },
];
