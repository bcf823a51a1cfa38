//! The status of each error of the codec, and the content of its `rext_error`.

use std::ptr::{null, null_mut};

use rext::*;
use rustls_ext_wire::{CareError, FlagsError, Flaw, NotTls, OriginHintError, ScanError};

use crate::{Error, call, no_hello};

fn scan(bytes: &[u8]) -> Error {
    let (mut hello, mut scratch) = (no_hello(), [0; 64]);
    let (scratch, room) = (scratch.as_mut_ptr(), scratch.len());
    let (data, length) = (bytes.as_ptr(), bytes.len());
    // SAFETY: all pointers are valid.
    let (_, error) = call(|error| unsafe {
        rext_scan_records(null(), data, length, scratch, room, &mut hello, null_mut(), error)
    });
    error.unwrap()
}

/// A ClientHello with these extensions, in a record.
fn hello_with(extensions: &[u8]) -> Vec<u8> {
    let number = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut body = vec![3, 3];
    body.extend([0; 32 + 1]);
    body.extend([0, 2, 0x13, 1, 1, 0]);
    body.extend(number(extensions.len()));
    body.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend(number(body.len() + 4));
    record.extend([1, 0]);
    record.extend(number(body.len()));
    record.extend(body);
    record
}

/// `pre_shared_key` with two identities of one byte, and one binder of 32 bytes.
fn one_binder_too_few() -> Vec<u8> {
    let mut psk = vec![0, 41, 0, 51, 0, 14];
    psk.extend([0, 1, 7, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0, 33, 32]);
    psk.extend([0; 32]);
    psk
}

#[test]
fn each_error_of_a_scan_has_its_status_rule_alert_and_message() {
    let good_psk = {
        let mut psk = vec![0, 41, 0, 44, 0, 7, 0, 1, 7, 0, 0, 0, 0, 0, 33, 32];
        psk.extend([0; 32]);
        psk
    };
    let head = [22, 3, 1, 0, 60, 1, 0, 0, 56];
    let between = |record: &[u8]| [&[22, 3, 1, 0, 5, 1, 0, 0, 56, 3], record].concat();
    type Expected = fn(&ScanError) -> bool;
    let cases: [(Vec<u8>, rext_status, Expected); 13] = [
        (vec![23], REXT_ERR_UNEXPECTED_RECORD, |e| matches!(e, ScanError::UnexpectedRecord { .. })),
        (between(&[21]), REXT_ERR_INTERLEAVED, |e| matches!(e, ScanError::Interleaved { .. })),
        (between(&[22, 4]), REXT_ERR_RECORD_VERSION, |e| matches!(e, ScanError::RecordVersion)),
        (vec![22, 3, 1, 0, 0], REXT_ERR_EMPTY_RECORD, |e| matches!(e, ScanError::EmptyRecord)),
        (vec![22, 3, 1, 0x40, 1], REXT_ERR_RECORD_TOO_LONG, |e| {
            matches!(e, ScanError::RecordTooLong)
        }),
        (vec![22, 3, 1, 0, 61, 1, 0, 0, 56], REXT_ERR_NOT_ALIGNED, |e| {
            matches!(e, ScanError::NotAligned)
        }),
        (vec![22, 3, 1, 0, 60, 2], REXT_ERR_UNEXPECTED_MESSAGE, |e| {
            matches!(e, ScanError::UnexpectedMessage { .. })
        }),
        (vec![22, 3, 1, 0, 60, 1, 1], REXT_ERR_MESSAGE_TOO_LONG, |e| {
            matches!(e, ScanError::MessageTooLong { .. })
        }),
        (vec![22, 3, 1, 0, 60, 1, 0, 0, 40], REXT_ERR_MESSAGE_TOO_SHORT, |e| {
            matches!(e, ScanError::MessageTooShort)
        }),
        ([&head[..], &[3; 56]].concat(), REXT_ERR_MALFORMED, |e| {
            matches!(e, ScanError::Malformed { .. })
        }),
        (hello_with(&[0, 5, 0, 0, 0, 5, 0, 0]), REXT_ERR_DUPLICATE_EXTENSION, |e| {
            matches!(e, ScanError::DuplicateExtension { .. })
        }),
        (
            hello_with(&[&good_psk[..], &[0, 5, 0, 0]].concat()),
            REXT_ERR_AFTER_PRE_SHARED_KEY,
            |e| matches!(e, ScanError::AfterPreSharedKey { .. }),
        ),
        (hello_with(&one_binder_too_few()), REXT_ERR_BINDER_COUNT, |e| {
            matches!(e, ScanError::BinderCount)
        }),
    ];
    for (bytes, status, expected) in cases {
        let mut scratch = [0; 64];
        let scan_of_the_codec = rustls_ext_wire::Scan::default();
        let rustls_ext_wire::Answer::Malformed(error) =
            scan_of_the_codec.records(&bytes, &mut scratch)
        else {
            panic!("{bytes:?}");
        };
        assert!(expected(&error), "{error:?}");
        let expected = Error {
            status,
            alert: error.alert().code(),
            rule: error.rule().to_owned(),
            message: error.to_string(),
        };
        assert_eq!(scan(&bytes), expected);
    }
}

