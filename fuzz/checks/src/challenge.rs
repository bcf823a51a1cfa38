//! `WWW-Authenticate` fields: nothing in them makes the parser panic or go on for ever, and what
//! it reads it also writes.

use rustls_ext::http::{Challenge, Challenges};

/// Fields, one for each line.
pub fn check(bytes: &[u8]) {
    let read = Challenges::in_lines(bytes.split(|byte| *byte == b'\n'));
    for error in &read.errors {
        assert!(!error.to_string().is_empty());
    }
    read.challenges.iter().for_each(again);
}

fn again(challenge: &Challenge) {
    // Nobody has no certificate that it accepts.
    assert!(!challenge.accepts(&[]));
    // What was read may be more than what may be written in one line.
    let Ok(value) = challenge.to_value() else { return };
    let read = Challenges::in_lines([value.as_bytes()]);
    assert_eq!(
        (read.challenges.as_slice(), read.errors.as_slice()),
        (&[challenge.clone()][..], &[][..])
    );
}
