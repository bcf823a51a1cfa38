//! The body of `workload_identifier_origin_hint`: what is read can be written again, and equality
//! of origins is that of their normal forms.

use std::hash::{BuildHasher, RandomState};

use rustls_ext_wire::{Alert, MAX_ORIGIN_BYTES, MAX_ORIGINS, Origin, Origins, write_origin_hint};

/// Checks the properties of this module for any body.
pub fn check(body: &[u8]) {
    // Texts of a fuzzer, without the lengths of a list
    if let Ok(text) = core::str::from_utf8(body) {
        assert_consistent(text);
    }
    let origins = match Origins::decode(body) {
        Ok(origins) => origins,
        Err(error) => {
            assert!(!well_formed(body));
            assert_eq!((error.rule(), error.alert()), ("WIO-2", Alert::DECODE_ERROR));
            return;
        }
    };
    assert!(well_formed(body));
    let read: Vec<_> = origins.iter().collect();
    assert!(read.len() <= MAX_ORIGINS);
    assert_eq!(read.len() + origins.ignored(), origins.strings().count());
    let bytes: usize = read.iter().map(|origin| 2 + origin.as_str().len()).sum();
    assert!(2 + bytes <= MAX_ORIGIN_BYTES);

    let mut buffer = [0; MAX_ORIGIN_BYTES];
    match write_origin_hint(read.iter().map(Origin::as_str), &mut buffer) {
        Err(_) => assert!(read.is_empty()),
        Ok(written) => {
            assert_eq!(written == body, origins.ignored() == 0);
            let again = Origins::decode(written).expect("it was written");
            assert!(again.iter().eq(read.iter().copied()) && again.ignored() == 0);
        }
    }
    for origin in &read {
        assert!(origins.contains(*origin));
        assert_consistent(origin.as_str());
        for other in &read {
            assert_same(*origin, *other);
        }
    }
}

/// Asserts what must hold for any text.
fn assert_consistent(text: &str) {
    let (origin, of_uri) = (Origin::parse(text), Origin::of_uri(text));
    if let Ok(origin) = origin {
        assert_eq!((origin.as_str(), of_uri), (text, Some(origin)));
        let normal = origin.to_string();
        let same = Origin::parse(&normal).expect("a normal form is an origin");
        assert_eq!((same, same.to_string()), (origin, normal.clone()));
        assert!(normal.is_ascii() && !normal.contains(|c: char| c.is_ascii_control()));
        for different in [format!("x{text}"), format!("{text}x")] {
            if let Ok(different) = Origin::parse(&different) {
                assert_same(origin, different);
                assert_ne!(origin, different);
            }
        }
    }
    if let Some(of_uri) = of_uri {
        assert_eq!(Origin::parse(of_uri.as_str()), Ok(of_uri));
        assert!(text.starts_with(of_uri.as_str()) && !of_uri.trust_domain().is_empty());
    }
}

/// Asserts that equality is that of the normal forms, and that equal origins have equal hashes.
fn assert_same(one: Origin<'_>, two: Origin<'_>) {
    let equal = one == two;
    assert_eq!(equal, two == one);
    assert_eq!(equal, one.to_string() == two.to_string());
    let hasher = RandomState::new();
    assert!(!equal || hasher.hash_one(one) == hasher.hash_one(two));
}

/// Returns true if a body is a list of strings, neither of which is empty.
pub(crate) fn well_formed(body: &[u8]) -> bool {
    fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        rest.split_at_checked(length).filter(|(string, _)| !string.is_empty())
    }
    let Some((mut list, [])) = string(body) else { return false };
    while let Some((_, rest)) = string(list) {
        list = rest;
    }
    list.is_empty()
}
