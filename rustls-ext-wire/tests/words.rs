//! What a person reads in logs: the very words, each with the rule.

use rustls_ext_wire::{
    Alert, Answer, CareError, Fault, Flag, FlagSet, FlagsError, Flaw, Message, NotTls, Offer, Part,
    Scan, ScanError, resumption::RecordError,
};

/// Every fault, its alert, and its line.
const OF_HELLOS: [(ScanError, Alert, &str); 15] = [
    (
        ScanError::UnexpectedRecord { content_type: 21 },
        Alert::UNEXPECTED_MESSAGE,
        "a record of type 21 comes first (RFC 8446 5)",
    ),
    (
        ScanError::Interleaved { content_type: 23 },
        Alert::UNEXPECTED_MESSAGE,
        "a record of type 23 amid the message (RFC 8446 5.1)",
    ),
    (
        ScanError::RecordVersion,
        Alert::DECODE_ERROR,
        "a record of another protocol amid the message (RFC 8446 5.1)",
    ),
    (ScanError::EmptyRecord, Alert::DECODE_ERROR, "a record without content (RFC 8446 5.1)"),
    (
        ScanError::RecordTooLong,
        Alert::RECORD_OVERFLOW,
        "a record of more than 16384 octets (RFC 8446 5.1)",
    ),
    (
        ScanError::NotAligned,
        Alert::UNEXPECTED_MESSAGE,
        "more in its record after the message (RFC 8446 5.1)",
    ),
    (
        ScanError::UnexpectedMessage { handshake_type: 2 },
        Alert::UNEXPECTED_MESSAGE,
        "a handshake message of type 2 in its place (RFC 8446 4)",
    ),
    (
        ScanError::MessageTooLong { limit: 4096 },
        Alert::DECODE_ERROR,
        "longer than the 4096 octets that are allowed (RFC 8446 4.1.2)",
    ),
    (ScanError::MessageTooShort, Alert::DECODE_ERROR, "too short to be one (RFC 8446 4.1.2)"),
    (
        ScanError::Malformed { part: Part::SessionId, flaw: Flaw::TooLong },
        Alert::DECODE_ERROR,
        "legacy_session_id: an item that is too long (RFC 8446 4.1.2)",
    ),
    (
        ScanError::Malformed { part: Part::Extension(0), flaw: Flaw::UnknownKind },
        Alert::DECODE_ERROR,
        "extension 0 (server_name): an item of unknown kind (RFC 6066 3)",
    ),
    (
        ScanError::Malformed { part: Part::Extensions, flaw: Flaw::TrailingOctets },
        Alert::DECODE_ERROR,
        "extensions: octets follow its end (RFC 8446 4.2)",
    ),
    (
        ScanError::DuplicateExtension { extension: 0x1234 },
        Alert::ILLEGAL_PARAMETER,
        "extension 4660 twice (RFC 8446 4.2)",
    ),
    (
        ScanError::AfterPreSharedKey { extension: 43 },
        Alert::ILLEGAL_PARAMETER,
        "extension 43 (supported_versions) after pre_shared_key (RFC 8446 4.2.11)",
    ),
    (
        ScanError::BinderCount,
        Alert::ILLEGAL_PARAMETER,
        "pre_shared_key: not a binder for each identity (RFC 8446 4.2.11)",
    ),
];

#[test]
fn a_hello_that_is_refused() {
    for (error, alert, words) in OF_HELLOS {
        assert_eq!(error.to_string(), format!("malformed ClientHello: {words}"));
        assert_eq!(error.alert(), alert, "{error}");
        assert!(words.ends_with(&format!("({})", error.rule())));
    }
}

#[test]
fn parts_and_flaws() {
    assert_eq!(Part::CipherSuites.to_string(), "cipher_suites");
    assert_eq!(Part::CompressionMethods.to_string(), "legacy_compression_methods");
    for (flaw, words) in [
        (Flaw::Truncated, "it ends too early"),
        (Flaw::EmptyList, "an empty list"),
        (Flaw::EmptyItem, "an empty item"),
        (Flaw::TooShort, "an item that is too short"),
        (Flaw::OddLength, "half a number at the end of a list"),
    ] {
        assert_eq!(flaw.to_string(), words);
    }
}

#[test]
fn another_protocol() {
    assert_eq!(NotTls::Ssl2.to_string(), "not TLS, but SSL 2");
    assert_eq!(NotTls::Text.to_string(), "not TLS, but plain text");
    assert_eq!(NotTls::Other.to_string(), "not TLS");
}

#[test]
fn whatever_ends_a_negotiation() {
    let decode = |body| FlagSet::decode(body).unwrap_err();
    let misplaced = CareError::Misplaced { message: Message::CertificateRequest };
    let of_a_flag = "TLS flag 8 may not stand in this ClientHello (FLAGS-4)";
    let faults: [(Fault, Alert, &str); 5] = [
        (
            decode(&[1, 0]).into(),
            Alert::ILLEGAL_PARAMETER,
            "malformed tls_flags: no flag is set (FLAGS-2)",
        ),
        (flag_8_in_a_hello(), Alert::ILLEGAL_PARAMETER, of_a_flag),
        (
            CareError::Unsolicited.into(),
            Alert::UNSUPPORTED_EXTENSION,
            "client_authentication_request was not asked for (CARE-3)",
        ),
        (
            misplaced.into(),
            Alert::ILLEGAL_PARAMETER,
            "client_authentication_request may not stand in this CertificateRequest (CARE-3)",
        ),
        (
            Fault::SecondHelloDiffers,
            Alert::ILLEGAL_PARAMETER,
            "the second ClientHello does not offer what the first did (FLAGS-12)",
        ),
    ];
    for (fault, alert, words) in faults {
        assert_eq!(fault.to_string(), words);
        assert_eq!(fault.alert(), alert, "{fault}");
        assert!(words.ends_with(&format!("({})", fault.rule())), "{fault}");
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
    let words = [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH].map(|it| it.to_string());
    assert_eq!(words, ["none", "flag", "care", "both"]);
}

#[test]
fn a_view_of_a_hello() {
    let octets = include_bytes!("../corpus/curl+flag.bin");
    let Answer::Hello { hello, .. } = Scan::default().records(octets, &mut []) else {
        panic!("no hello")
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
fn a_record_of_a_session_that_cannot_be_written() {
    assert_eq!(RecordError::Scope.to_string(), "the name of a scope has 1 to 255 octets");
    let error = RecordError::NoRoom { needed: 14 };
    assert_eq!(error.to_string(), "no room for the 14 octets of a record");
}
