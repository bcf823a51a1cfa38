//! ClientHellos that are truncated, or divided over several records or calls.

use rustls_ext_wire::{Answer, ClientHello, Scan, Scanner};

use crate::build::{self, Hello};
use crate::corpus::{self, view};
use crate::reference::{Told, told};

/// The minimum number of missing bytes, from an answer that must be `Incomplete`.
fn needed(answer: Answer<'_>) -> usize {
    match answer {
        Answer::Incomplete { needed } => needed.get(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_prefix_of_every_file_needs_the_missing_bytes() {
    let scan = Scan::default();
    for (name, bytes) in corpus::all() {
        let shortest = Hello::shortest().record().len();
        for end in 0..bytes.len() {
            let expected = match end {
                // Without a length, it could still become the shortest possible ClientHello.
                0..=4 => shortest - end,
                // A record must not continue after the message, so all of its bytes are needed.
                _ => bytes.len() - end,
            };
            assert_eq!(needed(scan.records(&bytes[..end], &mut [])), expected, "{name} {end}");
        }
        for end in 0..bytes.len() - 5 {
            let expected = match end {
                0..=2 => shortest - 5 - end,
                3 => ((bytes.len() - 9) & !0xff).max(41) + 1,
                _ => bytes.len() - 5 - end,
            };
            assert_eq!(needed(scan.handshake(&bytes[5..][..end])), expected, "{name} {end}");
        }
    }
}

/// Asserts that an answer is the view `one`, of a ClientHello of this length.
fn assert_same(name: &str, one: &ClientHello<'_>, answer: Answer<'_>, length: usize) {
    assert_eq!(view(name, answer, length), *one, "{name}");
}

#[test]
fn every_split_over_two_records_gives_the_same_view() {
    let scan = Scan::default();
    let mut scratch = [0; 2048];
    for (name, bytes) in corpus::all() {
        let message = &bytes[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for at in 1..message.len() {
            let split = build::records(message, &[at]);
            assert_eq!(split.len(), bytes.len() + 5);
            assert_same(&name, &one, scan.records(&split, &mut scratch), split.len());
        }
    }
}

#[test]
fn every_size_of_record_gives_the_same_view() {
    let scan = Scan::default();
    let mut scratch = [0; 2048];
    for (name, bytes) in corpus::all() {
        let message = &bytes[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for size in 1..message.len() {
            let split = build::records(message, &vec![size; message.len() / size]);
            assert_same(&name, &one, scan.records(&split, &mut scratch), split.len());
        }
    }
}

/// Feeds `size` bytes at a time. Each answer but the last must be `Incomplete`, and need no more
/// bytes than there are.
fn feed<'a>(scanner: &'a mut Scanner<Vec<u8>>, bytes: &'a [u8], size: usize) -> Answer<'a> {
    let last = (bytes.len() - 1) / size * size;
    for (count, piece) in bytes[..last].chunks(size).enumerate() {
        let left = bytes.len() - (count * size + piece.len());
        assert!(needed(scanner.feed(piece)) <= left);
    }
    scanner.feed(&bytes[last..])
}

/// The same with `peek`, which takes all bytes from the first on.
fn peek<'a>(scanner: &'a mut Scanner<Vec<u8>>, bytes: &'a [u8], size: usize) -> Answer<'a> {
    for end in (size..bytes.len()).step_by(size) {
        assert!(needed(scanner.peek(&bytes[..end])) <= bytes.len() - end);
    }
    scanner.peek(bytes)
}

#[test]
fn every_split_over_two_calls_gives_the_same_view() {
    let scan = Scan::default();
    for (name, bytes) in corpus::all() {
        let message = &bytes[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for records in [bytes.clone(), build::records(message, &[100, 3])] {
            for at in 1..records.len() {
                let mut fed = scan.scanner(vec![0; 2048]);
                assert!(needed(fed.feed(&records[..at])) <= records.len() - at);
                assert_same(&name, &one, fed.feed(&records[at..]), records.len());
                let mut peeked = scan.scanner(vec![0; 2048]);
                assert!(needed(peeked.peek(&records[..at])) <= records.len() - at);
                assert_same(&name, &one, peeked.peek(&records), records.len());
            }
        }
    }
}

#[test]
fn every_size_of_call_with_every_size_of_record_gives_the_same_view() {
    let scan = Scan::default();
    for (name, bytes) in corpus::all() {
        let message = &bytes[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for record in [1, 2, 3, 4, 5, 6, 7, 50, 255, 256, message.len()] {
            let records = build::records(message, &vec![record; message.len() / record]);
            for call in [1, 2, 3, 4, 5, 6, 7, 11, 60, 500] {
                let mut fed = scan.scanner(vec![0; 2048]);
                assert_same(&name, &one, feed(&mut fed, &records, call), records.len());
                let mut peeked = scan.scanner(vec![0; 2048]);
                assert_same(&name, &one, peek(&mut peeked, &records, call), records.len());
            }
        }
    }
}

#[test]
fn bytes_after_the_client_hello_are_not_read() {
    let scan = Scan::default();
    for (name, bytes) in corpus::all() {
        let length = bytes.len();
        // Another record, the beginning of one, or other bytes.
        for after in [&[20, 3, 3, 0, 1, 1][..], &[23], &[0; 9], &bytes] {
            let more = [&bytes, after].concat();
            let one = view(&name, scan.records(&bytes, &mut []), length);
            assert_same(&name, &one, scan.records(&more, &mut []), length);
            assert_same(&name, &one, scan.handshake(&[&bytes[5..], after].concat()), length - 5);

            let split = build::records(&bytes[5..], &[50]);
            let more = [&split, after].concat();
            let (mut fed, mut peeked) = (scan.scanner([0; 2048]), scan.scanner([0; 2048]));
            assert_same(&name, &one, scan.records(&more, &mut [0; 2048]), split.len());
            assert_same(&name, &one, fed.feed(&more), split.len());
            assert_same(&name, &one, peeked.peek(&more), split.len());
        }
    }
}

#[test]
fn a_scanner_reads_one_client_hello_after_another() {
    let scan = Scan::default();
    let mut scanner = scan.scanner([0; 2048]);
    for (name, bytes) in corpus::all() {
        let one = view(&name, scan.records(&bytes, &mut []), bytes.len());
        needed(scanner.feed(&bytes[..70]));
        assert_same(&name, &one, scanner.feed(&bytes[70..]), bytes.len());
        assert_same(&name, &one, scanner.feed(&bytes), bytes.len());
    }
}

#[test]
fn a_scanner_repeats_its_refusal() {
    let bytes = corpus::read("curl");
    let mut scanner = Scan::default().scanner([0; 2048]);
    needed(scanner.feed(&bytes[..300]));
    needed(scanner.feed(&bytes[300..514]));
    let refused = told(&scanner.feed(&[0, 0, 0xff]));
    assert!(matches!(refused, Told::Hello(_)), "the last bytes are of padding: {refused:?}");

    needed(scanner.feed(&[22, 3]));
    let refused = told(&scanner.feed(&[1, 0xff]));
    assert!(matches!(refused, Told::Malformed(_)), "{refused:?}");
    assert_eq!(told(&scanner.feed(&bytes)), refused);
    assert_eq!(told(&scanner.peek(&bytes)), refused);
    assert_eq!(told(&scanner.feed(&[])), refused);
}
