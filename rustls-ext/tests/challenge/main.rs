//! The scheme `ClientCertificate`: parsing, writing and matching challenges, and hostile fields.
#![cfg(feature = "http")]

#[path = "../common/mod.rs"]
mod common;

mod accepts;
mod among_others;
mod hostile;
mod parameters;
mod properties;

use rustls_ext::http::{Challenge, ChallengeError, ChallengeProblem, Challenges, Place};

/// The result of parsing one line.
fn read(line: impl AsRef<[u8]>) -> Challenges {
    Challenges::in_lines([line.as_ref()])
}

/// The only challenge of a line without errors.
fn one(line: impl AsRef<[u8]>) -> Challenge {
    let read = read(line);
    assert_eq!(read.errors, []);
    let [challenge] = <[Challenge; 1]>::try_from(read.challenges).unwrap();
    challenge
}

/// The errors and their positions.
fn errors(read: &Challenges) -> Vec<(Place, ChallengeProblem)> {
    read.errors.iter().map(|error| (error.place, error.problem.clone())).collect()
}

/// The only error of a line without a challenge.
fn fault(line: impl AsRef<[u8]>) -> (usize, ChallengeProblem) {
    let read = read(line);
    assert_eq!(read.challenges, []);
    let [ChallengeError { place: Place { line: 0, byte }, problem, .. }] = &read.errors[..] else {
        panic!("{:?}", read.errors)
    };
    (*byte, problem.clone())
}
