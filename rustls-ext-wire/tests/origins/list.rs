//! Lists of origins: their structure, and what is read of them.

use rustls_ext_wire::{
    Flaw, MAX_ORIGIN_BYTES, MAX_ORIGINS, Message, Origin, OriginHintError, Origins, Version,
    check_origin_hint,
};

use crate::body;

/// The origins that are read of these strings, and how many are ignored.
fn read<S: AsRef<[u8]>>(strings: &[S]) -> (Vec<String>, usize) {
    let body = body(strings);
    let origins = Origins::decode(&body).unwrap();
    assert_eq!(origins.body(), body);
    assert!(origins.strings().eq(strings.iter().map(AsRef::as_ref)));
    assert!(origins.iter().eq(origins) && origins.iter().eq(&origins));
    (origins.iter().map(|origin| origin.as_str().to_owned()).collect(), origins.ignored())
}

#[test]
fn wio_2_a_malformed_list_is_a_decode_error() {
    let good = body(&["spiffe://example.org", "wimse://x"]);
    assert!(Origins::decode(&good).is_ok());
    let cases: [(&[u8], Flaw); 9] = [
        (b"", Flaw::Truncated),
        (b"\0", Flaw::Truncated),
        (b"\0\0", Flaw::EmptyList),
        (b"\0\x01\0", Flaw::Truncated),
        (b"\0\x02\0\0", Flaw::EmptyItem),
        (b"\0\x02\0\x01", Flaw::Truncated),
        (b"\0\x03\0\x02a", Flaw::Truncated),
        (b"\0\x03\0\x01a\0", Flaw::TrailingBytes),
        (b"\0\x05\0\x01a\0\0", Flaw::EmptyItem),
    ];
    for (body, flaw) in cases {
        let error = Origins::decode(body).unwrap_err();
        assert_eq!(error, OriginHintError::Malformed { flaw }, "{body:?}");
        assert_eq!((error.rule(), error.alert().code()), ("WIO-2", 50));
        assert_eq!(check_origin_hint(Message::ClientHello, Version::Tls13, body), Err(error));
    }
    for end in 0..good.len() {
        let flaw = Flaw::Truncated;
        let error = Origins::decode(&good[..end]).unwrap_err();
        assert_eq!(error, OriginHintError::Malformed { flaw }, "{end}");
    }
}

#[test]
fn wio_2_the_structure_is_checked_beyond_the_limits_of_wio_8() {
    let mut body = body(&vec!["spiffe://example.org"; 200]);
    assert!(body.len() > MAX_ORIGIN_BYTES && Origins::decode(&body).is_ok());
    let last = body.len() - 21;
    body[last] += 1;
    let error = Origins::decode(&body).unwrap_err();
    assert_eq!(error, OriginHintError::Malformed { flaw: Flaw::Truncated });
}

#[test]
fn wio_2_under_tls12_the_body_does_not_matter() {
    assert_eq!(check_origin_hint(Message::ClientHello, Version::Tls12, &[1]), Ok(()));
}

#[test]
fn wio_3_strings_that_are_no_origins_are_ignored() {
    let strings: [&[u8]; 8] = [
        b"spiffe://example.org/agent",
        b"spiffe://example.org",
        b"spiffe://\xff",
        b"\xc3\xa4://example.org",
        b"example.org",
        b"wimse://x",
        b"spiffe://",
        b"\0",
    ];
    let expected = ["spiffe://example.org", "wimse://x"].map(str::to_owned).to_vec();
    assert_eq!(read(&strings), (expected, 6));
    assert_eq!(read(&["", "?"][1..]), (vec![], 1));
}

#[test]
fn wio_6_an_origin_is_found_however_it_is_written() {
    let body = body(&["?", "Spiffe://EXAMPLE.org"]);
    let origins = Origins::decode(&body).unwrap();
    assert!(origins.contains(Origin::parse("spiffe://example.org").unwrap()));
    assert!(!origins.contains(Origin::parse("spiffe://example.com").unwrap()));
    assert_eq!(format!("{origins:?}"), "[Origin(spiffe://example.org)]");
}

#[test]
fn wio_8_the_first_16_strings_are_read() {
    let strings: Vec<String> = (0..20).map(|number| format!("s://{number}")).collect();
    assert_eq!(read(&strings[..16]), (strings[..16].to_vec(), 0));
    assert_eq!(read(&strings[..17]), (strings[..16].to_vec(), 1));
    assert_eq!(read(&strings), (strings[..16].to_vec(), 4));
    // Invalid strings count.
    let mut mixed = strings.clone();
    mixed[3] = "?".to_owned();
    let expected = [&strings[..3], &strings[4..16]].concat();
    assert_eq!(read(&mixed), (expected, 5));
    assert_eq!(MAX_ORIGINS, 16);
}

#[test]
fn wio_8_strings_that_end_within_4096_bytes_are_read() {
    let short = "s://a".to_owned();
    // With two bytes for the list's length, and two for that of each string
    let fits = format!("s://{}", "b".repeat(MAX_ORIGIN_BYTES - 2 - 7 - 2 - 4));
    assert_eq!(body(&[&short, &fits]).len(), 4096);
    let both = vec![short.clone(), fits.clone()];
    assert_eq!(read(&both), (both, 0));
    let longer = format!("{fits}b");
    assert_eq!(read(&[&short, &longer]), (vec![short.clone()], 1));
    assert_eq!(read(&[&longer, &short]).1, 1);
    // What follows a string that is too long is beyond the limit, too.
    let (origins, ignored) = read(&[&short, &format!("{longer}b"), &short]);
    assert_eq!((origins, ignored), (vec![short], 2));
}
