//! Limits: of messages, of records, of extensions, of buffers.

use rustls_ext_wire::{Alert, Answer, Scan, ScanError};

use crate::build::{self, Hello};
use crate::corpus::{self, view};
use crate::reference::{self, told};

/// A hello whose body has so many octets.
fn hello_of(octets: usize) -> Hello {
    let mut hello = Hello::with(&[(21, &[])]);
    let padding = octets - hello.body().len();
    if let Some((_, body)) = hello.extensions.as_mut().and_then(|list| list.last_mut()) {
        body.resize(padding, 0);
    }
    hello
}

fn too_long(limit: usize) -> Answer<'static> {
    Answer::Malformed(ScanError::MessageTooLong { limit })
}

#[test]
fn a_message_has_65535_octets_at_most() {
    let scan = Scan::default();
    assert_eq!(Scan::LONGEST, 0xffff);
    let longest = hello_of(0xffff);
    let (message, octets) = (longest.message(), build::records(&longest.message(), &[]));
    let one = view("longest", scan.handshake(&message), message.len());
    let mut scratch = vec![0; 0xffff];
    assert_eq!(view("longest", scan.records(&octets, &mut scratch), octets.len()), one);
    assert_eq!(view("longest", scan.body(&message[4..]), 0xffff), one);

    let error = ScanError::MessageTooLong { limit: 0xffff };
    assert_eq!((error.rule(), error.alert()), ("RFC 8446 4.1.2", Alert::DECODE_ERROR));
    // At the first octet of the length that says so.
    assert_eq!(scan.records(&[22, 3, 1, 0x40, 0, 1, 1], &mut []), too_long(0xffff));
    assert_eq!(scan.handshake(&[1, 1]), too_long(0xffff));
    assert_eq!(scan.body(&vec![3; 0x10000]), too_long(0xffff));
    assert_eq!(
        error.to_string(),
        "malformed ClientHello: longer than the 65535 octets that are allowed (RFC 8446 4.1.2)"
    );
}

#[test]
fn a_lower_limit_holds_for_every_way_to_scan() {
    for limit in [41, 100, 255, 256, 500, 0xfffe] {
        let scan = Scan::default().max_message(limit);
        let (fits, exceeds) = (hello_of(limit.max(60)), hello_of(limit.max(60) + 1));
        if limit >= 60 {
            let message = fits.message();
            view("fits", scan.handshake(&message), message.len());
            view("fits", scan.body(&fits.body()), limit);
            let octets = build::records(&message, &[]);
            view("fits", scan.records(&octets, &mut vec![0; limit]), octets.len());
        }
        let message = exceeds.message();
        assert_eq!(scan.handshake(&message), too_long(limit));
        assert_eq!(scan.body(&exceeds.body()), too_long(limit));
        let octets = build::records(&message, &[]);
        assert_eq!(scan.records(&octets, &mut [0; 0xffff]), too_long(limit));
        assert_eq!(scan.scanner([0; 0xffff]).feed(&octets), too_long(limit));
        assert_eq!(scan.scanner([0; 0xffff]).peek(&octets), too_long(limit));
    }
    assert_eq!(Scan::default().max_message(1 << 20).handshake(&[1, 1]), too_long(0xffff));
}

#[test]
fn a_hello_over_several_records_needs_room() {
    let scan = Scan::default();
    let octets = corpus::read("curl");
    let length = octets.len() - 9;
    let split = build::records(&octets[5..], &[200]);
    let one = view("curl", scan.records(&octets, &mut []), octets.len());
    assert_eq!(view("curl", scan.records(&split, &mut vec![0; length]), split.len()), one);
    let room = length - 1;
    assert_eq!(scan.records(&split, &mut vec![0; room]), too_long(room));
    assert_eq!(scan.records(&split, &mut []), too_long(0));
    // As soon as the first record is whole.
    assert_eq!(told(&scan.records(&split[..204], &mut [])), reference::scan(&split[..204]));
    assert_eq!(scan.records(&split[..205], &mut []), too_long(0));
}

#[test]
fn a_scanner_takes_what_fits_its_buffer_however_it_comes() {
    let octets = corpus::read("curl");
    let length = octets.len() - 9;
    let split = build::records(&octets[5..], &[200]);
    let scan = Scan::default();
    for octets in [&octets, &split] {
        let mut fits = scan.scanner(vec![0; length]);
        view("curl", fits.feed(octets), octets.len());
        for end in [9, 10, 210, octets.len()] {
            let mut small = scan.scanner(vec![0; length - 1]);
            assert_eq!(small.feed(&octets[..end]), too_long(length - 1));
            let mut small = scan.scanner(vec![0; length - 1]);
            assert_eq!(small.peek(&octets[..end]), too_long(length - 1));
        }
    }
}

#[test]
fn records_of_one_octet_are_no_obstacle() {
    let message = hello_of(3000).message();
    let octets = build::records(&message, &vec![1; message.len()]);
    assert_eq!(octets.len(), 6 * message.len());
    let scan = Scan::default();
    let one = view("one", scan.handshake(&message), message.len());
    assert_eq!(view("records", scan.records(&octets, &mut [0; 3000]), octets.len()), one);
    let mut scanner = scan.scanner([0; 3000]);
    for octet in octets[..octets.len() - 1].chunks(1) {
        assert!(matches!(scanner.feed(octet), Answer::Incomplete { .. }));
    }
    assert_eq!(view("fed", scanner.feed(&octets[octets.len() - 1..]), octets.len()), one);
}

/// So many empty extensions, with every `step`th type from `first` up.
fn extensions(first: u16, step: usize, count: usize) -> Vec<(u16, Vec<u8>)> {
    let judged = [0, 16, 41, 43, 47, 0xfe0d]; // must not be empty
    let numbers = (0..=u16::MAX).step_by(step).map(|n| n.wrapping_add(first));
    let numbers = numbers.filter(|number| !judged.contains(number));
    numbers.take(count).map(|number| (number, vec![])).collect()
}

#[test]
fn thousands_of_extensions_are_told_apart_exactly() {
    let scan = Scan::default();
    let most = (0xffff - 43) / 4; // the body's other octets, and four for each
    for (first, step) in [(0, 1), (100, 1), (0x8000, 1), (0xf000, 1), (1, 4)] {
        let mut hello = Hello::with(&[]);
        hello.extensions = Some(extensions(first, step, most));
        let body = hello.body();
        assert!(body.len() > 0xffff - 4);
        assert_eq!(view("most", scan.body(&body), body.len()).extensions().count(), most);

        // One of them twice, wherever.
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
fn every_pair_of_types_is_told_apart() {
    // Every type against a few: the quick check of high types may be unsure, but never wrong.
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
