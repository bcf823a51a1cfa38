//! The flags that are allowed in each message: FLAGS-4, FLAGS-5, FLAGS-6, RCA-4, RCA-5.

use std::collections::BTreeSet;

use proptest::collection::btree_set;
use proptest::prelude::*;
use rustls_ext_wire::Message::*;
use rustls_ext_wire::{
    Cell, CodePoints, Flag, FlagSet, Message, OriginHintError, Permission, TABLE, Version,
    Violation, check, check_origin_hint,
};

const NOT_UNSOLICITED: [Message; 5] =
    [ServerHello, HelloRetryRequest, EncryptedExtensions, ServerCertificate, ClientCertificate];

fn flag(number: u16) -> Flag {
    Flag::new(number).unwrap()
}

fn set(numbers: impl IntoIterator<Item = u16>) -> FlagSet {
    numbers.into_iter().map(flag).collect()
}

fn everything() -> FlagSet {
    set(0..=2039)
}

fn with_flag(request_client_auth: u16) -> CodePoints {
    CodePoints::new(62, flag(request_client_auth)).unwrap()
}

/// The rule that one flag breaks in a message, by the text of the rules, without the table.
fn broken(message: Message, number: u16, answered: bool, rca: u16) -> Option<&'static str> {
    if number == rca {
        return match message {
            // RCA-5: it is allowed in ClientHello and CertificateRequest only.
            ClientHello => None,
            // RCA-4: only if the ClientHello had it.
            CertificateRequest => (!answered).then_some("RCA-4"),
            _ => Some("RCA-5"),
        };
    }
    if number == 8 {
        // It is registered for NewSessionTicket only.
        return (message != NewSessionTicket).then_some("FLAGS-4");
    }
    // FLAGS-5, and FLAGS-6 for the three messages in which unsolicited flags are allowed
    let unsolicited = matches!(message, ClientHello | CertificateRequest | NewSessionTicket);
    (!unsolicited && !answered).then_some("FLAGS-5")
}

/// The violation that [`check`] documents for a set: the known flags first, then the lowest.
fn expected(
    message: Message,
    received: &BTreeSet<u16>,
    answered: &BTreeSet<u16>,
    rca: u16,
) -> Result<(), (&'static str, u16)> {
    let known = [rca, 8].into_iter().filter(|known| received.contains(known));
    for number in known.chain(received.iter().copied()) {
        if let Some(rule) = broken(message, number, answered.contains(&number), rca) {
            return Err((rule, number));
        }
    }
    Ok(())
}

fn verdict(
    message: Message,
    received: &FlagSet,
    answered: &FlagSet,
    code_points: &CodePoints,
) -> Result<(), (&'static str, u16)> {
    check(message, received, answered, code_points).map_err(|violation| {
        assert_eq!(violation.message(), message);
        assert_eq!(violation.alert().code(), 47);
        (violation.rule(), violation.flag().get())
    })
}

#[test]
fn flags_4_the_table_has_one_row_for_every_message() {
    assert!(TABLE.iter().map(|row| row.message).eq(Message::ALL.iter().copied()));
    for &message in Message::ALL {
        assert_eq!(message.row().message, message);
    }
}

#[test]
fn flags_5_the_table_has_the_message_that_each_message_answers() {
    for &message in Message::ALL {
        let answers = match message {
            ClientHello | NewSessionTicket => None,
            ClientCertificate => Some(CertificateRequest),
            _ => Some(ClientHello),
        };
        assert_eq!(message.row().answers, answers, "{message}");
    }
}

#[test]
fn wio_1_the_table_allows_an_origin_hint_in_client_hello_only() {
    let body = b"\0\x16\0\x14spiffe://example.org";
    for row in TABLE {
        assert_eq!(row.origin_hint.rule, "WIO-1");
        let allowed = row.origin_hint.permission == Permission::May;
        assert_eq!(allowed, row.message == ClientHello, "{}", row.message);
        for version in [Version::Tls12, Version::Tls13] {
            let checked = check_origin_hint(row.message, version, body);
            let misplaced = OriginHintError::Misplaced { message: row.message };
            assert_eq!(checked, if allowed { Ok(()) } else { Err(misplaced) });
        }
    }
}

#[test]
fn if_answered_is_used_only_for_messages_that_answer_another() {
    for row in TABLE {
        for cell in [row.any_flag, row.request_client_auth, row.resumption_across_names] {
            assert!(cell.permission != Permission::IfAnswered || row.answers.is_some());
        }
    }
}

#[test]
fn every_message_with_every_flag_answered_or_not() {
    let everything = everything();
    let numbers = [80, 0, 9, 2039];
    let code_points = numbers.map(with_flag);
    for number in 0..=2039 {
        let received = FlagSet::single(flag(number));
        let mut others = everything.clone();
        others.remove(flag(number));
        let answers = [(&FlagSet::EMPTY, false), (&others, false), (&received, true)];
        for (rca, code_points) in numbers.iter().zip(&code_points) {
            for &message in Message::ALL {
                for (answered, is_answered) in answers {
                    assert_eq!(
                        verdict(message, &received, answered, code_points).err(),
                        broken(message, number, is_answered, *rca).map(|rule| (rule, number)),
                        "{number} in {message}, answered: {is_answered}"
                    );
                }
            }
        }
    }
}

#[test]
fn check_applies_the_table() {
    let code_points = CodePoints::default();
    for row in TABLE {
        for number in 0..=2039 {
            for answered in [false, true] {
                let received = FlagSet::single(flag(number));
                let answers = if answered { received.clone() } else { FlagSet::EMPTY };
                let refuses = |cell: &Cell| match cell.permission {
                    Permission::May => false,
                    Permission::IfAnswered => !answered,
                    Permission::Never => true,
                };
                let own = match number {
                    80 => Some(row.request_client_auth),
                    8 => Some(row.resumption_across_names),
                    _ => None,
                };
                let refusal = own.into_iter().chain([row.any_flag]).find(refuses);
                assert_eq!(
                    verdict(row.message, &received, &answers, &code_points).err(),
                    refusal.map(|cell| (cell.rule, number)),
                );
            }
        }
    }
}

