//! Requests, written and parsed.

use rustls_ext_wire::Flaw;
use rustls_ext_wire::authenticator::{Endpoint, Field, Request, RequestError, WriteError};

use crate::build::{
    CONTEXT, ECDSA, extension, message, request, request_body, signature_algorithms, vector,
};

fn parse(bytes: &[u8]) -> Result<Request<'_>, RequestError> {
    Request::parse(Endpoint::Server, bytes)
}

fn refusal(bytes: &[u8]) -> RequestError {
    parse(bytes).unwrap_err()
}

const fn malformed(field: Field, flaw: Flaw) -> RequestError {
    RequestError::Malformed { field, flaw }
}

#[test]
fn ea_2_a_request_is_one_handshake_message() {
    let good = request(&[signature_algorithms(&[ECDSA]), extension(0x1234, b"abc")]);
    let parsed = parse(&good).unwrap();
    assert_eq!((parsed.by(), parsed.bytes()), (Endpoint::Server, &good[..]));
    assert_eq!(parsed.context(), CONTEXT);
    assert!(!parsed.is_spontaneous());
    assert!(parsed.schemes().eq([ECDSA]));
    let extensions: Vec<_> = parsed.extensions().collect();
    assert_eq!(extensions, [(13, &[0, 2, 4, 3][..]), (0x1234, b"abc")]);
    assert_eq!(parsed.extension(0x1234), Some(&b"abc"[..]));
    assert_eq!(parsed.extension(0), None);

    for length in 0..good.len() {
        let error = malformed(Field::Request, Flaw::Truncated);
        assert_eq!(refusal(&good[..length]), error, "{length} bytes");
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(refusal(&longer), malformed(Field::Request, Flaw::TrailingBytes));
    // The header is required.
    let error = RequestError::UnexpectedMessage { expected: 13, found: 16 };
    assert_eq!(refusal(&good[4..]), error);
}

#[test]
fn ea_6_a_request_lists_the_authorities_that_it_names() {
    let names = vector(2, &[vector(2, b"one"), vector(2, b"other")].concat());
    let named = request(&[signature_algorithms(&[ECDSA]), extension(47, &names)]);
    let found: Vec<_> = parse(&named).unwrap().certificate_authorities().collect();
    assert_eq!(found, [&b"one"[..], b"other"]);
    let without = request(&[signature_algorithms(&[ECDSA])]);
    assert_eq!(parse(&without).unwrap().certificate_authorities().count(), 0);
}

#[test]
fn ea_2_each_side_has_its_own_type_of_request() {
    let body = request_body(CONTEXT, &[signature_algorithms(&[ECDSA])]);
    for (by, expected) in [(Endpoint::Server, 13), (Endpoint::Client, 17)] {
        for found in 0..=u8::MAX {
            let bytes = message(found, &body);
            match Request::parse(by, &bytes) {
                Ok(request) => assert_eq!((request.by(), found), (by, expected)),
                Err(error) => {
                    assert_eq!(error, RequestError::UnexpectedMessage { expected, found });
                    assert_ne!(found, expected);
                }
            }
        }
    }
}

#[test]
fn ea_2_lengths_within_a_request_fit() {
    let list = signature_algorithms(&[ECDSA]);
    let body = |parts: &[&[u8]]| message(13, &parts.concat());
    for (bytes, field, flaw) in [
        (body(&[]), Field::Context, Flaw::Truncated),
        (body(&[&[2, 0]]), Field::Context, Flaw::Truncated),
        (body(&[&[0]]), Field::Extensions, Flaw::Truncated),
        (body(&[&[0], &[0]]), Field::Extensions, Flaw::Truncated),
        (body(&[&[0], &[0, 9], &list]), Field::Extensions, Flaw::Truncated),
        (body(&[&[0], &[0, 7], &list[..7]]), Field::Extensions, Flaw::Truncated),
        (body(&[&[0], &vector(2, &list), &[0]]), Field::Extensions, Flaw::TrailingBytes),
        (
            body(&[&[0], &vector(2, &[&list[..], &[0; 3]].concat())]),
            Field::Extensions,
            Flaw::Truncated,
        ),
    ] {
        assert_eq!(refusal(&bytes), malformed(field, flaw), "{bytes:?}");
    }
}

#[test]
fn ea_3_contexts_of_peers_may_have_any_length() {
    for length in 0..=255 {
        let context = vec![7; length];
        let bytes = message(13, &request_body(&context, &[signature_algorithms(&[ECDSA])]));
        assert_eq!(parse(&bytes).unwrap().context(), context);
    }
}

#[test]
fn ea_3_own_contexts_have_16_bytes() {
    let mut buffer = [0; 512];
    let mut write = |length| {
        let context = vec![7; length];
        Request::write(Endpoint::Server, &context, &[ECDSA], &[], &mut buffer).map(drop)
    };
    assert_eq!(write(0), Err(WriteError::ContextTooShort));
    assert_eq!(write(15), Err(WriteError::ContextTooShort));
    assert_eq!(write(16), Ok(()));
    assert_eq!(write(255), Ok(()));
    assert_eq!(write(256), Err(WriteError::TooLong { field: Field::Context }));
}

#[test]
fn ea_4_signature_algorithms_is_required_and_well_formed() {
    assert_eq!(refusal(&request(&[])), RequestError::NoSchemes);
    assert_eq!(refusal(&request(&[extension(47, &[0, 3, 0, 1, 0])])), RequestError::NoSchemes);
    for (body, flaw) in [
        (&[][..], Flaw::Truncated),
        (&[0], Flaw::Truncated),
        (&[0, 0], Flaw::EmptyList),
        (&[0, 1, 4], Flaw::OddLength),
        (&[0, 3, 4, 3, 5], Flaw::OddLength),
        (&[0, 2, 4], Flaw::Truncated),
        (&[0, 2, 4, 3, 5], Flaw::TrailingBytes),
    ] {
        let error = refusal(&request(&[extension(13, body)]));
        assert_eq!(error, malformed(Field::Extension(13), flaw), "{body:?}");
        assert_eq!(error.rule(), "EA-4");
    }
}

#[test]
fn ea_4_other_known_lists_are_well_formed() {
    for (number, body, flaw) in [
        (50, &[0, 1, 4][..], Flaw::OddLength),
        (50, &[0, 0], Flaw::EmptyList),
        (47, &[0, 0], Flaw::EmptyList),
        (47, &[0, 2, 0, 0], Flaw::EmptyItem),
        (47, &[0, 3, 0, 2, 1], Flaw::Truncated),
    ] {
        let bytes = request(&[signature_algorithms(&[ECDSA]), extension(number, body)]);
        assert_eq!(refusal(&bytes), malformed(Field::Extension(number), flaw), "{body:?}");
    }
}

#[test]
fn ea_4_every_extension_type_is_allowed_or_not() {
    // Those of RFC 8446 section 4.2 without CR.
    let forbidden = [0, 1, 10, 14, 15, 16, 19, 20, 21, 41, 42, 43, 44, 45, 49, 51];
    for extension_type in (0..=u16::MAX).filter(|number| ![13, 47, 50].contains(number)) {
        let list = [signature_algorithms(&[ECDSA]), extension(extension_type, b"any")];
        let body = request_body(CONTEXT, &list);
        for (by, kind) in [(Endpoint::Server, 13), (Endpoint::Client, 17)] {
            let is_allowed = !forbidden.contains(&extension_type)
                || (by, extension_type) == (Endpoint::Client, 0);
            let bytes = message(kind, &body);
            let error = RequestError::ForbiddenExtension { extension: extension_type };
            let expected = if is_allowed { Ok(CONTEXT) } else { Err(error) };
            assert_eq!(Request::parse(by, &bytes).map(|request| request.context()), expected);
        }
    }
}

#[test]
fn ea_4_no_extension_occurs_twice() {
    for number in [18, 0x1234] {
        let twice = extension(number, b"a");
        let bytes = request(&[signature_algorithms(&[ECDSA]), twice.clone(), twice]);
        assert_eq!(refusal(&bytes), RequestError::DuplicateExtension { extension: number });
    }
    let bytes = request(&[signature_algorithms(&[ECDSA]), signature_algorithms(&[ECDSA])]);
    assert_eq!(refusal(&bytes), RequestError::DuplicateExtension { extension: 13 });
}

#[test]
fn ea_7_schemes_that_tls_13_does_not_allow_are_left_out() {
    let listed = [0x0401, ECDSA, 0x0201, 0x0203, 0x0804, 0x0501, 0x0807, 0x0303, 0xfefe];
    let bytes = request(&[signature_algorithms(&listed)]);
    assert!(parse(&bytes).unwrap().schemes().eq([ECDSA, 0x0804, 0x0807]));
}

#[test]
fn a_written_request_has_the_given_fields() {
    let mut buffer = [0xff; 128];
    let schemes = [ECDSA, 0x0807];
    let others = [(47, &[0, 3, 0, 1, 9][..]), (0, b"name")];
    let written = Request::write(Endpoint::Client, CONTEXT, &schemes, &others, &mut buffer);
    let written = written.unwrap();
    let extensions =
        [signature_algorithms(&schemes), extension(47, &[0, 3, 0, 1, 9]), extension(0, b"name")];
    let bytes = message(17, &request_body(CONTEXT, &extensions));
    assert_eq!(written.bytes(), bytes);
    assert_eq!(Request::parse(Endpoint::Client, &bytes), Ok(written));

    // A buffer of exactly its length is enough, and a shorter one is not.
    let needed = bytes.len();
    for length in 0..=needed {
        let room = &mut buffer[..length];
        let result = Request::write(Endpoint::Client, CONTEXT, &schemes, &others, room);
        let expected = if length == needed { Ok(()) } else { Err(WriteError::NoRoom { needed }) };
        assert_eq!(result.map(drop), expected);
    }
}

#[test]
fn a_request_that_a_peer_would_refuse_is_not_written() {
    let mut buffer = vec![0; 0x2_0000];
    let mut write = |schemes: &[u16], others: &[(u16, &[u8])]| {
        Request::write(Endpoint::Server, CONTEXT, schemes, others, &mut buffer).map(drop)
    };
    let twice = RequestError::DuplicateExtension { extension: 13 };
    assert_eq!(write(&[ECDSA], &[(13, &[])]), Err(WriteError::Request(twice)));
    let forbidden = RequestError::ForbiddenExtension { extension: 0 };
    assert_eq!(write(&[ECDSA], &[(0, &[])]), Err(WriteError::Request(forbidden)));
    let empty = malformed(Field::Extension(13), Flaw::EmptyList);
    assert_eq!(write(&[], &[]), Err(WriteError::Request(empty)));
    let long = vec![0; 0x1_0000];
    let error = WriteError::TooLong { field: Field::Extensions };
    assert_eq!(write(&[ECDSA], &[(0x1234, &long)]), Err(error));
    assert_eq!(write(&vec![ECDSA; 0x8000], &[]), Err(error));
    // The same bytes many times: their sum is more than 32 bits can count.
    let error = WriteError::TooLong { field: Field::Request };
    assert_eq!(write(&[ECDSA], &vec![(0x1234, &long[1..]); 0x1_0001]), Err(error));
}
