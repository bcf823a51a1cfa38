//! The flags that documents define.

use std::collections::BTreeSet;

use rustls_ext_wire::{
    CodePoints, Flag, FlagSet, KNOWN_FLAGS, KnownFlag, Message, Permission, check,
};

#[test]
fn each_known_flag_has_a_name_messages_and_a_document() {
    let names: BTreeSet<_> = KNOWN_FLAGS.iter().map(|known| known.name).collect();
    assert_eq!(names.len(), KNOWN_FLAGS.len());
    let numbers: Vec<_> = KNOWN_FLAGS.iter().filter_map(|known| known.number).collect();
    assert_eq!(numbers, [Flag::REQUEST_CLIENT_AUTH, Flag::RESUMPTION_ACROSS_NAMES]);
    for KnownFlag { name, messages, source, .. } in KNOWN_FLAGS {
        let of_a_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(name.bytes().all(of_a_name), "{name}");
        assert!(!messages.is_empty() && source.starts_with("draft-"), "{name}");
    }
}

#[test]
fn flags_4_the_table_allows_a_flag_with_a_number_in_its_messages_only() {
    for known in KNOWN_FLAGS.iter().filter(|known| known.number.is_some()) {
        for &message in Message::ALL {
            let row = message.row();
            let cell = match known.name {
                "request_client_auth" => row.request_client_auth,
                "resumption_across_names" => row.resumption_across_names,
                other => panic!("the table has no column for {other}"),
            };
            let allowed = cell.permission != Permission::Never;
            assert_eq!(allowed, known.messages.contains(&message), "{} in {message}", known.name);
        }
    }
}

#[test]
fn flags_6_a_flag_without_a_number_is_unknown() {
    let points = CodePoints::DEFAULT;
    for number in 0..=Flag::MAX.get() {
        let flag = Flag::new(number).unwrap();
        let name = KnownFlag::with_number(flag, &points).map(|known| known.name);
        assert_eq!(
            name,
            match number {
                80 => Some("request_client_auth"),
                8 => Some("resumption_across_names"),
                _ => None,
            }
        );
        if name.is_none() {
            let flags = FlagSet::single(flag);
            for message in [Message::ClientHello, Message::NewSessionTicket] {
                assert_eq!(check(message, &flags, &FlagSet::EMPTY, &points), Ok(()));
            }
        }
    }
}

#[test]
fn code_points_select_the_name() {
    let moved = CodePoints::new(62, Flag::new(1000).unwrap()).unwrap();
    let name = |number| {
        let flag = Flag::new(number).unwrap();
        KnownFlag::with_number(flag, &moved).map(|known| known.name)
    };
    assert_eq!([name(1000), name(80)], [Some("request_client_auth"), None]);
}
