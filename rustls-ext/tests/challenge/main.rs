//! The scheme `ClientCertificate`: what is read, written and accepted; what hostile fields come to.
#![cfg(feature = "http")]

#[path = "../common/mod.rs"]
mod common;

mod accepts;
mod among_others;
mod hostile;
mod parameters;
mod properties;

use rustls_ext::http::{Challenge, ChallengeError, ChallengeProblem, Challenges, Place};

/// What is read of one line.
fn read(line: impl AsRef<[u8]>) -> Challenges {
    Challenges::in_lines([line.as_ref()])
}

/// The only challenge of a line without mistakes.
fn one(line: impl AsRef<[u8]>) -> Challenge {
    let read = read(line);
    assert_eq!(read.errors, []);
    let [challenge] = <[Challenge; 1]>::try_from(read.challenges).unwrap();
    challenge
}

/// The mistakes, and where they are.
fn errors(read: &Challenges) -> Vec<(Place, ChallengeProblem)> {
    read.errors.iter().map(|error| (error.place, error.problem.clone())).collect()
}

/// The only mistake of a line without a challenge.
fn fault(line: impl AsRef<[u8]>) -> (usize, ChallengeProblem) {
    let read = read(line);
    assert_eq!(read.challenges, []);
    let [ChallengeError { place: Place { line: 0, octet }, problem, .. }] = &read.errors[..] else {
        panic!("{:?}", read.errors)
    };
    (*octet, problem.clone())
}
