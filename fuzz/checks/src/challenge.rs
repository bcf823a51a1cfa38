//! `WWW-Authenticate` fields: none makes the parser panic or loop, and a parsed challenge can be
//! written and parsed again.

use rustls_ext::http::{Challenge, Challenges};

/// Checks the properties of this module for fields, one per line.
pub fn check(bytes: &[u8]) {
    let read = Challenges::in_lines(bytes.split(|byte| *byte == b'\n'));
    for error in &read.errors {
        assert!(!error.to_string().is_empty());
    }
    read.challenges.iter().for_each(round_trip);
}

fn round_trip(challenge: &Challenge) {
    // A challenge does not accept an empty chain.
    assert!(!challenge.accepts(&[]));
    // Several parsed lines may be longer than one line may be.
    let Ok(value) = challenge.to_value() else { return };
    let read = Challenges::in_lines([value.as_bytes()]);
    assert_eq!(
        (read.challenges.as_slice(), read.errors.as_slice()),
        (&[challenge.clone()][..], &[][..])
    );
}
