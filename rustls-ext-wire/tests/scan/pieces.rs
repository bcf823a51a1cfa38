//! Hellos in pieces: cut off, over several records, over several calls.

use rustls_ext_wire::{Answer, ClientHello, Scan, Scanner};

use crate::build::{self, Hello};
use crate::corpus::{self, view};
use crate::reference::{Told, told};

/// How many octets more the hello needs at least.
fn needed(answer: Answer<'_>) -> usize {
    match answer {
        Answer::Incomplete { needed } => needed.get(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_prefix_of_every_file_needs_exactly_what_is_missing_once_that_is_known() {
    let scan = Scan::default();
    for (name, octets) in corpus::all() {
        let shortest = Hello::shortest().record().len();
        for end in 0..octets.len() {
            let expected = match end {
                // Without a length, it could still be the shortest hello there is.
                0..=4 => shortest - end,
                // No record has more of a message than its end, so it is all needed.
                _ => octets.len() - end,
            };
            assert_eq!(needed(scan.records(&octets[..end], &mut [])), expected, "{name} {end}");
        }
        for end in 0..octets.len() - 5 {
            let expected = match end {
                0..=2 => shortest - 5 - end,
                3 => ((octets.len() - 9) & !0xff).max(41) + 1,
                _ => octets.len() - 5 - end,
            };
            assert_eq!(needed(scan.handshake(&octets[5..][..end])), expected, "{name} {end}");
        }
    }
}

/// A message in a record or several, and in one piece, must give the same view.
fn same(name: &str, one: &ClientHello<'_>, answer: Answer<'_>, length: usize) {
    assert_eq!(view(name, answer, length), *one, "{name}");
}

#[test]
fn every_split_over_two_records_reads_as_one() {
    let scan = Scan::default();
    let mut scratch = [0; 2048];
    for (name, octets) in corpus::all() {
        let message = &octets[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for at in 1..message.len() {
            let split = build::records(message, &[at]);
            assert_eq!(split.len(), octets.len() + 5);
            same(&name, &one, scan.records(&split, &mut scratch), split.len());
        }
    }
}

#[test]
fn every_size_of_record_reads_as_one() {
    let scan = Scan::default();
    let mut scratch = [0; 2048];
    for (name, octets) in corpus::all() {
        let message = &octets[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for size in 1..message.len() {
            let split = build::records(message, &vec![size; message.len() / size]);
            same(&name, &one, scan.records(&split, &mut scratch), split.len());
        }
    }
}

/// Feeds octets so many at a time; each answer before the last must be that more is needed, and
/// no more than there is.
fn feed<'a>(scanner: &'a mut Scanner<Vec<u8>>, octets: &'a [u8], size: usize) -> Answer<'a> {
    let last = (octets.len() - 1) / size * size;
    for (count, piece) in octets[..last].chunks(size).enumerate() {
        let left = octets.len() - (count * size + piece.len());
        assert!(needed(scanner.feed(piece)) <= left);
    }
    scanner.feed(&octets[last..])
}

/// The same, but shows all octets from the first on.
fn peek<'a>(scanner: &'a mut Scanner<Vec<u8>>, octets: &'a [u8], size: usize) -> Answer<'a> {
    for end in (size..octets.len()).step_by(size) {
        assert!(needed(scanner.peek(&octets[..end])) <= octets.len() - end);
    }
    scanner.peek(octets)
}

#[test]
fn every_split_over_two_calls_reads_as_one() {
    let scan = Scan::default();
    for (name, octets) in corpus::all() {
        let message = &octets[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for records in [octets.clone(), build::records(message, &[100, 3])] {
            for at in 1..records.len() {
                let mut fed = scan.scanner(vec![0; 2048]);
                assert!(needed(fed.feed(&records[..at])) <= records.len() - at);
                same(&name, &one, fed.feed(&records[at..]), records.len());
                let mut peeked = scan.scanner(vec![0; 2048]);
                assert!(needed(peeked.peek(&records[..at])) <= records.len() - at);
                same(&name, &one, peeked.peek(&records), records.len());
            }
        }
    }
}

#[test]
fn every_size_of_call_with_every_size_of_record_reads_as_one() {
    let scan = Scan::default();
    for (name, octets) in corpus::all() {
        let message = &octets[5..];
        let one = view(&name, scan.handshake(message), message.len());
        for record in [1, 2, 3, 4, 5, 6, 7, 50, 255, 256, message.len()] {
            let records = build::records(message, &vec![record; message.len() / record]);
            for call in [1, 2, 3, 4, 5, 6, 7, 11, 60, 500] {
                let mut fed = scan.scanner(vec![0; 2048]);
                same(&name, &one, feed(&mut fed, &records, call), records.len());
                let mut peeked = scan.scanner(vec![0; 2048]);
                same(&name, &one, peek(&mut peeked, &records, call), records.len());
            }
        }
    }
}

#[test]
fn what_follows_the_record_is_left_alone() {
    let scan = Scan::default();
    for (name, octets) in corpus::all() {
        let length = octets.len();
        // Another record, the beginning of one, or anything else.
        for after in [&[20, 3, 3, 0, 1, 1][..], &[23], &[0; 9], &octets] {
            let more = [&octets, after].concat();
            let one = view(&name, scan.records(&octets, &mut []), length);
            same(&name, &one, scan.records(&more, &mut []), length);
            same(&name, &one, scan.handshake(&[&octets[5..], after].concat()), length - 5);

            let split = build::records(&octets[5..], &[50]);
            let more = [&split, after].concat();
            let (mut fed, mut peeked) = (scan.scanner([0; 2048]), scan.scanner([0; 2048]));
            same(&name, &one, scan.records(&more, &mut [0; 2048]), split.len());
            same(&name, &one, fed.feed(&more), split.len());
            same(&name, &one, peeked.peek(&more), split.len());
        }
    }
}

#[test]
fn a_scanner_reads_one_hello_after_another() {
    let scan = Scan::default();
    let mut scanner = scan.scanner([0; 2048]);
    for (name, octets) in corpus::all() {
        let one = view(&name, scan.records(&octets, &mut []), octets.len());
        needed(scanner.feed(&octets[..70]));
        same(&name, &one, scanner.feed(&octets[70..]), octets.len());
        same(&name, &one, scanner.feed(&octets), octets.len());
    }
}

#[test]
fn a_scanner_that_refused_gives_the_same_refusal_again() {
    let octets = corpus::read("curl");
    let mut scanner = Scan::default().scanner([0; 2048]);
    needed(scanner.feed(&octets[..300]));
    needed(scanner.feed(&octets[300..514]));
    let refused = told(&scanner.feed(&[0, 0, 0xff]));
    assert!(matches!(refused, Told::Hello(_)), "the last octets are of padding: {refused:?}");

    needed(scanner.feed(&[22, 3]));
    let refused = told(&scanner.feed(&[1, 0xff]));
    assert!(matches!(refused, Told::Malformed(_)), "{refused:?}");
    assert_eq!(told(&scanner.feed(&octets)), refused);
    assert_eq!(told(&scanner.peek(&octets)), refused);
    assert_eq!(told(&scanner.feed(&[])), refused);
}
