//! The body of `tls_flags`: FLAGS-1, FLAGS-2, FLAGS-3, FLAGS-8 and the layout of the bits.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rustls_ext_wire::{Alert, Flag, FlagOutOfRange, FlagSet, FlagsError};

fn flag(number: u16) -> Flag {
    Flag::new(number).unwrap()
}

fn set(numbers: &[u16]) -> FlagSet {
    numbers.iter().map(|number| flag(*number)).collect()
}

/// A length byte, followed by the bytes of flags.
fn body(flags: &[u8]) -> Vec<u8> {
    let mut body = vec![u8::try_from(flags.len()).unwrap()];
    body.extend(flags);
    body
}

/// Decodes a body by the text of the rules, without the codec: returns the numbers of the flags, or
/// the rule that the body breaks.
fn oracle(body: &[u8]) -> Result<BTreeSet<u16>, &'static str> {
    // One length byte, followed by 1 to 255 bytes.
    let Some(length) = body.first() else {
        return Err("FLAGS-3");
    };
    let list = &body[1..];
    if list.is_empty() || list.len() != *length as usize {
        return Err("FLAGS-3");
    }
    // Flag n is bit n mod 8, counted from the least significant, of byte n div 8.
    let bits = 0..8 * list.len();
    let is_set = |n: &usize| (list[n / 8] >> (n % 8)) % 2 == 1;
    let flags: BTreeSet<u16> = bits.filter(is_set).map(|n| n as u16).collect();
    // Neither only zero bits, nor a zero byte at the end.
    match flags.last() {
        Some(highest) if usize::from(*highest) / 8 == list.len() - 1 => Ok(flags),
        _ => Err("FLAGS-2"),
    }
}

fn agrees_with_oracle(body: &[u8]) {
    match (FlagSet::decode(body), oracle(body)) {
        (Ok(set), Ok(flags)) => {
            assert!(set.iter().map(Flag::get).eq(flags), "{body:02x?}");
            assert_eq!(set.body(), Some(body));
        }
        (Err(error), Err(rule)) => {
            assert_eq!(error.rule(), rule, "{body:02x?}");
            assert_eq!(error.alert(), Alert::ILLEGAL_PARAMETER);
        }
        (decoded, expected) => panic!("{body:02x?}: {decoded:?}, not {expected:?}"),
    }
}

#[test]
fn examples_of_the_draft() {
    let eleven = [&[0; 10][..], &[1]].concat();
    let examples: [(&[u16], &[u8]); 4] =
        [(&[0], &[0x01]), (&[1, 5], &[0x22]), (&[3, 5, 23], &[0x28, 0x00, 0x80]), (&[80], &eleven)];
    for (numbers, flags) in examples {
        assert_eq!(set(numbers).body(), Some(&body(flags)[..]));
        assert_eq!(FlagSet::decode(&body(flags)), Ok(set(numbers)));
    }
}

#[test]
fn decode_agrees_with_the_rules_on_every_body_of_up_to_three_bytes() {
    agrees_with_oracle(&[]);
    for a in 0..=255 {
        agrees_with_oracle(&[a]);
        for b in 0..=255 {
            agrees_with_oracle(&[a, b]);
            for c in 0..=255 {
                agrees_with_oracle(&[a, b, c]);
            }
        }
    }
}

#[test]
fn decode_agrees_with_the_rules_on_every_pair_of_lengths() {
    for declared in 0..=255 {
        for present in 0..300 {
            let mut body = vec![0; 1 + present];
            body[0] = declared;
            agrees_with_oracle(&body); // no bit
            if let Some(first) = body.get_mut(1) {
                *first = 1;
            }
            agrees_with_oracle(&body); // the first bit
            *body.last_mut().unwrap() |= 0x80;
            agrees_with_oracle(&body); // the last bit too
        }
    }
}

#[test]
fn flags_1_shortest_encoding() {
    for number in 0..=2039 {
        let single = FlagSet::single(flag(number));
        let mut flags = vec![0; usize::from(number / 8) + 1];
        *flags.last_mut().unwrap() = 1 << (number % 8);

        assert_eq!(single.body(), Some(&body(&flags)[..]), "{number}");
        assert_eq!(FlagSet::decode(&body(&flags)), Ok(single.clone()));
        assert_eq!(single.iter().collect::<Vec<_>>(), [flag(number)]);
    }
}

#[test]
fn flags_1_shortest_encoding_after_the_highest_flag_is_removed() {
    let mut flags = set(&[3, 80, 2039]);
    assert!(flags.remove(flag(2039)));
    assert_eq!(flags, set(&[3, 80]));
    assert_eq!(flags.body().unwrap().len(), 12);
    assert!(flags.remove(flag(80)));
    assert_eq!(flags.body(), Some(&[1, 0x08][..]));
    assert!(!flags.remove(flag(80)));
    assert!(flags.remove(flag(3)));
    assert_eq!(flags, FlagSet::EMPTY);
}

#[test]
fn a_flag_above_2039_cannot_be_made() {
    assert_eq!(Flag::new(2039), Ok(Flag::MAX));
    for number in 2040..=u16::MAX {
        assert_eq!(Flag::new(number), Err(FlagOutOfRange { number }));
        assert_eq!(Flag::try_from(number), Err(FlagOutOfRange { number }));
    }
    assert_eq!(
        FlagOutOfRange { number: 2040 }.to_string(),
        "2040 is not the number of a TLS flag: the highest is 2039"
    );
}

