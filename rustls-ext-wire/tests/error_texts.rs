//! The exact texts of errors, as they appear in logs, each with its rule.

use rustls_ext_wire::{
    Alert, Answer, CareError, Fault, Flag, FlagSet, FlagsError, Flaw, Message, NotTls, Offer,
    OriginHintError, Part, Scan, ScanError, resumption::RecordError,
};

/// Each fault of a ClientHello, with its alert and its text.
const HELLO_FAULTS: [(ScanError, Alert, &str); 15] = [
    (
        ScanError::UnexpectedRecord { content_type: 21 },
        Alert::UNEXPECTED_MESSAGE,
        "its first record has type 21, not 22 (handshake) (RFC 8446 5)",
    ),
    (
        ScanError::Interleaved { content_type: 23 },
        Alert::UNEXPECTED_MESSAGE,
        "a record of type 23 interrupts the message (RFC 8446 5.1)",
    ),
    (
        ScanError::RecordVersion,
        Alert::DECODE_ERROR,
        "the version of a later record does not begin with 3 (RFC 8446 5.1)",
    ),
    (ScanError::EmptyRecord, Alert::DECODE_ERROR, "a record is empty (RFC 8446 5.1)"),
    (
        ScanError::RecordTooLong,
        Alert::RECORD_OVERFLOW,
        "a record has more than 16384 bytes (RFC 8446 5.1)",
    ),
    (
        ScanError::NotAligned,
        Alert::UNEXPECTED_MESSAGE,
        "its last record continues after the message (RFC 8446 5.1)",
    ),
    (
        ScanError::UnexpectedMessage { handshake_type: 2 },
        Alert::UNEXPECTED_MESSAGE,
        "the handshake message has type 2, not 1 (RFC 8446 4)",
    ),
    (
        ScanError::MessageTooLong { limit: 4096 },
        Alert::DECODE_ERROR,
        "the message is longer than the limit of 4096 bytes (RFC 8446 4.1.2)",
    ),
    (ScanError::MessageTooShort, Alert::DECODE_ERROR, "the message is too short (RFC 8446 4.1.2)"),
    (
        ScanError::Malformed { part: Part::SessionId, flaw: Flaw::TooLong },
        Alert::DECODE_ERROR,
        "legacy_session_id: it is too long (RFC 8446 4.1.2)",
    ),
    (
        ScanError::Malformed { part: Part::Extension(0), flaw: Flaw::UnknownKind },
        Alert::DECODE_ERROR,
        "extension 0 (server_name): an item has an unknown kind (RFC 6066 3)",
    ),
    (
        ScanError::Malformed { part: Part::Extensions, flaw: Flaw::TrailingBytes },
        Alert::DECODE_ERROR,
        "extensions: bytes follow its end (RFC 8446 4.2)",
    ),
    (
        ScanError::DuplicateExtension { extension: 0x1234 },
        Alert::ILLEGAL_PARAMETER,
        "extension 4660 occurs twice (RFC 8446 4.2)",
    ),
    (
        ScanError::AfterPreSharedKey { extension: 43 },
        Alert::ILLEGAL_PARAMETER,
        "extension 43 (supported_versions) follows pre_shared_key (RFC 8446 4.2.11)",
    ),
    (
        ScanError::BinderCount,
        Alert::ILLEGAL_PARAMETER,
        "pre_shared_key: the numbers of identities and binders differ (RFC 8446 4.2.11)",
    ),
];

#[test]
fn faults_of_a_client_hello() {
    for (error, alert, text) in HELLO_FAULTS {
        assert_eq!(error.to_string(), format!("malformed ClientHello: {text}"));
        assert_eq!(error.alert(), alert, "{error}");
        assert!(text.ends_with(&format!("({})", error.rule())));
    }
}

#[test]
fn parts_and_flaws() {
    assert_eq!(Part::CipherSuites.to_string(), "cipher_suites");
    assert_eq!(Part::CompressionMethods.to_string(), "legacy_compression_methods");
    for (flaw, text) in [
        (Flaw::Truncated, "it ends too early"),
        (Flaw::EmptyList, "a list is empty"),
        (Flaw::EmptyItem, "an item is empty"),
        (Flaw::TooShort, "an item is too short"),
        (Flaw::OddLength, "a list of 16-bit numbers has an odd length"),
    ] {
        assert_eq!(flaw.to_string(), text);
    }
}

#[test]
fn other_protocols() {
    assert_eq!(NotTls::Ssl2.to_string(), "not TLS, but SSL 2");
    assert_eq!(NotTls::Text.to_string(), "not TLS, but plain text");
    assert_eq!(NotTls::Other.to_string(), "not TLS");
}