#[test]
fn the_empty_set_is_allowed_in_every_message() {
    for &message in Message::ALL {
        for answered in [FlagSet::EMPTY, everything()] {
            let checked = check(message, &FlagSet::EMPTY, &answered, &CodePoints::default());
            assert_eq!(checked, Ok(()));
        }
    }
}

#[test]
fn flags_5_unsolicited_flag_in_an_answer_is_illegal_parameter() {
    let answered = set([5, 700]);
    for message in NOT_UNSOLICITED {
        let violation =
            check(message, &set([5, 6, 700]), &answered, &CodePoints::default()).unwrap_err();
        assert_eq!((violation.rule(), violation.flag()), ("FLAGS-5", flag(6)));
        assert_eq!(violation.alert().code(), 47);
        let answer = check(message, &answered, &answered, &CodePoints::default());
        assert_eq!(answer, Ok(()), "{message}");
    }
}

#[test]
fn flags_6_unknown_flags_are_ignored_where_unsolicited_flags_are_allowed() {
    let mut unknown = everything();
    unknown.remove(Flag::REQUEST_CLIENT_AUTH);
    unknown.remove(Flag::RESUMPTION_ACROSS_NAMES);
    for message in [ClientHello, CertificateRequest, NewSessionTicket] {
        let checked = check(message, &unknown, &FlagSet::EMPTY, &CodePoints::default());
        assert_eq!(checked, Ok(()), "{message}");
    }
}

#[test]
fn resumption_across_names_is_allowed_in_new_session_ticket_only() {
    let received = FlagSet::single(Flag::RESUMPTION_ACROSS_NAMES);
    for &message in Message::ALL {
        let expected = match message {
            NewSessionTicket => Ok(()),
            _ => Err(("FLAGS-4", 8)),
        };
        for answered in [FlagSet::EMPTY, received.clone()] {
            let verdict = verdict(message, &received, &answered, &CodePoints::default());
            assert_eq!(verdict, expected, "{message}");
        }
    }
}

#[test]
fn rca_4_acknowledgement_without_an_offer_is_illegal_parameter() {
    let acknowledged = FlagSet::single(Flag::REQUEST_CLIENT_AUTH);
    let hello = set([79, 81]);
    let violation =
        check(CertificateRequest, &acknowledged, &hello, &CodePoints::default()).unwrap_err();
    assert_eq!((violation.rule(), violation.flag()), ("RCA-4", Flag::REQUEST_CLIENT_AUTH));
    assert_eq!((violation.message(), violation.alert().code()), (CertificateRequest, 47));
    assert_eq!(
        violation.to_string(),
        "TLS flag 80 is not allowed in this CertificateRequest (RCA-4)"
    );
    let asked = check(CertificateRequest, &acknowledged, &acknowledged, &CodePoints::default());
    assert_eq!(asked, Ok(()));
}

#[test]
fn rca_5_the_flag_in_any_other_message_is_illegal_parameter_even_as_an_answer() {
    let received = FlagSet::single(Flag::REQUEST_CLIENT_AUTH);
    for message in NOT_UNSOLICITED.into_iter().chain([NewSessionTicket]) {
        for answered in [FlagSet::EMPTY, received.clone(), everything()] {
            let verdict = verdict(message, &received, &answered, &CodePoints::default());
            assert_eq!(verdict, Err(("RCA-5", 80)), "{message}");
        }
    }
}

#[test]
fn the_code_points_determine_the_flag() {
    let moved = with_flag(1000);
    let (old, new) = (set([80]), set([1000]));
    // Flag 80 is now a flag like any other.
    assert_eq!(check(CertificateRequest, &old, &FlagSet::EMPTY, &moved), Ok(()));
    assert_eq!(check(EncryptedExtensions, &old, &old, &moved), Ok(()));
    assert_eq!(verdict(CertificateRequest, &new, &FlagSet::EMPTY, &moved), Err(("RCA-4", 1000)));
    assert_eq!(verdict(EncryptedExtensions, &new, &new, &moved), Err(("RCA-5", 1000)));
}

#[test]
fn errors_name_the_message() {
    let names: BTreeSet<String> = Message::ALL.iter().map(Message::to_string).collect();
    assert_eq!(names.len(), Message::ALL.len());
    let is_error = |violation: Violation| -> Box<dyn std::error::Error> { violation.into() };
    let violation =
        check(ClientHello, &set([8]), &FlagSet::EMPTY, &CodePoints::default()).unwrap_err();
    assert_eq!(
        is_error(violation).to_string(),
        "TLS flag 8 is not allowed in this ClientHello (FLAGS-4)"
    );
}

fn numbers() -> impl Strategy<Value = BTreeSet<u16>> {
    let number = prop_oneof![Just(8_u16), Just(80), 0..20_u16, 0..=2039_u16];
    btree_set(number, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn sets_of_flags_in_every_message(
        received in numbers(),
        more in numbers(),
        complete in any::<bool>(),
        rca in prop_oneof![Just(80_u16), Just(3)],
    ) {
        let answered = if complete { &received | &more } else { more };
        let sets = (set(received.iter().copied()), set(answered.iter().copied()));
        for &message in Message::ALL {
            prop_assert_eq!(
                verdict(message, &sets.0, &sets.1, &with_flag(rca)),
                expected(message, &received, &answered, rca)
            );
        }
    }
}
