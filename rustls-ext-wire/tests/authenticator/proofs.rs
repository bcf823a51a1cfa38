//! Authenticators, made and validated.

use std::cell::Cell;

use rustls_ext_wire::authenticator::{
    Authenticator, AuthenticatorError, Connection, Endpoint, Field, MakeError, Proof, Request,
    RequestError, ValidateError, WriteError, is_allowed_scheme,
};
use rustls_ext_wire::{Answer, ClientHello, Flaw, Scan};

use crate::build::{
    BadSignature, CONTEXT, ECDSA, authenticator, certificate, certificate_verify, entry, extension,
    message, request, request_body, sealed, sign, signature_algorithms, validate, verify,
};
use crate::common::{TestConnection, hmac, sha256};

const CHAIN: [&[u8]; 2] = [b"leaf", b"issuer"];

fn chain() -> Vec<u8> {
    certificate(CONTEXT, &CHAIN.map(|der| entry(der, &[])))
}

fn connection() -> TestConnection {
    TestConnection::new(0)
}

/// The outcome of these bytes as an answer to the server's request with these extensions.
fn outcome(
    extensions: &[Vec<u8>],
    bytes: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Result<bool, ValidateError<BadSignature>> {
    let request = request(extensions);
    let bytes = bytes(&request);
    let request = Request::parse(Endpoint::Server, &request).unwrap();
    validate(&request, &connection(), &bytes).map(|proof| proof != Proof::Declined)
}

fn refused(error: AuthenticatorError) -> Result<bool, ValidateError<BadSignature>> {
    Err(ValidateError::Authenticator(error))
}

#[test]
fn ea_1_the_labels_name_the_sender() {
    for (sender, name) in [(Endpoint::Client, "client"), (Endpoint::Server, "server")] {
        let context = format!("EXPORTER-{name} authenticator handshake context");
        assert_eq!(sender.handshake_context_label(), context);
        let key = format!("EXPORTER-{name} authenticator finished key");
        assert_eq!(sender.finished_key_label(), key);
        assert_eq!(sender.peer().peer(), sender);
    }
}

/// A connection with another handshake context or a MAC that is cut.
struct Wrong(Vec<u8>, usize);

impl Connection for Wrong {
    type Digest = [u8; 32];
    type Tag = Vec<u8>;

    fn handshake_context(&self, _: Endpoint) -> &[u8] {
        &self.0
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        sha256(&parts.concat())
    }

    fn finished_mac(&self, _: Endpoint, message: &[u8]) -> Vec<u8> {
        hmac(b"key", message)[..self.1].to_vec()
    }
}

#[test]
fn ea_1_exported_values_are_as_long_as_the_hash() {
    let bytes = request(&[signature_algorithms(&[ECDSA])]);
    let request = Request::parse(Endpoint::Server, &bytes).unwrap();
    let mut buffer = [0; 512];
    for (context, mac, is_right) in
        [(32, 32, true), (31, 32, false), (64, 32, false), (32, 31, false)]
    {
        let sign = |message: &[u8]| {
            assert_eq!(context, 32, "nothing may be signed with another length");
            Ok::<_, BadSignature>(sign(message))
        };
        let wrong = Wrong(vec![1; context], mac);
        let expected = if is_right { Ok(()) } else { Err(WriteError::ExporterLength) };
        let full = request.authenticate(&wrong, &CHAIN, ECDSA, sign, &mut buffer).map(drop);
        assert_eq!(full, expected.map_err(MakeError::Write));
        assert_eq!(request.decline(&wrong, &mut buffer).map(drop), expected);
        if !is_right {
            let error = ValidateError::Authenticator(AuthenticatorError::ExporterLength);
            let full = authenticator(&connection(), Endpoint::Client, &bytes, &chain(), ECDSA);
            assert_eq!(request.validate(&wrong, &full, verify), Err(error));
            assert_eq!(request.validate(&wrong, &message(20, &[0; 32]), verify), Err(error));
        }
    }
}

#[test]
fn ea_8_and_ea_9_signed_message_and_mac_follow_the_rules() {
    for (by, kind) in [(Endpoint::Server, 13), (Endpoint::Client, 17)] {
        let request = message(kind, &request_body(CONTEXT, &[signature_algorithms(&[ECDSA])]));
        let parsed = Request::parse(by, &request).unwrap();
        let mut buffer = [0xff; 512];
        let exported = connection().of(by.peer()).clone();
        let transcript = sha256(&[&exported.handshake_context, &request[..], &chain()].concat());
        let to_be_signed = [&[0x20; 64][..], b"Exported Authenticator\0", &transcript].concat();
        let signed = |message: &[u8]| {
            assert_eq!(message, to_be_signed);
            Ok::<_, BadSignature>(sign(message))
        };
        let expected = authenticator(&connection(), by.peer(), &request, &chain(), ECDSA);
        let written =
            parsed.authenticate(&connection(), &CHAIN, ECDSA, signed, &mut buffer).unwrap();
        assert_eq!(written, expected);

        let seen = Cell::new(0);
        let proof = parsed.validate(&connection(), written, |signed| {
            seen.set(seen.get() + 1);
            assert_eq!((signed.scheme, signed.message), (ECDSA, &to_be_signed[..]));
            assert_eq!(signed.signature, sign(&to_be_signed));
            assert!(signed.certificates.map(|(der, _)| der).eq(CHAIN));
            Ok::<_, BadSignature>(())
        });
        let Ok(Proof::Possession { certificates, scheme }) = proof else { panic!("{proof:?}") };
        assert!(certificates.map(|(der, _)| der).eq(CHAIN));
        assert_eq!((scheme, seen.get()), (ECDSA, 1));
    }
}

#[test]
fn ea_8_a_signature_that_does_not_verify_is_refused() {
    let list = [signature_algorithms(&[ECDSA])];
    let bytes = |request: &[u8]| {
        let messages = [chain(), certificate_verify(ECDSA, b"other")].concat();
        sealed(&connection(), Endpoint::Client, request, &messages)
    };
    let error = ValidateError::Signature(BadSignature);
    assert_eq!(outcome(&list, bytes), Err(error));
    assert_eq!(error.rule(), "EA-8");
}

#[test]
fn ea_9_the_mac_is_checked_before_extensions_scheme_and_signature() {
    let bytes = request(&[signature_algorithms(&[ECDSA])]);
    let request = Request::parse(Endpoint::Server, &bytes).unwrap();
    let faulty = certificate(CONTEXT, &[entry(b"leaf", &[extension(0, b"")])]);
    let mut full = authenticator(&connection(), Endpoint::Client, &bytes, &faulty, 0x0401);
    *full.last_mut().unwrap() ^= 1;
    let never = |_: rustls_ext_wire::authenticator::Signed<'_>| -> Result<(), BadSignature> {
        panic!("the MAC is wrong, so the signature must not be verified")
    };
    let error = ValidateError::Authenticator(AuthenticatorError::Mac);
    assert_eq!(request.validate(&connection(), &full, never), Err(error));
}

