//! Bodies of workload_identifier_origin_hint, for both roles.

use crate::bodies::Malformed;

/// The origin that the tester hints at by default, and that the faulty servers know.
pub const ORIGIN: &str = "spiffe://example.org";

/// A valid origin that no server knows: its domain is reserved (RFC 2606).
pub const UNKNOWN: &str = "spiffe://unknown.invalid";

/// The body with these strings, valid or not.
pub fn list<S: AsRef<[u8]>>(strings: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut items = Vec::new();
    for string in strings {
        items.extend(length(string.as_ref()));
        items.extend_from_slice(string.as_ref());
    }
    [length(&items).as_slice(), &items].concat()
}

/// The two bytes of a length. No list of the tester is longer than two bytes can tell.
fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// All malformed bodies.
pub const MALFORMED: [Malformed; 9] = [
    malformed("no-bytes", "an empty body", b""),
    malformed("half-length", "half of a length", b"\0"),
    malformed("empty-list", "an empty list", b"\0\0"),
    malformed("empty-string", "an empty string", b"\0\x02\0\0"),
    malformed(
        "empty-string-behind",
        "an empty string after an origin",
        b"\0\x18\0\x14spiffe://example.org\0\0",
    ),
    malformed("list-too-long", "a list beyond the end", b"\0\x17\0\x14spiffe://example.org"),
    malformed("bytes-behind", "bytes after the list", b"\0\x16\0\x14spiffe://example.org\0"),
    malformed("string-too-long", "a string beyond the list", b"\0\x16\0\x15spiffe://example.org"),
    malformed("string-too-short", "a byte after the strings", b"\0\x16\0\x13spiffe://example.org"),
];

const fn malformed(name: &'static str, what: &'static str, body: &'static [u8]) -> Malformed {
    Malformed { name, rule: "WIO-2", what, body }
}

/// A string that is not an origin, but resembles one.
#[derive(Clone, Copy, Debug)]
pub struct Invalid {
    /// Its part of a case's name.
    pub name: &'static str,
    /// Its description.
    pub what: &'static str,
    /// The string that resembles the origin of this scheme and this trust domain.
    pub string: fn(&str, &str) -> Vec<u8>,
}

impl Invalid {
    /// The string that resembles this origin.
    pub fn like(&self, origin: &str) -> Vec<u8> {
        let (scheme, domain) = origin.split_once("://").unwrap_or(("spiffe", origin));
        (self.string)(scheme, domain)
    }
}

/// All strings that are not origins.
pub const INVALID: [Invalid; 9] = [
    invalid("path", "a URI with a path", |scheme, domain| text(&[scheme, "://", domain, "/a"])),
    invalid("slash", "a URI with a slash at the end", |scheme, domain| {
        text(&[scheme, "://", domain, "/"])
    }),
    invalid("query", "a URI with a query", |scheme, domain| text(&[scheme, "://", domain, "?a"])),
    invalid("fragment", "a URI with a fragment", |scheme, domain| {
        text(&[scheme, "://", domain, "#a"])
    }),
    invalid("userinfo", "a URI with userinfo", |scheme, domain| text(&[scheme, "://a@", domain])),
    invalid("port", "a URI with a port", |scheme, domain| text(&[scheme, "://", domain, ":443"])),
    invalid("no-scheme", "a trust domain without a scheme", |_, domain| text(&[domain])),
    invalid("no-domain", "a scheme without a trust domain", |scheme, _| text(&[scheme, "://"])),
    invalid("not-utf8", "a string that is not UTF-8", |scheme, domain| {
        [text(&[scheme, "://", domain]), vec![0xff]].concat()
    }),
];

const fn invalid(
    name: &'static str,
    what: &'static str,
    string: fn(&str, &str) -> Vec<u8>,
) -> Invalid {
    Invalid { name, what, string }
}

fn text(parts: &[&str]) -> Vec<u8> {
    parts.concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use rustls_ext_wire::Origins;

    use super::*;

    #[test]
    fn wio_2_and_wio_3_bodies_are_what_their_names_say() {
        for Malformed { name, body, .. } in MALFORMED {
            assert!(Origins::decode(body).is_err(), "{name}");
        }
        for invalid in INVALID {
            let body = list([invalid.like(ORIGIN)]);
            assert_eq!(Origins::decode(&body).unwrap().ignored(), 1, "{}", invalid.name);
        }
        let body = list([ORIGIN, UNKNOWN]);
        let origins: Vec<_> =
            Origins::decode(&body).unwrap().iter().map(|origin| origin.to_string()).collect();
        assert_eq!(origins, [ORIGIN, UNKNOWN]);
    }
}
