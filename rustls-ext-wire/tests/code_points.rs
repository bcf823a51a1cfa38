//! The numbers that are allowed for the extensions and the flag.

use rustls_ext_wire::{CodePointError, CodePoints, Flag};

/// Every number that must be refused, from the registries, apart from 0 to 61.
const TAKEN: [u16; 33] = [
    // GREASE, RFC 8701
    0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a, 0x8a8a, 0x9a9a, 0xaaaa, 0xbaba,
    0xcaca, 0xdada, 0xeaea, 0xfafa, //
    // server_padding, NPN, ALPS, Channel ID, PAKE, trust anchors: not IANA's, but in use
    4832, 13172, 17513, 17613, 30031, 30032, 0x8a3b, 0xca34, //
    // Encrypted Client Hello, renegotiation_info
    64768, 65037, 65281, //
    // private use: delegated credentials, QUIC's parameters and ESNI of drafts, CARE, the origin
    // hint; reserved
    0xff02, 0xffa5, 0xffce, 0xffca, 0xffcb, 0xffff,
];

#[test]
fn the_default_is_62_and_80() {
    let code_points = CodePoints::default();
    assert_eq!(code_points, CodePoints::DEFAULT);
    assert_eq!((code_points.tls_flags(), code_points.request_client_auth().get()), (62, 80));
    assert_eq!(CodePoints::new(62, Flag::REQUEST_CLIENT_AUTH), Ok(code_points));
}

#[test]
fn the_number_of_the_public_experiment_is_allowed() {
    let code_points = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap();
    assert_eq!(code_points.tls_flags(), 65025);
    assert_eq!(code_points.request_client_auth(), Flag::REQUEST_CLIENT_AUTH);
}

#[test]
fn every_extension_number_that_another_uses_is_refused_and_no_other() {
    for number in 0..=u16::MAX {
        match CodePoints::new(number, Flag::REQUEST_CLIENT_AUTH) {
            Ok(code_points) => {
                assert!(number >= 62 && !TAKEN.contains(&number), "{number}");
                assert_eq!(code_points.tls_flags(), number);
            }
            Err(CodePointError::ExtensionTaken { number: refused, by }) => {
                assert!(number <= 61 || TAKEN.contains(&number), "{number}");
                assert_eq!(refused, number);
                assert!(!by.is_empty());
            }
            Err(other) => panic!("{number}: {other}"),
        }
    }
}

#[test]
fn care_has_a_number_of_its_own_or_none() {
    let code_points = CodePoints::default();
    assert_eq!(code_points.care(), Some(0xffca));
    for number in 0..=u16::MAX {
        // CARE may have its own default number, but not that of `tls_flags`.
        let is_free = number > 62 && (number == 0xffca || !TAKEN.contains(&number));
        match code_points.with_care(number) {
            Ok(with) => assert!(is_free && with.care() == Some(number), "{number}"),
            Err(CodePointError::ExtensionTaken { number: refused, .. }) => {
                assert!(!is_free && refused == number, "{number}");
            }
            Err(other) => panic!("{number}: {other}"),
        }
    }
    let refused = code_points.with_care(62).unwrap_err();
    assert_eq!(refused, CodePointError::ExtensionTaken { number: 62, by: "tls_flags" });
    let refused = CodePoints::new(0xffca, Flag::REQUEST_CLIENT_AUTH).unwrap_err();
    let by = "client_authentication_request";
    assert_eq!(refused, CodePointError::ExtensionTaken { number: 0xffca, by });
    assert_eq!(code_points.without_care().care(), None);
}