#[test]
fn flags_2_only_zero_bits_is_illegal_parameter() {
    for bytes in 1..=255 {
        let error = FlagSet::decode(&body(&vec![0; bytes])).unwrap_err();
        assert_eq!(error, FlagsError::NoFlagSet);
        assert_eq!((error.rule(), error.alert().code()), ("FLAGS-2", 47));
    }
    assert_eq!(FlagsError::NoFlagSet.to_string(), "malformed tls_flags: no flag is set (FLAGS-2)");
}

#[test]
fn flags_2_trailing_zero_byte_is_illegal_parameter() {
    for zeros in 1..=254 {
        let flags = [vec![0x80], vec![0; zeros]].concat();
        let error = FlagSet::decode(&body(&flags)).unwrap_err();
        assert_eq!(error, FlagsError::TrailingZero);
        assert_eq!((error.rule(), error.alert().code()), ("FLAGS-2", 47));
    }
    assert_eq!(
        FlagsError::TrailingZero.to_string(),
        "malformed tls_flags: the last byte is zero (FLAGS-2)"
    );
}

#[test]
fn flags_3_empty_body_is_illegal_parameter() {
    let error = FlagSet::decode(&[]).unwrap_err();
    assert_eq!(error, FlagsError::NoLength);
    assert_eq!((error.rule(), error.alert().code()), ("FLAGS-3", 47));
    assert_eq!(error.to_string(), "malformed tls_flags: the length byte is missing (FLAGS-3)");
}

#[test]
fn flags_3_empty_list_is_illegal_parameter() {
    let error = FlagSet::decode(&[0]).unwrap_err();
    assert_eq!(error, FlagsError::EmptyList);
    assert_eq!((error.rule(), error.alert().code()), ("FLAGS-3", 47));
    assert_eq!(error.to_string(), "malformed tls_flags: the list is empty (FLAGS-3)");
}

#[test]
fn flags_3_length_byte_disagrees_is_illegal_parameter() {
    let error = FlagSet::decode(&[3, 0x01, 0x01]).unwrap_err();
    assert_eq!(error, FlagsError::Truncated { declared: 3, present: 2 });
    assert_eq!((error.rule(), error.alert().code()), ("FLAGS-3", 47));
    assert_eq!(
        error.to_string(),
        "malformed tls_flags: its length byte is 3, but 2 bytes follow it (FLAGS-3)"
    );
}

#[test]
fn flags_3_bytes_after_the_list_is_illegal_parameter() {
    let cases: [(&[u8], FlagsError); 3] = [
        (&[1, 0x01, 0x01], FlagsError::TrailingBytes { declared: 1, present: 2 }),
        (&[0, 0x01], FlagsError::TrailingBytes { declared: 0, present: 1 }),
        (&[255; 257], FlagsError::TrailingBytes { declared: 255, present: 256 }),
    ];
    for (body, expected) in cases {
        let error = FlagSet::decode(body).unwrap_err();
        assert_eq!(error, expected);
        assert_eq!((error.rule(), error.alert().code()), ("FLAGS-3", 47));
    }
    assert_eq!(
        cases[0].1.to_string(),
        "malformed tls_flags: its length byte is 1, but 2 bytes follow it (FLAGS-3)"
    );
}

#[test]
fn flags_3_every_prefix_of_a_body_is_refused() {
    let whole = set(&[0, 80, 2039]);
    let whole = whole.body().unwrap();
    for end in 0..whole.len() {
        let error = FlagSet::decode(&whole[..end]).unwrap_err();
        assert_eq!(error.rule(), "FLAGS-3", "{end}");
    }
}

#[test]
fn flags_8_the_empty_set_has_no_body() {
    assert_eq!(FlagSet::EMPTY.body(), None);
    assert_eq!(FlagSet::default(), FlagSet::EMPTY);
}

#[test]
fn flags_12_equal_sets_compare_equal_however_they_were_made() {
    let mut changed = set(&[2039, 80]);
    changed.remove(flag(2039));
    let second = FlagSet::decode(FlagSet::single(flag(80)).body().unwrap()).unwrap();
    assert_eq!(changed, second);
    assert_ne!(changed, set(&[80, 81]));
}

#[test]
fn alerts_have_the_numbers_and_names_of_rfc_8446() {
    let alerts = [
        (Alert::UNEXPECTED_MESSAGE, 10, "unexpected_message"),
        (Alert::RECORD_OVERFLOW, 22, "record_overflow"),
        (Alert::ILLEGAL_PARAMETER, 47, "illegal_parameter"),
        (Alert::DECODE_ERROR, 50, "decode_error"),
        (Alert::UNSUPPORTED_EXTENSION, 110, "unsupported_extension"),
    ];
    for (alert, code, name) in alerts {
        assert_eq!((alert.code(), alert.name()), (code, name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn decode_agrees_with_the_rules_on_bodies_of_any_length(
        flags in proptest::collection::vec(any::<u8>(), 1..256),
        zeros in 0..3_usize,
        skew in prop_oneof![8 => Just(0), 1 => any::<u8>()],
    ) {
        let mut flags = flags;
        let end = flags.len().saturating_sub(zeros);
        flags[end..].fill(0);
        let mut body = body(&flags);
        body[0] = body[0].wrapping_add(skew);
        agrees_with_oracle(&body);
    }
}
