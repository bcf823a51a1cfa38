//! The extensions that a view returns.

use rustls_ext_wire::{Alert, Answer, Ech, Flaw, Part, Scan, ScanError};

use crate::build::{self, Hello};
use crate::corpus::view;
use crate::reference::{self, told};

/// The error of this body, which the scan and the reference must both report.
pub fn error(body: &[u8]) -> ScanError {
    let answer = Scan::default().body(body);
    assert_eq!(told(&answer), reference::body(body, body.len()));
    match answer {
        Answer::Malformed(error) => error,
        other => panic!("{other:?}"),
    }
}

/// The error of a part that does not have the required format.
pub fn malformed(part: Part, flaw: Flaw) -> ScanError {
    ScanError::Malformed { part, flaw }
}

/// Asserts that each of these bodies is refused with its flaw, this rule and `decode_error`.
fn refused(number: u16, rule: &str, cases: &[(&[u8], Flaw)]) {
    for (body, flaw) in cases {
        let error = error(&Hello::with(&[(number, body)]).body());
        assert_eq!(error, malformed(Part::Extension(number), *flaw), "{body:02x?}");
        assert_eq!((error.rule(), error.alert()), (rule, Alert::DECODE_ERROR));
    }
}

/// Asserts that this body is accepted, and refused with any number of bytes less or one more.
fn exact(number: u16, body: &[u8]) {
    let scan = Scan::default();
    let hello = Hello::with(&[(number, body)]).body();
    view("exact", scan.body(&hello), hello.len());
    for end in 0..body.len() {
        error(&Hello::with(&[(number, &body[..end])]).body());
    }
    error(&Hello::with(&[(number, &[body, &[0]].concat())]).body());
}

#[test]
fn rfc_6066_exactly_one_host_name() {
    exact(0, &build::server_name(b"a"));
    let two = [&[0, 0, 1, b'a'][..], &[0, 0, 1, b'b']].concat();
    refused(
        0,
        "RFC 6066 3",
        &[
            (&[], Flaw::Truncated),
            (&[0, 0], Flaw::EmptyList),
            (&build::with_u16_length(&[0, 0, 0]), Flaw::EmptyItem),
            (&build::with_u16_length(&[0, 0, 2, b'a']), Flaw::Truncated),
            (&build::with_u16_length(&[1, 0, 1, b'a']), Flaw::UnknownKind),
            (&build::with_u16_length(&two), Flaw::TrailingBytes),
            (&[&build::server_name(b"a")[..], &[0]].concat(), Flaw::TrailingBytes),
        ],
    );
}

#[test]
fn rfc_6066_the_characters_of_the_name_are_not_checked() {
    for name in [&b"*"[..], b"127.0.0.1", &[0], &[0xff; 300], b"www.example.com."] {
        let hello = Hello::with(&[(0, &build::server_name(name))]).record();
        let answer = Scan::default().records(&hello, &mut []);
        assert_eq!(view("name", answer, hello.len()).server_name(), Some(name));
    }
}

#[test]
fn rfc_7301_names_are_not_empty() {
    exact(16, &build::alpn(&[b"h2", b"http/1.1"]));
    refused(
        16,
        "RFC 7301 3.1",
        &[
            (&[], Flaw::Truncated),
            (&[0, 0], Flaw::EmptyList),
            (&build::alpn(&[b""]), Flaw::EmptyItem),
            (&build::alpn(&[b"h2", b""]), Flaw::EmptyItem),
            (&build::with_u16_length(&[2, b'h']), Flaw::Truncated),
            (&[0, 3, 2, b'h', b'2', 0], Flaw::TrailingBytes),
        ],
    );
}

#[test]
fn rfc_8446_4_2_1_versions_are_numbers_of_two_bytes() {
    exact(43, &build::versions(&[0x0304]));
    refused(
        43,
        "RFC 8446 4.2.1",
        &[
            (&[], Flaw::Truncated),
            (&[0], Flaw::EmptyList),
            (&[3, 3, 4, 3], Flaw::OddLength),
            (&[2, 3], Flaw::Truncated),
            (&[2, 3, 4, 3, 3], Flaw::TrailingBytes),
        ],
    );
}

#[test]
fn rfc_8446_4_2_1_without_the_extension_the_legacy_version_is_offered() {
    let mut hello = Hello::shortest();
    for version in [[3, 0], [3, 1], [3, 3], [3, 4]] {
        hello.version = version;
        let bytes = hello.record();
        let view = view("legacy", Scan::default().records(&bytes, &mut []), bytes.len());
        assert!(view.versions().eq([u16::from_be_bytes(version)]));
        assert!(!view.offers_tls13());
    }
}

