//! FLAGS-5 and RCA-5 together: an answer to a message that has no flag, or only
//! `request_client_auth`, has no flags. So a TLS library that sends no other flag may refuse the
//! extension in these messages without reading its body.

use std::collections::BTreeSet;

use proptest::collection::btree_set;
use proptest::prelude::*;
use rustls_ext_wire::Message::*;
use rustls_ext_wire::{Alert, CodePoints, Flag, FlagSet, Message, check};

const NOT_UNSOLICITED: [Message; 5] =
    [ServerHello, HelloRetryRequest, EncryptedExtensions, ServerCertificate, ClientCertificate];

fn set(numbers: impl IntoIterator<Item = u16>) -> FlagSet {
    let flag = |number| Flag::new(number).unwrap();
    numbers.into_iter().map(flag).collect()
}

/// These messages, each with the flags that the message which it answers may have.
fn messages_that_must_stay_empty() -> Vec<(Message, FlagSet)> {
    let mut cases = Vec::new();
    for message in NOT_UNSOLICITED {
        cases.push((message, FlagSet::EMPTY));
        cases.push((message, FlagSet::single(Flag::REQUEST_CLIENT_AUTH)));
    }
    cases
}

/// The rule, the flag that breaks it, the message that contains the flag, and the alert.
type Refusal = (&'static str, u16, Message, Alert);

/// The expected error for a set in one of these messages: it names a flag that has rules of its
/// own, or else the lowest.
fn refusal(received: &FlagSet, message: Message) -> Result<(), Refusal> {
    let has = |number| received.contains(Flag::new(number).unwrap());
    let (rule, flag) = match (has(80), has(8)) {
        (true, _) => ("RCA-5", 80),
        (false, true) => ("FLAGS-4", 8),
        (false, false) => ("FLAGS-5", received.iter().next().unwrap().get()),
    };
    Err((rule, flag, message, Alert::ILLEGAL_PARAMETER))
}

fn checked(received: &FlagSet, message: Message, answered: &FlagSet) -> Result<(), Refusal> {
    check(message, received, answered, &CodePoints::default())
        .map_err(|err| (err.rule(), err.flag().get(), err.message(), err.alert()))
}

#[test]
fn flags_5_and_rca_5_no_flag_answers_request_client_auth_alone() {
    // Each flag: alone, with all above it, and with all below it.
    for number in 0..=2039 {
        for received in [set([number]), set(number..=2039), set(0..=number)] {
            for (message, answered) in messages_that_must_stay_empty() {
                let checked = checked(&received, message, &answered);
                assert_eq!(checked, refusal(&received, message), "{received:?}");
            }
        }
    }
    // And every combination of flags that could be special.
    let special = [0, 7, 8, 9, 79, 80, 81, 88, 2038, 2039];
    for chosen in 1_u32..1 << special.len() {
        let is_chosen = |place: &usize| chosen >> place & 1 == 1;
        let received = set((0..special.len()).filter(is_chosen).map(|place| special[place]));
        for (message, answered) in messages_that_must_stay_empty() {
            let checked = checked(&received, message, &answered);
            assert_eq!(checked, refusal(&received, message), "{received:?}");
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
            let checked = checked(&received, message, &answered);
            prop_assert_eq!(checked, refusal(&received, message), "{:?}", received);
        }
    }
}
