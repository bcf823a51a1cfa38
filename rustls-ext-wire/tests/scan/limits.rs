//! Limits of messages, records, extensions and buffers.

use rustls_ext_wire::{Alert, Answer, Scan, ScanError};

use crate::build::{self, Hello};
use crate::corpus::{self, view};
use crate::reference::{self, told};

/// A ClientHello whose body has this length.
fn hello_of(length: usize) -> Hello {
    let mut hello = Hello::with(&[(21, &[])]);
    let padding = length - hello.body().len();
    if let Some((_, body)) = hello.extensions.as_mut().and_then(|list| list.last_mut()) {
        body.resize(padding, 0);
    }
    hello
}

fn too_long(limit: usize) -> Answer<'static> {
    Answer::Malformed(ScanError::MessageTooLong { limit })
}

#[test]
fn a_message_has_at_most_65535_bytes() {
    let scan = Scan::default();
    assert_eq!(Scan::LONGEST, 0xffff);
    let longest = hello_of(0xffff);
    let (message, bytes) = (longest.message(), build::records(&longest.message(), &[]));
    let one = view("longest", scan.handshake(&message), message.len());
    let mut scratch = vec![0; 0xffff];
    assert_eq!(view("longest", scan.records(&bytes, &mut scratch), bytes.len()), one);
    assert_eq!(view("longest", scan.body(&message[4..]), 0xffff), one);

    let error = ScanError::MessageTooLong { limit: 0xffff };
    assert_eq!((error.rule(), error.alert()), ("RFC 8446 4.1.2", Alert::DECODE_ERROR));
    // It is refused at the first byte of the length that makes it too long.
    assert_eq!(scan.records(&[22, 3, 1, 0x40, 0, 1, 1], &mut []), too_long(0xffff));
    assert_eq!(scan.handshake(&[1, 1]), too_long(0xffff));
    assert_eq!(scan.body(&vec![3; 0x10000]), too_long(0xffff));
    assert_eq!(
        error.to_string(),
        "malformed ClientHello: the message is longer than the limit of 65535 bytes (RFC 8446 4.1.2)"
    );
}

#[test]
fn a_lower_limit_applies_to_every_kind_of_scan() {
    for limit in [41, 100, 255, 256, 500, 0xfffe] {
        let scan = Scan::default().max_message(limit);
        let (fits, exceeds) = (hello_of(limit.max(60)), hello_of(limit.max(60) + 1));
        if limit >= 60 {
            let message = fits.message();
            view("fits", scan.handshake(&message), message.len());
            view("fits", scan.body(&fits.body()), limit);
            let bytes = build::records(&message, &[]);
            view("fits", scan.records(&bytes, &mut vec![0; limit]), bytes.len());
        }
        let message = exceeds.message();
        assert_eq!(scan.handshake(&message), too_long(limit));
        assert_eq!(scan.body(&exceeds.body()), too_long(limit));
        let bytes = build::records(&message, &[]);
        assert_eq!(scan.records(&bytes, &mut [0; 0xffff]), too_long(limit));
        assert_eq!(scan.scanner([0; 0xffff]).feed(&bytes), too_long(limit));
        assert_eq!(scan.scanner([0; 0xffff]).peek(&bytes), too_long(limit));
    }
    assert_eq!(Scan::default().max_message(1 << 20).handshake(&[1, 1]), too_long(0xffff));
}

#[test]
fn a_client_hello_over_several_records_needs_a_buffer_of_its_length() {
    let scan = Scan::default();
    let bytes = corpus::read("curl");
    let length = bytes.len() - 9;
    let split = build::records(&bytes[5..], &[200]);
    let one = view("curl", scan.records(&bytes, &mut []), bytes.len());
    assert_eq!(view("curl", scan.records(&split, &mut vec![0; length]), split.len()), one);
    let room = length - 1;
    assert_eq!(scan.records(&split, &mut vec![0; room]), too_long(room));
    assert_eq!(scan.records(&split, &mut []), too_long(0));
    // It is refused once the first record is complete.
    assert_eq!(told(&scan.records(&split[..204], &mut [])), reference::scan(&split[..204]));
    assert_eq!(scan.records(&split[..205], &mut []), too_long(0));
}

