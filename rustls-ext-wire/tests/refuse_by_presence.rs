//! FLAGS-5 and RCA-5 together: what answers a message that carried no flag, or only
//! `request_client_auth`, carries no flag at all. So a TLS library that sends nothing else may
//! refuse the extension by its mere presence.

use std::collections::BTreeSet;

use proptest::collection::btree_set;
use proptest::prelude::*;
use rustls_ext_wire::Message::*;
use rustls_ext_wire::{CodePoints, Flag, FlagSet, Message, check};

const NOT_UNSOLICITED: [Message; 5] =
    [ServerHello, HelloRetryRequest, EncryptedExtensions, ServerCertificate, ClientCertificate];

fn set(numbers: impl IntoIterator<Item = u16>) -> FlagSet {
    let flag = |number| Flag::new(number).unwrap();
    numbers.into_iter().map(flag).collect()
}

/// The messages, each with what the message that it answers may have carried.
fn messages_that_must_stay_empty() -> Vec<(Message, FlagSet)> {
    let mut cases = Vec::new();
    for message in NOT_UNSOLICITED {
        cases.push((message, FlagSet::EMPTY));
        cases.push((message, FlagSet::single(Flag::REQUEST_CLIENT_AUTH)));
    }
    cases
}

#[test]
fn flags_5_and_rca_5_nothing_answers_request_client_auth_alone() {
    let code_points = CodePoints::default();
    // By the lowest flag of the set: alone, with all above it, and with all below.
    for number in 0..=2039 {
        for received in [set([number]), set(number..=2039), set(0..=number)] {
            for (message, answered) in messages_that_must_stay_empty() {
                let checked = check(message, &received, &answered, &code_points);
                assert!(checked.is_err(), "{received:?} in {message}");
            }
        }
    }
    // And every set of the flags that could be special.
    let special = [0, 7, 8, 9, 79, 80, 81, 88, 2038, 2039];
    for chosen in 1_u32..1 << special.len() {
        let is_chosen = |place: &usize| chosen >> place & 1 == 1;
        let received = set((0..special.len()).filter(is_chosen).map(|place| special[place]));
        for (message, answered) in messages_that_must_stay_empty() {
            let checked = check(message, &received, &answered, &code_points);
            assert!(checked.is_err(), "{received:?} in {message}");
        }
    }
}

fn some_numbers() -> impl Strategy<Value = BTreeSet<u16>> {
    let number = prop_oneof![Just(8_u16), Just(80), 0..20_u16, 0..=2039_u16];
    btree_set(number, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_set_answers_request_client_auth_alone(received in some_numbers()) {
        let received = set(received);
        for (message, answered) in messages_that_must_stay_empty() {
            let checked = check(message, &received, &answered, &CodePoints::default());
            prop_assert!(checked.is_err(), "{received:?} in {message}");
        }
    }
}
