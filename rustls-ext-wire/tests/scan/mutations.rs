//! Each change of one byte of a recorded ClientHello gives the answer of the reference.

use rustls_ext_wire::Scan;

use crate::corpus;
use crate::reference::{self, Told, told};

#[test]
fn every_change_of_one_byte_gives_the_answer_of_the_reference() {
    let tallies: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            corpus::all().into_iter().map(|file| scope.spawn(move || tally(file))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for tally in tallies {
        assert!(tally.iter().all(|count| *count > 0), "{tally:?}");
    }
}

/// Counts the changes of a file by their answer: ClientHello, incomplete, not TLS, malformed.
fn tally((name, mut bytes): (String, Vec<u8>)) -> [usize; 4] {
    let scan = Scan::default();
    let mut tally = [0; 4];
    for at in 0..bytes.len() {
        let was = bytes[at];
        for byte in (0..=255).filter(|byte| *byte != was) {
            bytes[at] = byte;
            let answer = told(&scan.records(&bytes, &mut [0; 2048]));
            assert_eq!(answer, reference::scan(&bytes), "{name}: {byte} at {at}");
            tally[match answer {
                Told::Hello(_) => 0,
                Told::Incomplete => 1,
                Told::NotTls(_) => 2,
                Told::Malformed(_) => 3,
            }] += 1;
        }
        bytes[at] = was;
    }
    tally
}
