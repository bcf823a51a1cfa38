//! Generated texts and lists, compared with a model that copies and allocates.

use std::hash::{BuildHasher, RandomState};

use proptest::collection::vec;
use proptest::prelude::*;
use rustls_ext_wire::{
    MAX_ORIGIN_BYTES, MAX_ORIGINS, Origin, Origins, WriteOriginsError, write_origin_hint,
};

use crate::body;

/// The normal form of RFC 3986 section 6.2.2, by replacing text.
fn normal(text: &str) -> String {
    let mut normal = text.to_ascii_lowercase();
    for byte in (b'0'..=b'9').chain(b'a'..=b'z').chain(*b"-._~") {
        normal = normal.replace(&format!("%{byte:02x}"), &char::from(byte).to_string());
        let upper = byte.to_ascii_uppercase();
        normal = normal.replace(&format!("%{upper:02x}"), &char::from(byte).to_string());
    }
    normal
}

/// Texts that are often origins, few of them different.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop_oneof!["[aA.]", Just("%61".to_owned()), Just("%41".to_owned())],
        2 => prop_oneof![Just("%2f".to_owned()), Just("%2F".to_owned()), Just("%2e".to_owned())],
        1 => "[/?#@:%\\[\\] ä]",
    ];
    let scheme = prop_oneof![8 => "[sS]", 1 => "[a1:/]"];
    let separator = prop_oneof![12 => Just("://"), 1 => Just(":/"), 1 => Just("//")];
    (scheme, separator, vec(piece, 0..4))
        .prop_map(|(scheme, separator, pieces)| [&scheme, separator, &pieces.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn wio_6_equality_is_that_of_the_normal_form(one in text(), two in text()) {
        if let (Ok(a), Ok(b)) = (Origin::parse(&one), Origin::parse(&two)) {
            let equal = normal(&one) == normal(&two);
            prop_assert_eq!(a == b, equal);
            prop_assert_eq!(a.to_string() == b.to_string(), equal);
            let hasher = RandomState::new();
            prop_assert!(!equal || hasher.hash_one(a) == hasher.hash_one(b));
        }
    }

    #[test]
    fn wio_3_an_origin_with_a_path_is_an_identifier_of_that_origin(text in text()) {
        match Origin::parse(&text) {
            Ok(origin) => {
                let uri = format!("{text}/agent");
                prop_assert!(Origin::parse(&uri).is_err());
                prop_assert_eq!(Origin::of_uri(&uri), Some(origin));
                prop_assert_eq!(Origin::of_uri(&text), Some(origin));
                let parts = format!("{}://{}", origin.scheme(), origin.trust_domain());
                prop_assert_eq!(parts, text);
            }
            // What is not an origin may be an identifier, but then one with a path.
            Err(_) => if let Some(origin) = Origin::of_uri(&text) {
                prop_assert!(text[origin.as_str().len()..].starts_with('/'));
            }
        }
    }

    #[test]
    fn wio_2_what_is_written_is_read(texts in vec(text(), 0..20)) {
        let mut buffer = [0; MAX_ORIGIN_BYTES];
        match write_origin_hint(&texts, &mut buffer) {
            Ok(written) => {
                prop_assert_eq!(written, &body(&texts)[..]);
                let read = Origins::decode(written).unwrap();
                prop_assert!(read.iter().map(|origin| origin.as_str()).eq(&texts));
                prop_assert_eq!(read.ignored(), 0);
            }
            Err(WriteOriginsError::Empty) => prop_assert!(texts.is_empty()),
            Err(WriteOriginsError::TooMany) => prop_assert!(texts.len() > MAX_ORIGINS),
            Err(WriteOriginsError::NotAnOrigin { index, error }) => {
                prop_assert_eq!(Origin::parse(&texts[index]), Err(error));
                prop_assert!(texts[..index].iter().all(|text| Origin::parse(text).is_ok()));
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn wio_3_and_wio_8_the_origins_of_any_list(texts in vec(text(), 1..24)) {
        let body = body(&texts.iter().filter(|text| !text.is_empty()).collect::<Vec<_>>());
        let origins = Origins::decode(&body).unwrap();
        let expected = texts.iter().take(16).filter(|text| Origin::parse(text).is_ok());
        prop_assert!(origins.iter().map(|origin| origin.as_str()).eq(expected.clone()));
        prop_assert_eq!(origins.ignored(), texts.len() - expected.count());
    }

    #[test]
    fn wio_2_bytes_decode_exactly_if_they_are_a_list(bytes in vec(0_u8..4, 0..12)) {
        match Origins::decode(&bytes) {
            Ok(origins) => {
                let strings: Vec<_> = origins.strings().collect();
                prop_assert_eq!(&body(&strings), &bytes);
                prop_assert!(!strings.is_empty() && strings.iter().all(|it| !it.is_empty()));
            }
            Err(_) => prop_assert!(!is_list(&bytes)),
        }
    }
}

/// Whether bytes are a list that is not empty, of strings that are not empty.
fn is_list(bytes: &[u8]) -> bool {
    let Some((list, [])) = string(bytes) else { return false };
    let mut rest = list;
    while let Some((_, after)) = string(rest) {
        rest = after;
    }
    rest.is_empty()
}

/// A string that is not empty, after its length, and the rest.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = (bytes.get(..2)?, &bytes[2..]);
    let length = usize::from(length[0]) * 256 + usize::from(length[1]);
    (length > 0 && length <= rest.len()).then(|| rest.split_at(length))
}