#[test]
fn ea_9_authenticators_of_others_do_not_validate() {
    let bytes = request(&[signature_algorithms(&[ECDSA])]);
    let parsed = Request::parse(Endpoint::Server, &bytes).unwrap();
    let error = || Err(ValidateError::Authenticator(AuthenticatorError::Mac));
    let mut buffer = [0; 64];
    for (other, sender) in
        [(TestConnection::new(1), Endpoint::Client), (connection(), Endpoint::Server)]
    {
        let full = authenticator(&other, sender, &bytes, &chain(), ECDSA);
        assert_eq!(validate(&parsed, &connection(), &full), error());
    }
    let empty = parsed.decline(&TestConnection::new(1), &mut buffer).unwrap();
    assert_eq!(validate(&parsed, &connection(), empty), error());
    // Another request with the same context.
    let other = request(&[signature_algorithms(&[ECDSA, 0x0807])]);
    let full = authenticator(&connection(), Endpoint::Client, &other, &chain(), ECDSA);
    assert_eq!(validate(&parsed, &connection(), &full), error());
}

fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let list = extensions.concat();
    let length = (list.len() as u16).to_be_bytes();
    [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &length, &list].concat()
}

fn with_hello<T>(extensions: &[Vec<u8>], then: impl FnOnce(&ClientHello<'_>) -> T) -> T {
    match Scan::default().body(&hello(extensions)) {
        Answer::Hello { hello, .. } => then(&hello),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ea_5_a_server_needs_no_request() {
    let list = [extension(0, b"\0\x04\0\0\x01a"), signature_algorithms(&[0x0401, ECDSA])];
    with_hello(&list, |hello| {
        let server = Request::spontaneous(CONTEXT, hello).unwrap();
        assert!(server.is_spontaneous());
        assert_eq!(server.bytes(), b"");
        assert!(server.schemes().eq([ECDSA]));
        let mut buffer = [0; 512];
        let sign = |message: &[u8]| Ok::<_, BadSignature>(sign(message));
        let full = server.authenticate(&connection(), &CHAIN, ECDSA, sign, &mut buffer).unwrap();
        assert_eq!(full, authenticator(&connection(), Endpoint::Server, b"", &chain(), ECDSA));

        let context = Authenticator::parse(full).unwrap().context().unwrap();
        let client = Request::spontaneous(context, hello).unwrap();
        assert!(matches!(validate(&client, &connection(), full), Ok(Proof::Possession { .. })));
    });
}

#[test]
fn ea_5_a_client_needs_a_request() {
    with_hello(&[signature_algorithms(&[ECDSA])], |hello| {
        let request = Request::spontaneous(CONTEXT, hello).unwrap();
        let full = authenticator(&connection(), Endpoint::Client, b"", &chain(), ECDSA);
        let error = ValidateError::Authenticator(AuthenticatorError::Mac);
        assert_eq!(validate(&request, &connection(), &full), Err(error));
    });
}

#[test]
fn ea_5_there_is_no_empty_authenticator_without_a_request() {
    with_hello(&[signature_algorithms(&[ECDSA])], |hello| {
        let request = Request::spontaneous(CONTEXT, hello).unwrap();
        let mut buffer = [0; 512];
        assert_eq!(request.decline(&connection(), &mut buffer), Err(WriteError::NoRequest));
        let empty = &sealed(&connection(), Endpoint::Server, b"", &certificate(CONTEXT, &[]))[24..];
        assert_eq!(empty.len(), 36);
        let error = ValidateError::Authenticator(AuthenticatorError::EmptyWithoutRequest);
        assert_eq!(validate(&request, &connection(), empty), Err(error));
    });
}

#[test]
fn ea_5_schemes_and_context_without_a_request() {
    with_hello(&[], |hello| {
        let result = Request::spontaneous(CONTEXT, hello).map(drop);
        assert_eq!(result, Err(RequestError::NoSchemes));
    });
    with_hello(&[signature_algorithms(&[ECDSA])], |hello| {
        let error = RequestError::Malformed { field: Field::Context, flaw: Flaw::TooLong };
        assert_eq!(Request::spontaneous(&[7; 256], hello).map(drop), Err(error));
        // The server's own context is long enough; the client accepts any.
        let sign = |message: &[u8]| Ok::<_, BadSignature>(sign(message));
        let short = Request::spontaneous(&CONTEXT[..15], hello).unwrap();
        let result =
            short.authenticate(&connection(), &CHAIN, ECDSA, sign, &mut [0; 512]).map(drop);
        assert_eq!(result, Err(MakeError::Write(WriteError::ContextTooShort)));
        let entries = CHAIN.map(|der| entry(der, &[]));
        let full = authenticator(
            &connection(),
            Endpoint::Server,
            b"",
            &certificate(&CONTEXT[..15], &entries),
            ECDSA,
        );
        assert!(matches!(validate(&short, &connection(), &full), Ok(Proof::Possession { .. })));
    });
}

#[test]
fn ea_6_the_context_is_that_of_the_request() {
    for context in [&b""[..], b"sixteen at leas", b"sixteen at least!", b"SIXTEEN at least"] {
        let bytes = |request: &[u8]| {
            let other = certificate(context, &[entry(b"leaf", &[])]);
            authenticator(&connection(), Endpoint::Client, request, &other, ECDSA)
        };
        let outcome = outcome(&[signature_algorithms(&[ECDSA])], bytes);
        assert_eq!(outcome, refused(AuthenticatorError::Context));
    }
}

/// The outcome of a leaf without and an issuer with these extensions.
fn with_extensions(
    requested: &[Vec<u8>],
    sent: &[Vec<u8>],
) -> Result<bool, ValidateError<BadSignature>> {
    let requested = [&[signature_algorithms(&[ECDSA])], requested].concat();
    outcome(&requested, |request| {
        let certificate = certificate(CONTEXT, &[entry(b"leaf", &[]), entry(b"issuer", sent)]);
        authenticator(&connection(), Endpoint::Client, request, &certificate, ECDSA)
    })
}

#[test]
fn ea_6_extensions_answer_those_of_the_request() {
    for number in [5, 18, 0x1234] {
        let sent = [extension(number, b"body")];
        assert_eq!(with_extensions(&[extension(number, b"")], &sent), Ok(true));
        let error = AuthenticatorError::UnsolicitedExtension { extension: number };
        assert_eq!(with_extensions(&[], &sent), refused(error));
        let twice = [&sent[..], &sent].concat();
        let error = AuthenticatorError::DuplicateExtension { extension: number };
        assert_eq!(with_extensions(&[extension(number, b"")], &twice), refused(error));
    }
}

#[test]
fn ea_6_extensions_are_those_that_tls_13_allows_in_certificate() {
    for (number, body) in
        [(27, &[2, 0, 2][..]), (47, &[0, 3, 0, 1, 9]), (48, &[0, 0]), (50, &[0, 2, 4, 3])]
    {
        let list = [extension(number, body)];
        let error = AuthenticatorError::ForbiddenExtension { extension: number };
        assert_eq!(with_extensions(&list, &list), refused(error));
    }
    let error = AuthenticatorError::ForbiddenExtension { extension: 13 };
    assert_eq!(with_extensions(&[], &[signature_algorithms(&[ECDSA])]), refused(error));
    // A client may request by server_name, and the server does not answer with it.
    let list = [signature_algorithms(&[ECDSA]), extension(0, b"name")];
    let request = message(17, &request_body(CONTEXT, &list));
    let parsed = Request::parse(Endpoint::Client, &request).unwrap();
    let entries = [entry(b"leaf", &[extension(0, b"")])];
    let certificate = certificate(CONTEXT, &entries);
    let full = authenticator(&connection(), Endpoint::Server, &request, &certificate, ECDSA);
    let error = AuthenticatorError::ForbiddenExtension { extension: 0 };
    let error = ValidateError::Authenticator(error);
    assert_eq!(validate(&parsed, &connection(), &full), Err(error));
}

#[test]
fn ea_7_the_scheme_is_in_the_request_and_in_tls_13() {
    let allowed = [
        0x0403, 0x0503, 0x0603, 0x0708, 0x0804, 0x0805, 0x0806, 0x0807, 0x0808, 0x0809, 0x080a,
        0x080b, 0x081a, 0x081b, 0x081c, 0x0904, 0x0905, 0x0906,
    ];
    for scheme in 0..=u16::MAX {
        assert_eq!(is_allowed_scheme(scheme), allowed.contains(&scheme), "{scheme:#06x}");
    }
    for scheme in [0x0401, 0x0201, 0x0203, 0x0501, 0x0303, 0x0402, 0xfefe, ECDSA, 0x0807, 0x0b0b] {
        let with = |listed: &[u16]| {
            outcome(&[signature_algorithms(listed)], |request| {
                authenticator(&connection(), Endpoint::Client, request, &chain(), scheme)
            })
        };
        let expected = if is_allowed_scheme(scheme) {
            Ok(true)
        } else {
            refused(AuthenticatorError::SchemeNotAllowed { scheme })
        };
        assert_eq!(with(&[0x0806, scheme]), expected);
        let unlisted = AuthenticatorError::SchemeNotRequested { scheme };
        assert_eq!(with(&[0x0806]), refused(unlisted));
    }
}

#[test]
fn ea_7_no_other_scheme_is_written() {
    let bytes = request(&[signature_algorithms(&[0x0401, ECDSA])]);
    let request = Request::parse(Endpoint::Server, &bytes).unwrap();
    let never = |_: &[u8]| -> Result<Vec<u8>, BadSignature> { panic!("nothing may be signed") };
    let mut buffer = [0; 512];
    for scheme in [0x0401, 0x0807] {
        let result = request.authenticate(&connection(), &CHAIN, scheme, never, &mut buffer);
        assert_eq!(result.map(drop), Err(MakeError::Write(WriteError::Scheme { scheme })));
    }
}

#[test]
fn ea_10_an_empty_authenticator_is_a_proved_refusal() {
    for context in [&b""[..], CONTEXT, &[7; 255]] {
        for (by, kind) in [(Endpoint::Server, 13), (Endpoint::Client, 17)] {
            let bytes = message(kind, &request_body(context, &[signature_algorithms(&[ECDSA])]));
            let request = Request::parse(by, &bytes).unwrap();
            let mut buffer = [0; 36];
            let empty = request.decline(&connection(), &mut buffer).unwrap();
            let none = certificate(context, &[]);
            let expected = sealed(&connection(), by.peer(), &bytes, &none)[none.len()..].to_vec();
            assert_eq!(empty, expected);
            assert_eq!(validate(&request, &connection(), empty), Ok(Proof::Declined));
        }
    }
}

#[test]
fn ea_10_no_authenticator_is_written_without_a_certificate() {
    let bytes = request(&[signature_algorithms(&[ECDSA])]);
    let request = Request::parse(Endpoint::Server, &bytes).unwrap();
    let never = |_: &[u8]| -> Result<Vec<u8>, BadSignature> { panic!("nothing may be signed") };
    let mut buffer = [0; 512];
    for chain in [&[][..], &[&b""[..]], &[b"leaf", b""]] {
        let result = request.authenticate(&connection(), chain, ECDSA, never, &mut buffer);
        assert_eq!(result.map(drop), Err(MakeError::Write(WriteError::NoCertificate)));
    }
}

#[test]
fn buffers_and_lengths() {
    let bytes = request(&[signature_algorithms(&[ECDSA])]);
    let request = Request::parse(Endpoint::Server, &bytes).unwrap();
    let full = authenticator(&connection(), Endpoint::Client, &bytes, &chain(), ECDSA);
    let (certificate, verify) = (chain().len(), full.len() - 36);
    let sign = |message: &[u8]| Ok::<_, BadSignature>(sign(message));
    let mut buffer = [0; 512];
    for length in 0..=full.len() {
        let room = &mut buffer[..length];
        let result = request.authenticate(&connection(), &CHAIN, ECDSA, sign, room);
        let needed = [certificate, verify, full.len()].into_iter().find(|end| length < *end);
        match needed {
            Some(needed) => {
                assert_eq!(result, Err(MakeError::Write(WriteError::NoRoom { needed })));
            }
            None => assert_eq!(result, Ok(&full[..])),
        }
    }
    for length in 0..36 {
        let result = request.decline(&connection(), &mut buffer[..length]);
        assert_eq!(result, Err(WriteError::NoRoom { needed: 36 }));
    }
    let cannot = |_: &[u8]| Err::<Vec<u8>, _>(BadSignature);
    let result = request.authenticate(&connection(), &CHAIN, ECDSA, cannot, &mut buffer);
    assert_eq!(result, Err(MakeError::Sign(BadSignature)));
    let long = |_: &[u8]| Ok::<_, BadSignature>(vec![0; 0x1_0000]);
    let result = request.authenticate(&connection(), &CHAIN, ECDSA, long, &mut buffer);
    let error = WriteError::TooLong { field: Field::CertificateVerify };
    assert_eq!(result, Err(MakeError::Write(error)));
}
