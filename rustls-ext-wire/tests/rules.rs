//! The rules as data: their numbers, texts and levels, and the citations in errors.

use std::collections::BTreeSet;

use rustls_ext_wire::rules::{self, FAMILIES, Level, Rule};
use rustls_ext_wire::{CareError, Fault, FlagsError, Flaw, Message, OriginHintError, TABLE};

#[test]
fn rules_are_numbered_within_their_families() {
    let families = FAMILIES.iter().map(|family| (family.name, family.rules.len()));
    assert_eq!(
        families.collect::<Vec<_>>(),
        [
            ("FLAGS", 13),
            ("RCA", 9),
            ("CARE", 5),
            ("RES", 8),
            ("CANT", 8),
            ("EA", 14),
            ("SCC", 15),
            ("WIO", 9),
        ]
    );
    for family in FAMILIES {
        for (rule, number) in family.rules.iter().zip(1..) {
            assert_eq!(rule.id, format!("{}-{number}", family.name));
        }
    }
}

#[test]
fn each_rule_is_one_sentence_from_a_source() {
    for Rule { id, source, text, .. } in rules::all() {
        assert!(text.ends_with('.') && !text.contains(". "), "{id}: {text}");
        assert!(
            !text.contains('|') && !text.contains('\n'),
            "{id} cannot be a row of a table: {text}"
        );
        assert!(source.starts_with("draft-") || source.starts_with("RFC "), "{id}: {source}");
    }
    let texts: BTreeSet<_> = rules::all().map(|rule| rule.text).collect();
    assert_eq!(texts.len(), rules::all().count());
}

#[test]
fn a_rule_is_found_by_its_id_alone() {
    for rule in rules::all() {
        assert_eq!(rules::find(rule.id), Some(rule));
    }
    for number in ["0", "14", "01", "", "2 "] {
        assert_eq!(rules::find(&format!("FLAGS-{number}")), None);
    }
    for other in ["", "FLAGS", "flags-1", "FLAGS_1", "RFC 8446 4.2"] {
        assert_eq!(rules::find(other), None, "{other}");
    }
}

#[test]
fn levels_are_those_of_rfc_2119() {
    let levels = [Level::Must, Level::MustNot, Level::Should, Level::May, Level::Choice];
    let names = levels.map(|level| level.to_string());
    assert_eq!(names, ["MUST", "MUST NOT", "SHOULD", "MAY", "our choice"]);
}

#[test]
fn errors_and_the_table_cite_rules() {
    let faults = [
        (FlagsError::TrailingZero.into(), rules::FLAGS_2),
        (FlagsError::NoLength.into(), rules::FLAGS_3),
        (CareError::NotEmpty { length: 1 }.into(), rules::CARE_1),
        (CareError::Unsolicited.into(), rules::CARE_3),
        (CareError::Misplaced { message: Message::NewSessionTicket }.into(), rules::CARE_3),
        (Fault::SecondHelloDiffers, rules::FLAGS_12),
        (OriginHintError::Misplaced { message: Message::ServerHello }.into(), rules::WIO_1),
        (OriginHintError::Malformed { flaw: Flaw::EmptyList }.into(), rules::WIO_2),
        (OriginHintError::Changed.into(), rules::WIO_7),
    ];
    for (fault, rule) in faults {
        assert_eq!(rules::find(fault.rule()), Some(&rule), "{fault}");
    }
    for row in TABLE {
        let flags = [row.any_flag, row.request_client_auth, row.resumption_across_names];
        for cell in flags.into_iter().chain([row.origin_hint]) {
            assert!(rules::find(cell.rule).is_some(), "{}", cell.rule);
        }
    }
}