#[test]
fn the_origin_hint_has_a_number_of_its_own_or_none() {
    let code_points = CodePoints::default();
    assert_eq!(code_points.origin_hint(), Some(0xffcb));
    for number in 0..=u16::MAX {
        let is_free = number > 62 && (number == 0xffcb || !TAKEN.contains(&number));
        match code_points.with_origin_hint(number) {
            Ok(with) => {
                assert!(is_free && with.origin_hint() == Some(number), "{number}");
                assert_eq!((with.tls_flags(), with.care()), (62, Some(0xffca)));
            }
            Err(CodePointError::ExtensionTaken { number: refused, .. }) => {
                assert!(!is_free && refused == number, "{number}");
            }
            Err(other) => panic!("{number}: {other}"),
        }
    }
    let disabled = code_points.without_origin_hint();
    assert_eq!((disabled.origin_hint(), disabled.care()), (None, Some(0xffca)));
}

#[test]
fn two_of_our_extensions_do_not_share_a_number_in_any_order() {
    let taken = |number, by| Err(CodePointError::ExtensionTaken { number, by });
    let default = CodePoints::default();
    let (flags, care, hint) =
        ("tls_flags", "client_authentication_request", "workload_identifier_origin_hint");
    assert_eq!(CodePoints::new(0xffcb, Flag::REQUEST_CLIENT_AUTH), taken(0xffcb, hint));
    assert_eq!(default.with_care(0xffcb), taken(0xffcb, hint));
    assert_eq!(default.with_origin_hint(62), taken(62, flags));
    assert_eq!(default.with_origin_hint(0xffca), taken(0xffca, care));

    let moved = default.with_care(0xff55).unwrap();
    assert_eq!(moved.with_origin_hint(0xff55), taken(0xff55, care));
    assert_eq!(moved.with_origin_hint(0xffca).unwrap().origin_hint(), Some(0xffca));
    let moved = default.with_origin_hint(0xff55).unwrap();
    assert_eq!(moved.with_care(0xff55), taken(0xff55, hint));
    assert_eq!(moved.with_care(0xffcb).unwrap().care(), Some(0xffcb));

    // A number that is disabled is free.
    assert_eq!(default.without_care().with_origin_hint(0xffca).unwrap().care(), None);
    let without = default.without_origin_hint().with_care(0xffcb).unwrap();
    assert_eq!((without.care(), without.origin_hint()), (Some(0xffcb), None));
    let moved = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap();
    assert_eq!(moved.with_origin_hint(0xfe01), taken(0xfe01, flags));
    assert_eq!(moved.with_origin_hint(62).unwrap().origin_hint(), Some(62));
}

#[test]
fn errors_name_the_extension_that_uses_the_number() {
    let names = [
        (0, "server_name"),
        (10, "supported_groups"),
        (16, "application_layer_protocol_negotiation"),
        (27, "compress_certificate"),
        (35, "session_ticket"),
        (41, "pre_shared_key"),
        (43, "supported_versions"),
        (47, "certificate_authorities"),
        (51, "key_share"),
        (57, "quic_transport_parameters"),
        (61, "rrc"),
        (0x1a1a, "GREASE"),
        (0xfe0d, "encrypted_client_hello"),
        (0xff01, "renegotiation_info"),
    ];
    for (number, by) in names {
        let refused = CodePoints::new(number, Flag::REQUEST_CLIENT_AUTH);
        assert_eq!(refused, Err(CodePointError::ExtensionTaken { number, by }));
    }
    let refused = CodePoints::new(0xfe0d, Flag::REQUEST_CLIENT_AUTH).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "TLS extension 65037 (0xfe0d) is already taken: encrypted_client_hello"
    );
}

#[test]
fn the_one_flag_that_is_taken_is_refused() {
    for number in 0..=Flag::MAX.get() {
        let flag = Flag::new(number).unwrap();
        match CodePoints::new(62, flag) {
            Ok(code_points) => assert_eq!(code_points.request_client_auth(), flag),
            Err(error) => {
                let by = "resumption_across_names";
                assert_eq!(error, CodePointError::FlagTaken { flag, by });
                assert_eq!(flag, Flag::RESUMPTION_ACROSS_NAMES);
            }
        }
    }
    let refused = CodePoints::new(62, Flag::RESUMPTION_ACROSS_NAMES).unwrap_err();
    assert_eq!(refused.to_string(), "TLS flag 8 is already taken: resumption_across_names");
}