#[test]
fn the_buffer_of_a_scanner_limits_the_message_however_its_bytes_arrive() {
    let bytes = corpus::read("curl");
    let length = bytes.len() - 9;
    let split = build::records(&bytes[5..], &[200]);
    let scan = Scan::default();
    for bytes in [&bytes, &split] {
        let mut fits = scan.scanner(vec![0; length]);
        view("curl", fits.feed(bytes), bytes.len());
        for end in [9, 10, 210, bytes.len()] {
            let mut small = scan.scanner(vec![0; length - 1]);
            assert_eq!(small.feed(&bytes[..end]), too_long(length - 1));
            let mut small = scan.scanner(vec![0; length - 1]);
            assert_eq!(small.peek(&bytes[..end]), too_long(length - 1));
        }
    }
}

#[test]
fn a_message_in_records_of_one_byte_is_read() {
    let message = hello_of(3000).message();
    let bytes = build::records(&message, &vec![1; message.len()]);
    assert_eq!(bytes.len(), 6 * message.len());
    let scan = Scan::default();
    let one = view("one", scan.handshake(&message), message.len());
    assert_eq!(view("records", scan.records(&bytes, &mut [0; 3000]), bytes.len()), one);
    let mut scanner = scan.scanner([0; 3000]);
    for byte in bytes[..bytes.len() - 1].chunks(1) {
        assert!(matches!(scanner.feed(byte), Answer::Incomplete { .. }));
    }
    assert_eq!(view("fed", scanner.feed(&bytes[bytes.len() - 1..]), bytes.len()), one);
}

/// `count` empty extensions, with every `step`th type from `first` on.
fn extensions(first: u16, step: usize, count: usize) -> Vec<(u16, Vec<u8>)> {
    let never_empty = [0, 16, 41, 43, 47, 0xfe0d];
    let numbers = (0..=u16::MAX).step_by(step).map(|n| n.wrapping_add(first));
    let numbers = numbers.filter(|number| !never_empty.contains(number));
    numbers.take(count).map(|number| (number, vec![])).collect()
}

#[test]
fn a_duplicate_among_thousands_of_extensions_is_found() {
    let scan = Scan::default();
    let most = (0xffff - 43) / 4; // 43 other bytes in the body, and 4 for each extension
    for (first, step) in [(0, 1), (100, 1), (0x8000, 1), (0xf000, 1), (1, 4)] {
        let mut hello = Hello::with(&[]);
        hello.extensions = Some(extensions(first, step, most));
        let body = hello.body();
        assert!(body.len() > 0xffff - 4);
        assert_eq!(view("most", scan.body(&body), body.len()).extensions().count(), most);

        // One of them twice, at various positions.
        for (one, other) in [(0, 1), (0, most - 1), (most / 2, most - 1), (most - 2, most - 1)] {
            let mut list = extensions(first, step, most);
            let extension = list[one].0;
            list[other].0 = extension;
            hello.extensions = Some(list);
            let expected = Answer::Malformed(ScanError::DuplicateExtension { extension });
            assert_eq!(scan.body(&hello.body()), expected);
        }
    }
}

#[test]
fn only_equal_types_are_duplicates() {
    // Every type after each of a few: the quick check of high types may be uncertain, and then the
    // exact one decides.
    let scan = Scan::default();
    for first in [1, 62, 64, 0x0a0a, 0x44cd, 0xca34, 0xff01, 0xffff] {
        for (second, _) in extensions(0, 1, 0xfff0) {
            let body = Hello::with(&[(first, &[]), (second, &[])]).body();
            let answer = scan.body(&body);
            if first == second {
                let expected = ScanError::DuplicateExtension { extension: first };
                assert_eq!(answer, Answer::Malformed(expected));
            } else {
                view("pair", answer, body.len());
            }
        }
    }
}
