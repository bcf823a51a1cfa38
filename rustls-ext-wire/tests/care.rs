//! CARE: the messages in which `client_authentication_request` is allowed, and its body.

use rustls_ext_wire::{Alert, CareError, Message, Version, check_care, echo_in};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

/// Every message, in each version, with and without an offer.
fn everywhere() -> impl Iterator<Item = (Message, Version, bool)> {
    Message::ALL.iter().flat_map(|&message| {
        VERSIONS.into_iter().flat_map(move |version| {
            [false, true].into_iter().map(move |offered| (message, version, offered))
        })
    })
}

/// The messages in which it is allowed: ClientHello, whether or not it was offered before, and one
/// answer in each version.
const PLACES: [(Message, Version, bool); 6] = [
    (Message::ClientHello, Version::Tls12, false),
    (Message::ClientHello, Version::Tls12, true),
    (Message::ClientHello, Version::Tls13, false),
    (Message::ClientHello, Version::Tls13, true),
    (Message::ServerHello, Version::Tls12, true),
    (Message::EncryptedExtensions, Version::Tls13, true),
];

#[test]
fn care_1_a_body_that_is_not_empty_is_illegal_parameter() {
    for (message, version, offered) in PLACES {
        for length in [1, 2, 255] {
            let error = check_care(message, version, &vec![0; length], offered).unwrap_err();
            assert_eq!(error, CareError::NotEmpty { length });
            assert_eq!((error.rule(), error.alert()), ("CARE-1", Alert::ILLEGAL_PARAMETER));
        }
    }
}

#[test]
fn care_3_it_is_allowed_in_client_hello_and_one_answer_of_each_version() {
    assert_eq!(echo_in(Version::Tls12), Message::ServerHello);
    assert_eq!(echo_in(Version::Tls13), Message::EncryptedExtensions);
    let allowed = everywhere().filter(|(message, version, offered)| {
        check_care(*message, *version, &[], *offered).is_ok()
    });
    assert_eq!(allowed.collect::<Vec<_>>(), PLACES);
}

#[test]
fn care_3_an_answer_without_an_offer_is_unsupported_extension() {
    for message in [
        Message::ServerHello,
        Message::HelloRetryRequest,
        Message::EncryptedExtensions,
        Message::ServerCertificate,
    ] {
        for version in VERSIONS {
            // Independent of its body.
            for body in [&[][..], &[0]] {
                let error = check_care(message, version, body, false).unwrap_err();
                assert_eq!(error, CareError::Unsolicited, "{message}");
                assert_eq!((error.rule(), error.alert()), ("CARE-3", Alert::UNSUPPORTED_EXTENSION));
            }
        }
    }
}

#[test]
fn care_3_in_any_other_message_it_is_illegal_parameter() {
    let mut places = 0;
    for (message, version, offered) in everywhere().filter(|place| !PLACES.contains(place)) {
        let answers_nothing = matches!(
            message,
            Message::CertificateRequest | Message::ClientCertificate | Message::NewSessionTicket
        );
        if !offered && !answers_nothing {
            continue; // it is unsolicited: see the test above
        }
        let error = check_care(message, version, &[], offered).unwrap_err();
        assert_eq!(error, CareError::Misplaced { message });
        assert_eq!((error.rule(), error.alert()), ("CARE-3", Alert::ILLEGAL_PARAMETER));
        places += 1;
    }
    assert_eq!(places, 18);
}
