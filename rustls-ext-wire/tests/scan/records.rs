//! Records: faults are reported at the first byte that shows them, and other protocols recognised.

use rustls_ext_wire::{Alert, Answer, NotTls, Scan, ScanError};

use crate::build::{self, Hello};
use crate::reference::{self, Told, told};

/// The answer for these bytes, on which the scan (in one call, fed byte by byte, and with `peek`)
/// and the reference must agree. With fewer bytes, the answer must be `Incomplete`.
fn decided_by(bytes: &[u8]) -> Told {
    let scan = Scan::default();
    let (mut fed, mut peeked) = (scan.scanner([0; 0xffff]), scan.scanner([0; 0xffff]));
    for end in 0..bytes.len() {
        assert_eq!(told(&scan.records(&bytes[..end], &mut [0; 512])), Told::Incomplete, "{end}");
        assert_eq!(reference::scan(&bytes[..end]), Told::Incomplete, "{end}");
        assert_eq!(told(&fed.feed(&bytes[end.saturating_sub(1)..end])), Told::Incomplete);
        assert_eq!(told(&peeked.peek(&bytes[..end])), Told::Incomplete);
    }
    let answer = told(&scan.records(bytes, &mut [0; 512]));
    assert_eq!(told(&fed.feed(&bytes[bytes.len() - 1..])), answer);
    assert_eq!(told(&peeked.peek(bytes)), answer);
    assert_eq!(reference::scan(bytes), answer);
    // Later bytes do not change it.
    let more = [bytes, &[0x55; 100]].concat();
    assert_eq!(told(&scan.records(&more, &mut [0; 512])), answer);
    assert_eq!(reference::scan(&more), answer);
    answer
}

fn error(bytes: &[u8]) -> (ScanError, &'static str, Alert) {
    match decided_by(bytes) {
        Told::Malformed(error) => (error, error.rule(), error.alert()),
        other => panic!("{other:?}"),
    }
}

/// A record with the first 20 bytes of a ClientHello of 100 bytes.
fn begun() -> Vec<u8> {
    build::record(&build::message(&[3; 100])[..20])
}

#[test]
fn rfc_8446_5_a_first_record_of_another_type_is_unexpected() {
    for content_type in [20, 21, 23, 24] {
        let expected = ScanError::UnexpectedRecord { content_type };
        let alert = Alert::UNEXPECTED_MESSAGE;
        assert_eq!(error(&[content_type]), (expected, "RFC 8446 5", alert));
    }
}

#[test]
fn other_protocols_are_recognised_by_their_first_bytes() {
    let cases: [(&[u8], NotTls); 9] = [
        (b"G", NotTls::Text), // GET / HTTP/1.1
        (b"P", NotTls::Text), // PRI * HTTP/2.0
        (b"S", NotTls::Text), // SSH-2.0-
        (&[0x80], NotTls::Ssl2),
        (&[0], NotTls::Other),
        (&[22, 0xfe], NotTls::Dtls),
        (&[22, 2], NotTls::Other),
        (&[22, 4], NotTls::Other),
        (&[0xff], NotTls::Other),
    ];
    for (bytes, what) in cases {
        assert_eq!(decided_by(bytes), Told::NotTls(what));
    }
    assert_eq!(NotTls::Dtls.to_string(), "not TLS, but DTLS");
}

#[test]
fn dtls_records_are_not_tls() {
    // Record headers of DTLS 1.0, 1.2 and 1.3: version, epoch, sequence number, length.
    for minor in [0xff, 0xfd] {
        let header = [22, 0xfe, minor, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50];
        let bytes = [&header[..], &Hello::shortest().message()].concat();
        assert_eq!(Scan::default().records(&bytes, &mut []), Answer::NotTls(NotTls::Dtls));
    }
}

#[test]
fn any_minor_version_of_a_record_is_accepted() {
    // RFC 8446 section 5.1: it must be ignored.
    for minor in 0..=255 {
        let mut bytes = Hello::shortest().record();
        bytes[2] = minor;
        assert!(matches!(decided_by(&bytes), Told::Hello(_)));
    }
}

#[test]
fn rfc_8446_5_1_a_record_has_1_to_2_14_bytes() {
    let empty = (ScanError::EmptyRecord, "RFC 8446 5.1", Alert::DECODE_ERROR);
    assert_eq!(error(&[22, 3, 1, 0, 0]), empty);
    assert_eq!(error(&[&begun()[..], &[22, 3, 3, 0, 0]].concat()), empty);
    let too_long = (ScanError::RecordTooLong, "RFC 8446 5.1", Alert::RECORD_OVERFLOW);
    assert_eq!(too_long.2.code(), 22);
    assert_eq!(error(&[22, 3, 1, 0x40, 1]), too_long);
    assert_eq!(error(&[22, 3, 1, 0x41]), too_long);
    assert_eq!(error(&[&begun()[..], &[22, 3, 3, 0x41]].concat()), too_long);
    assert_eq!(reference::scan(&[22, 3, 1, 0x40, 0]), Told::Incomplete);
    assert_eq!(told(&Scan::default().records(&[22, 3, 1, 0x40, 0], &mut [])), Told::Incomplete);
}

#[test]
fn rfc_8446_5_1_no_other_record_within_the_message() {
    for content_type in [0, 20, 21, 23, 24, 0x80, b'G'] {
        let bytes = [&begun()[..], &[content_type]].concat();
        let expected = ScanError::Interleaved { content_type };
        assert_eq!(error(&bytes), (expected, "RFC 8446 5.1", Alert::UNEXPECTED_MESSAGE));
    }
    let bytes = [&begun()[..], &[22, 2]].concat();
    assert_eq!(error(&bytes), (ScanError::RecordVersion, "RFC 8446 5.1", Alert::DECODE_ERROR));
}

#[test]
fn rfc_8446_5_1_nothing_after_the_message_in_its_record() {
    let expected = (ScanError::NotAligned, "RFC 8446 5.1", Alert::UNEXPECTED_MESSAGE);
    let message = Hello::shortest().message();
    let more = [&message[..], &[20]].concat();
    // Refused once the length of the message is known: in its header, or that of a later record.
    assert_eq!(error(&build::record(&more)[..9]), expected);
    let split = build::records(&more, &[30]);
    assert_eq!(error(&split[..5 + 30 + 5]), expected);
    let split = build::records(&more, &[2]);
    assert_eq!(error(&split[..5 + 2 + 5 + 2]), expected);
    // 80 bytes of the message are missing, and this record has at least 256.
    assert_eq!(error(&[&begun()[..], &[22, 3, 3, 1]].concat()), expected);
}

#[test]
fn rfc_8446_4_another_message_is_unexpected() {
    for handshake_type in [0, 2, 4, 11, 20, 24, 254] {
        let expected = ScanError::UnexpectedMessage { handshake_type };
        let bytes = [22, 3, 1, 0, 100, handshake_type];
        assert_eq!(error(&bytes), (expected, "RFC 8446 4", Alert::UNEXPECTED_MESSAGE));
        assert_eq!(Scan::default().handshake(&[handshake_type]), Answer::Malformed(expected));
    }
}

#[test]
fn rfc_8446_4_1_2_a_message_that_is_too_short_to_be_a_hello() {
    let expected = (ScanError::MessageTooShort, "RFC 8446 4.1.2", Alert::DECODE_ERROR);
    for length in 0..41 {
        assert_eq!(error(&[22, 3, 1, 0, 4 + length, 1, 0, 0, length]), expected);
    }
    assert_eq!(reference::scan(&[22, 3, 1, 0, 45, 1, 0, 0, 41]), Told::Incomplete);
}
