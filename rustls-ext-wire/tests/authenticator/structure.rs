//! The structure of authenticators.

use rustls_ext_wire::Flaw;
use rustls_ext_wire::authenticator::{
    Authenticator, AuthenticatorError, Endpoint, Field, Request, ValidateError,
};

use crate::build::{
    CONTEXT, ECDSA, authenticator, certificate, certificate_verify, entry, extension, message,
    request, sealed, signature_algorithms, validate, vector,
};
use crate::common::TestConnection;

fn refusal(bytes: &[u8]) -> AuthenticatorError {
    Authenticator::parse(bytes).unwrap_err()
}

const fn malformed(field: Field, flaw: Flaw) -> AuthenticatorError {
    AuthenticatorError::Malformed { field, flaw }
}

fn chain() -> Vec<u8> {
    certificate(CONTEXT, &[entry(b"leaf", &[]), entry(b"issuer", &[])])
}

#[test]
fn ea_2_an_authenticator_is_three_messages_and_nothing_else() {
    let messages = [chain(), certificate_verify(ECDSA, b"signature"), message(20, &[7; 32])];
    let good = messages.concat();
    assert_eq!(Authenticator::parse(&good).unwrap().context(), Some(CONTEXT));

    let ends = [messages[0].len(), messages[0].len() + messages[1].len(), good.len()];
    let fields = [Field::Certificate, Field::CertificateVerify, Field::Finished];
    for length in 0..good.len() {
        let field = fields[ends.iter().position(|end| length < *end).unwrap()];
        let error = malformed(field, Flaw::Truncated);
        assert_eq!(refusal(&good[..length]), error, "{length} bytes");
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(refusal(&longer), malformed(Field::Authenticator, Flaw::TrailingBytes));
}

#[test]
fn ea_2_an_empty_authenticator_is_finished_and_nothing_else() {
    let good = message(20, &[7; 32]);
    assert_eq!(Authenticator::parse(&good).unwrap().context(), None);
    for length in 1..good.len() {
        assert_eq!(refusal(&good[..length]), malformed(Field::Finished, Flaw::Truncated));
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(refusal(&longer), malformed(Field::Authenticator, Flaw::TrailingBytes));
    let twice = [&good[..], &good].concat();
    assert_eq!(refusal(&twice), malformed(Field::Authenticator, Flaw::TrailingBytes));
}

#[test]
fn ea_2_messages_of_other_types_are_refused() {
    let parts = [chain(), certificate_verify(ECDSA, b"signature"), message(20, &[7; 32])];
    for (place, expected) in [(0, 11), (1, 15), (2, 20)] {
        for found in (0..=u8::MAX).filter(|found| *found != expected) {
            let mut changed = parts.clone();
            changed[place][0] = found;
            let error = match (place, found) {
                (0, 20) => malformed(Field::Authenticator, Flaw::TrailingBytes),
                _ => AuthenticatorError::UnexpectedMessage { expected, found },
            };
            assert_eq!(refusal(&changed.concat()), error);
        }
    }
    let [certificate, verify, finished] = parts;
    let unexpected = |expected, found| AuthenticatorError::UnexpectedMessage { expected, found };
    let parts = [&certificate[..], &finished].concat();
    assert_eq!(refusal(&parts), unexpected(15, 20));
    let parts = [&verify[..], &certificate, &finished].concat();
    assert_eq!(refusal(&parts), unexpected(11, 15));
    let parts = [&certificate[..], &certificate, &verify, &finished].concat();
    assert_eq!(refusal(&parts), unexpected(15, 11));
}

#[test]
fn ea_2_lengths_within_certificate_fit() {
    let entry = entry(b"leaf", &[extension(5, b"ab")]);
    for (body, field, flaw) in [
        (vec![], Field::Context, Flaw::Truncated),
        (vec![2, 0], Field::Context, Flaw::Truncated),
        (vec![0], Field::CertificateList, Flaw::Truncated),
        (vec![0, 0, 0], Field::CertificateList, Flaw::Truncated),
        (vec![0, 0, 0, 1], Field::CertificateList, Flaw::Truncated),
        (
            [&[0][..], &vector(3, &entry), &[0]].concat(),
            Field::CertificateList,
            Flaw::TrailingBytes,
        ),
        ([&[0][..], &vector(3, &entry[..9])].concat(), Field::CertificateList, Flaw::Truncated),
        ([&[0][..], &vector(3, &entry[..6])].concat(), Field::CertificateList, Flaw::Truncated),
        ([&[0][..], &vector(3, &[0; 5])].concat(), Field::CertificateList, Flaw::EmptyItem),
        (
            [&[0][..], &vector(3, &[0, 0, 1, 9, 0, 3, 0, 5, 0])].concat(),
            Field::Extensions,
            Flaw::Truncated,
        ),
        (
            [&[0][..], &vector(3, &[0, 0, 1, 9, 0, 5, 0, 5, 0, 2, 7])].concat(),
            Field::Extensions,
            Flaw::Truncated,
        ),
    ] {
        let rest = [certificate_verify(ECDSA, b"signature"), message(20, &[7; 32])].concat();
        let bytes = [message(11, &body), rest].concat();
        assert_eq!(refusal(&bytes), malformed(field, flaw), "{body:?}");
    }
}

#[test]
fn ea_2_lengths_within_certificate_verify_fit() {
    for (body, flaw) in [
        (&[][..], Flaw::Truncated),
        (&[4], Flaw::Truncated),
        (&[4, 3], Flaw::Truncated),
        (&[4, 3, 0], Flaw::Truncated),
        (&[4, 3, 0, 1], Flaw::Truncated),
        (&[4, 3, 0, 1, 9, 9], Flaw::TrailingBytes),
    ] {
        let bytes = [chain(), message(15, body), message(20, &[7; 32])].concat();
        assert_eq!(refusal(&bytes), malformed(Field::CertificateVerify, flaw), "{body:?}");
    }
}

#[test]
fn ea_2_finished_is_as_long_as_the_hash() {
    let connection = TestConnection::new(0);
    let request = request(&[signature_algorithms(&[ECDSA])]);
    let parsed = Request::parse(Endpoint::Server, &request).unwrap();
    let full = authenticator(&connection, Endpoint::Client, &request, &chain(), ECDSA);
    let empty =
        sealed(&connection, Endpoint::Client, &request, &certificate(CONTEXT, &[]))[24..].to_vec();
    for (good, head) in [(&full[..], full.len() - 36), (&empty, 0)] {
        assert_eq!(good.len() - head, 36);
        let mac = &good[head + 4..];
        for (mac, flaw) in [
            (&[][..], Flaw::Truncated),
            (&mac[..31], Flaw::Truncated),
            (&[mac, &[0]].concat(), Flaw::TrailingBytes),
        ] {
            let bytes = [&good[..head], &message(20, mac)].concat();
            let error = ValidateError::Authenticator(malformed(Field::Finished, flaw));
            assert_eq!(validate(&parsed, &connection, &bytes), Err(error));
        }
    }
}

#[test]
fn ea_10_a_certificate_without_entries_is_refused() {
    let connection = TestConnection::new(0);
    let request = request(&[signature_algorithms(&[ECDSA])]);
    let none = certificate(CONTEXT, &[]);
    let bytes = authenticator(&connection, Endpoint::Client, &request, &none, ECDSA);
    assert_eq!(refusal(&bytes), AuthenticatorError::NoCertificate);
    let parsed = Request::parse(Endpoint::Server, &request).unwrap();
    let error = ValidateError::Authenticator(AuthenticatorError::NoCertificate);
    assert_eq!(validate(&parsed, &connection, &bytes), Err(error));
}