#[test]
fn each_other_protocol_has_its_status_and_no_alert() {
    for (bytes, what, status) in [
        (&[22, 0xfe][..], NotTls::Dtls, REXT_ERR_DTLS),
        (&[0x80], NotTls::Ssl2, REXT_ERR_SSL2),
        (b"G", NotTls::Text, REXT_ERR_TEXT),
        (&[0], NotTls::Other, REXT_ERR_NOT_TLS),
    ] {
        let message = what.to_string();
        assert_eq!(scan(bytes), Error { status, alert: 0, rule: String::new(), message });
    }
}

#[test]
fn each_error_of_flags_has_its_status() {
    for (body, fault, status) in [
        (&[][..], FlagsError::NoLength, REXT_ERR_FLAGS_NO_LENGTH),
        (&[0], FlagsError::EmptyList, REXT_ERR_FLAGS_EMPTY_LIST),
        (&[2, 1], FlagsError::Truncated { declared: 2, present: 1 }, REXT_ERR_FLAGS_TRUNCATED),
        (
            &[1, 1, 1],
            FlagsError::TrailingBytes { declared: 1, present: 2 },
            REXT_ERR_FLAGS_TRAILING_BYTES,
        ),
        (&[1, 0], FlagsError::NoFlagSet, REXT_ERR_FLAGS_NONE_SET),
        (&[2, 1, 0], FlagsError::TrailingZero, REXT_ERR_FLAGS_TRAILING_ZERO),
    ] {
        let mut flags = rext_flags { body: [0; 256] };
        // SAFETY: all pointers are valid.
        let (_, error) = call(|error| unsafe {
            rext_flags_decode(body.as_ptr(), body.len(), &mut flags, error)
        });
        let expected =
            Error { status, alert: 47, rule: fault.rule().to_owned(), message: fault.to_string() };
        assert_eq!(error, Some(expected));
    }
}

#[test]
fn each_error_of_care_has_its_status() {
    let body = [0; 3];
    let care = |message, length, offered| {
        // SAFETY: all pointers are valid.
        call(|error| unsafe {
            rext_check_care(message, REXT_TLS13, body.as_ptr(), length, offered, error)
        })
        .1
        .unwrap()
    };
    let misplaced = CareError::Misplaced { message: rustls_ext_wire::Message::ServerHello };
    for (error, fault, status) in [
        (care(REXT_CLIENT_HELLO, 3, 0), CareError::NotEmpty { length: 3 }, REXT_ERR_CARE_NOT_EMPTY),
        (care(REXT_SERVER_HELLO, 0, 0), CareError::Unsolicited, REXT_ERR_CARE_UNSOLICITED),
        (care(REXT_SERVER_HELLO, 0, 1), misplaced, REXT_ERR_CARE_MISPLACED),
    ] {
        assert_eq!((error.status, error.alert), (status, fault.alert().code()));
        assert_eq!((error.rule, error.message), (fault.rule().to_owned(), fault.to_string()));
    }
}

#[test]
fn each_error_of_an_origin_hint_has_its_status() {
    const BODY: &[u8] = b"\0\x03\0\x01a";
    let hint = rext_bytes { data: BODY.as_ptr(), length: BODY.len() };
    let check = |message| {
        // SAFETY: all pointers are valid.
        call(|error| unsafe { rext_check_origin_hint(message, REXT_TLS13, null(), 0, error) })
            .1
            .unwrap()
    };
    let changed = || {
        let mut server = null_mut();
        // SAFETY: likewise; the server is made, and then freed.
        unsafe {
            assert_eq!(rext_server_new(null(), &mut server, null_mut()), REXT_OK);
            let on = |hint, error| {
                rext_server_on_client_hello(server, REXT_TLS13, null(), null(), hint, error)
            };
            assert_eq!(on(&hint, null_mut()), REXT_OK);
            let (_, error) = call(|error| on(null(), error));
            rext_server_free(server);
            error.unwrap()
        }
    };
    let misplaced = OriginHintError::Misplaced { message: rustls_ext_wire::Message::ServerHello };
    let malformed = OriginHintError::Malformed { flaw: Flaw::Truncated };
    for (error, fault, status) in [
        (check(REXT_SERVER_HELLO), misplaced, REXT_ERR_ORIGINS_MISPLACED),
        (check(REXT_CLIENT_HELLO), malformed, REXT_ERR_ORIGINS_MALFORMED),
        (changed(), OriginHintError::Changed, REXT_ERR_ORIGINS_CHANGED),
    ] {
        assert_eq!((error.status, error.alert), (status, fault.alert().code()));
        assert_eq!((error.rule, error.message), (fault.rule().to_owned(), fault.to_string()));
    }
}
