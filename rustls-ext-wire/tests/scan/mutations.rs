//! Every single-octet change of every hello ends in an answer, and in the one that the rules say.

use rustls_ext_wire::Scan;

use crate::corpus;
use crate::reference::{self, Told, told};

#[test]
fn every_change_of_one_octet_ends_as_the_rules_say() {
    let tallies: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            corpus::all().into_iter().map(|file| scope.spawn(move || tally(file))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for tally in tallies {
        assert!(tally.iter().all(|count| *count > 0), "{tally:?}");
    }
}

/// How many changes of a file end in a hello, as incomplete, not TLS, and malformed.
fn tally((name, mut octets): (String, Vec<u8>)) -> [usize; 4] {
    let scan = Scan::default();
    let mut tally = [0; 4];
    for at in 0..octets.len() {
        let was = octets[at];
        for octet in (0..=255).filter(|octet| *octet != was) {
            octets[at] = octet;
            let answer = told(&scan.records(&octets, &mut [0; 2048]));
            assert_eq!(answer, reference::scan(&octets), "{name}: {octet} at {at}");
            tally[match answer {
                Told::Hello(_) => 0,
                Told::Incomplete => 1,
                Told::NotTls(_) => 2,
                Told::Malformed(_) => 3,
            }] += 1;
        }
        octets[at] = was;
    }
    tally
}