#[test]
fn rfc_8446_4_2_4_names_are_not_empty() {
    exact(47, &build::authorities(&[b"\x30\x00", b"\x30\x01\x00"]));
    refused(
        47,
        "RFC 8446 4.2.4",
        &[
            (&[], Flaw::Truncated),
            (&[0, 0], Flaw::EmptyList),
            (&build::authorities(&[b""]), Flaw::EmptyItem),
            (&build::with_u16_length(&[0, 2, 0x30]), Flaw::Truncated),
            (&build::with_u16_length(&[0]), Flaw::Truncated),
        ],
    );
    let body = build::authorities(&[b"\x30\x00", b"\x30\x01\x00"]);
    let hello = Hello::with(&[(47, &body)]).body();
    let hello = view("authorities", Scan::default().body(&hello), hello.len());
    assert!(hello.certificate_authorities().eq([&b"\x30\x00"[..], b"\x30\x01\x00"]));
}

#[test]
fn rfc_8446_4_2_11_format_of_pre_shared_key() {
    exact(41, &build::pre_shared_key(&[b"a", b"bc"], &[32, 255]));
    let empty_list = [&[0, 0][..], &build::with_u16_length(&[0; 33])].concat();
    refused(
        41,
        "RFC 8446 4.2.11",
        &[
            (&[], Flaw::Truncated),
            (&empty_list, Flaw::EmptyList),
            (&build::pre_shared_key(&[b""], &[32]), Flaw::EmptyItem),
            (&build::pre_shared_key(&[b"a"], &[31]), Flaw::TooShort),
            (&build::pre_shared_key(&[b"a"], &[]), Flaw::EmptyList),
            (&[0, 6, 0, 1, b'a', 0, 0, 0, 0, 33], Flaw::Truncated), // an incomplete age
        ],
    );
}

#[test]
fn rfc_8446_4_2_11_a_binder_for_each_identity() {
    for (identities, binders) in [(&[&b"a"[..]][..], &[32, 32][..]), (&[b"a", b"b"], &[32])] {
        let body = build::pre_shared_key(identities, binders);
        let error = error(&Hello::with(&[(41, &body)]).body());
        assert_eq!(error, ScanError::BinderCount);
        assert_eq!((error.rule(), error.alert().code()), ("RFC 8446 4.2.11", 47));
    }
}

#[test]
fn rfc_8446_4_2_11_nothing_after_pre_shared_key() {
    let psk = build::pre_shared_key(&[b"a"], &[32]);
    for next in [0, 21, 62, 0x1a1a] {
        let error = error(&Hello::with(&[(41, &psk), (next, &[])]).body());
        assert_eq!(error, ScanError::AfterPreSharedKey { extension: next });
        assert_eq!((error.rule(), error.alert().code()), ("RFC 8446 4.2.11", 47));
    }
    // One byte is too short for the header of another extension.
    let mut body = Hello::with(&[(41, &psk)]).body();
    let list = body.len() - (4 + psk.len());
    body[list - 1] += 1;
    body.push(0);
    let truncated = ScanError::Malformed { part: Part::Extensions, flaw: Flaw::Truncated };
    assert_eq!(error(&body), truncated);
}

#[test]
fn rfc_9849_outer_and_inner() {
    exact(0xfe0d, &build::ech_outer(b"key", b"ciphertext"));
    let ech = |body: &[u8]| {
        let hello = Hello::with(&[(0xfe0d, body)]).body();
        view("ech", Scan::default().body(&hello), hello.len()).ech()
    };
    assert_eq!(ech(&build::ech_outer(b"key", b"ciphertext")), Some(Ech::Outer));
    assert_eq!(ech(&build::ech_outer(b"", b"ciphertext")), Some(Ech::Outer));
    assert_eq!(ech(&[1]), Some(Ech::Inner));
    refused(
        0xfe0d,
        "RFC 9849 5",
        &[
            (&[], Flaw::Truncated),
            (&[1, 0], Flaw::TrailingBytes),
            (&[2], Flaw::UnknownKind),
            (&build::ech_outer(b"key", b""), Flaw::EmptyList),
        ],
    );
}

#[test]
fn errors_name_part_fault_and_rule() {
    let error = error(&Hello::with(&[(0, &[0, 0])]).body());
    assert_eq!(
        error.to_string(),
        "malformed ClientHello: extension 0 (server_name): a list is empty (RFC 6066 3)"
    );
    let twice = ScanError::DuplicateExtension { extension: 62 };
    assert_eq!(
        twice.to_string(),
        "malformed ClientHello: extension 62 occurs twice (RFC 8446 4.2)"
    );
}