#[test]
fn faults_that_end_a_negotiation() {
    let decode = |body| FlagSet::decode(body).unwrap_err();
    let misplaced = CareError::Misplaced { message: Message::CertificateRequest };
    let misplaced_flag = "TLS flag 8 is not allowed in this ClientHello (FLAGS-4)";
    let faults: [(Fault, Alert, &str); 8] = [
        (
            decode(&[1, 0]).into(),
            Alert::ILLEGAL_PARAMETER,
            "malformed tls_flags: no flag is set (FLAGS-2)",
        ),
        (flag_8_in_a_hello(), Alert::ILLEGAL_PARAMETER, misplaced_flag),
        (
            CareError::Unsolicited.into(),
            Alert::UNSUPPORTED_EXTENSION,
            "client_authentication_request is in an answer, but the client did not send it (CARE-3)",
        ),
        (
            misplaced.into(),
            Alert::ILLEGAL_PARAMETER,
            "client_authentication_request is not allowed in this CertificateRequest (CARE-3)",
        ),
        (
            OriginHintError::Misplaced { message: Message::EncryptedExtensions }.into(),
            Alert::ILLEGAL_PARAMETER,
            "workload_identifier_origin_hint is not allowed in this EncryptedExtensions (WIO-1)",
        ),
        (
            OriginHintError::Malformed { flaw: Flaw::TrailingBytes }.into(),
            Alert::DECODE_ERROR,
            "malformed workload_identifier_origin_hint: bytes follow its end (WIO-2)",
        ),
        (
            OriginHintError::Changed.into(),
            Alert::ILLEGAL_PARAMETER,
            "the second ClientHello does not repeat the workload_identifier_origin_hint of the \
             first (WIO-7)",
        ),
        (
            Fault::SecondHelloDiffers,
            Alert::ILLEGAL_PARAMETER,
            "the second ClientHello does not repeat the offer of the first (FLAGS-12)",
        ),
    ];
    for (fault, alert, text) in faults {
        assert_eq!(fault.to_string(), text);
        assert_eq!(fault.alert(), alert, "{fault}");
        assert!(text.ends_with(&format!("({})", fault.rule())), "{fault}");
    }
    assert_eq!(decode(&[2, 1, 0]), FlagsError::TrailingZero);
}

fn flag_8_in_a_hello() -> Fault {
    let flags = FlagSet::single(Flag::RESUMPTION_ACROSS_NAMES);
    let points = rustls_ext_wire::CodePoints::default();
    rustls_ext_wire::check(Message::ClientHello, &flags, &FlagSet::default(), &points)
        .unwrap_err()
        .into()
}

#[test]
fn alerts_flags_and_offers() {
    assert_eq!(Alert::ILLEGAL_PARAMETER.to_string(), "illegal_parameter");
    assert_eq!(format!("{:?}", Alert::DECODE_ERROR), "decode_error(50)");
    assert_eq!(format!("{:?}", Flag::REQUEST_CLIENT_AUTH), "Flag(80)");
    assert_eq!(u16::from(Flag::REQUEST_CLIENT_AUTH), 80);
    let offers = [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH];
    let text = offers.map(|it| it.to_string());
    assert_eq!(text, ["none", "flag", "care", "both"]);
    let text = offers.map(|it| it.with_origins(true).to_string());
    assert_eq!(text, ["origins", "flag+origins", "care+origins", "both+origins"]);
}

#[test]
fn a_view_of_a_client_hello() {
    let bytes = include_bytes!("../corpus/curl+flag.bin");
    let Answer::Hello { hello, .. } = Scan::default().records(bytes, &mut []) else {
        panic!("no ClientHello")
    };
    assert_eq!(
        format!("{hello:?}"),
        "ClientHello { server_name: Some(\"www.example.com\"), alpn: [\"h2\", \"http/1.1\"], \
         versions: [772, 771, 770, 769], \
         extensions: [0, 11, 10, 16, 22, 23, 49, 13, 43, 45, 51, 21, 62], .. }"
    );
    assert_eq!(format!("{:?}", hello.alpn()), "[[104, 50], [104, 116, 116, 112, 47, 49, 46, 49]]");
}

#[test]
fn a_session_record_that_cannot_be_encoded() {
    assert_eq!(RecordError::Scope.to_string(), "the name of a scope must have 1 to 255 bytes");
    let error = RecordError::NoRoom { needed: 14 };
    assert_eq!(error.to_string(), "the buffer is too short: the record has 14 bytes");
}
