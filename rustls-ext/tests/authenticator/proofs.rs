//! Authenticators between both ends of a connection.

use rustls::SignatureScheme;
use rustls::pki_types::UnixTime;
use rustls_ext::authenticator::{
    AuthenticateError, AuthenticatorError, Endpoint, Exporters, Misfit, Possession, Proof, Request,
    ValidateError,
};
use rustls_ext::{alert_name, with_causes};
use test_pki::Authority;

use crate::common::provider;
use crate::world::{
    KEYS, SUITES, connection, exporters, identity, plain, providers, validate, verifier,
};

fn possession(proof: Proof) -> Possession {
    match proof {
        Proof::Possession(possession) => possession,
        Proof::Declined => panic!("declined"),
    }
}

#[test]
fn ea_7_every_kind_of_key_proves_itself_with_every_suite_and_provider() {
    let authority = Authority::new("users").unwrap();
    for provider in providers() {
        let verifier = verifier(&authority, &provider);
        for suite in SUITES {
            let (client, server) = connection(&provider, suite);
            let (client, server) = exporters(&client, &server);
            for (kind, scheme) in KEYS {
                let key = identity(&authority, kind, &provider);
                assert!(verifier.supported_verify_schemes().contains(&scheme));
                let request = Request::new(Endpoint::Server, &[scheme], &[], &provider).unwrap();
                let answer = request.authenticate(&client, &key).unwrap();
                let proof = validate(&request, &server, &answer, &*verifier).unwrap();
                let proof = possession(proof);
                assert_eq!((proof.scheme(), proof.chain()), (scheme, &key.cert[..]));
                proof.verify_client(&*verifier, UnixTime::now()).unwrap();
            }
        }
    }
}

#[test]
fn ea_7_pkcs1_is_not_requested_and_not_used() {
    let authority = Authority::new("users").unwrap();
    let verifier = verifier(&authority, &provider());
    assert!(verifier.supported_verify_schemes().contains(&SignatureScheme::RSA_PKCS1_SHA256));
    let request = Request::for_verifier(&*verifier, &provider()).unwrap();
    assert!(!request.schemes().contains(&SignatureScheme::RSA_PKCS1_SHA256));
    // A peer's request with rsa_pkcs1_sha256 and ecdsa_secp256r1_sha256.
    let head = [&[13, 0, 0, 29, 16][..], &[7; 16]].concat();
    let bytes = [&head[..], &[0, 10, 0, 13, 0, 6, 0, 4, 4, 1, 4, 3]].concat();
    let request = Request::parse(Endpoint::Server, bytes).unwrap();
    assert_eq!(request.schemes(), [SignatureScheme::ECDSA_NISTP256_SHA256]);
    let key = identity(&authority, "RSA", &provider());
    let (client, _) = plain();
    let client = Exporters::for_sender(&client, Endpoint::Client).unwrap();
    let error = request.authenticate(&client, &key).unwrap_err();
    assert_eq!(error, AuthenticateError::Misfit(Misfit::Scheme));
}

#[test]
fn ea_10_a_client_can_decline() {
    let authority = Authority::new("users").unwrap();
    let verifier = verifier(&authority, &provider());
    let (client, server) = plain();
    let (client, server) = exporters(&client, &server);
    let request = Request::for_verifier(&*verifier, &provider()).unwrap();
    let answer = request.decline(&client).unwrap();
    assert_eq!(validate(&request, &server, &answer, &*verifier), Ok(Proof::Declined));
    // It declines this request alone.
    let other = Request::for_verifier(&*verifier, &provider()).unwrap();
    let error = validate(&other, &server, &answer, &*verifier).unwrap_err();
    assert_eq!(error, ValidateError::Authenticator(AuthenticatorError::Mac));
}

#[test]
fn ea_13_an_authenticator_belongs_to_its_connection_direction_and_request() {
    let authority = Authority::new("users").unwrap();
    let (provider, key) = (provider(), identity(&authority, "P-256", &provider()));
    let verifier = verifier(&authority, &provider);
    let (client, server) = plain();
    let (of_client, of_server) = exporters(&client, &server);
    let request = Request::for_verifier(&*verifier, &provider).unwrap();
    let answer = request.authenticate(&of_client, &key).unwrap();
    validate(&request, &of_server, &answer, &*verifier).unwrap();

    let mac = ValidateError::Authenticator(AuthenticatorError::Mac);
    // A proxy that terminates TLS has two connections.
    let (_, elsewhere) = plain();
    let elsewhere = Exporters::for_sender(&elsewhere, Endpoint::Client).unwrap();
    let error = validate(&request, &elsewhere, &answer, &*verifier).unwrap_err();
    assert_eq!(error, mac);
    assert_eq!(
        with_causes(&error).split(':').next(),
        Some("the authenticator does not belong to this connection")
    );
    assert!(error.to_string().contains("a proxy between client and server may terminate TLS"));
    // The other direction.
    let both = Exporters::of(&client).unwrap();
    let reverse =
        Request::new(Endpoint::Client, &verifier.supported_verify_schemes(), &[], &provider)
            .unwrap();
    let of_reverse = reverse.authenticate(&both, &key).unwrap();
    assert!(validate(&reverse, &Exporters::of(&server).unwrap(), &of_reverse, &*verifier).is_ok());
    // Another request, even with the same context.
    let other = Request::for_verifier(&*verifier, &provider).unwrap();
    let error = validate(&other, &of_server, &answer, &*verifier).unwrap_err();
    assert_eq!(error, ValidateError::Authenticator(AuthenticatorError::Context));
    let mut bytes = request.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1; // in the name of the authority
    let other = Request::parse(Endpoint::Server, bytes).unwrap();
    assert_eq!(other.context(), request.context());
    assert_eq!(validate(&other, &of_server, &answer, &*verifier), Err(mac));
    // Each bit.
    for bit in 0..answer.len() * 8 {
        let mut changed = answer.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = validate(&request, &of_server, &changed, &*verifier).unwrap_err();
        assert!(matches!(error, ValidateError::Authenticator(_)), "bit {bit}: {error}");
    }
}

#[test]
fn ea_8_the_signature_is_that_of_the_certificate() {
    let authority = Authority::new("users").unwrap();
    let provider = provider();
    let verifier = verifier(&authority, &provider);
    let (client, server) = plain();
    let (client, server) = exporters(&client, &server);
    let request = Request::for_verifier(&*verifier, &provider).unwrap();
    let (mine, theirs) =
        (identity(&authority, "P-256", &provider), identity(&authority, "P-256", &provider));
    let stolen = rustls::sign::CertifiedKey::new(theirs.cert.clone(), mine.key.clone());
    let answer = request.authenticate(&client, &stolen).unwrap();
    let error = validate(&request, &server, &answer, &*verifier).unwrap_err();
    assert_eq!(error.rule(), "EA-8");
    let ValidateError::Signature(error) = error else { panic!("{error}") };
    assert_eq!(alert_name(error.alert_sent().unwrap()), "decrypt_error");
}

#[test]
fn ea_14_possession_is_no_identity() {
    let (users, others) = (Authority::new("users").unwrap(), Authority::new("others").unwrap());
    let provider = provider();
    let verifier = verifier(&users, &provider);
    let (client, server) = plain();
    let (client, server) = exporters(&client, &server);
    let request =
        Request::new(Endpoint::Server, &verifier.supported_verify_schemes(), &[], &provider)
            .unwrap();
    let key = identity(&others, "P-256", &provider);
    let answer = request.authenticate(&client, &key).unwrap();
    let proof = possession(validate(&request, &server, &answer, &*verifier).unwrap());
    assert_eq!(proof.chain(), key.cert);
    let error = proof.verify_client(&*verifier, UnixTime::now()).unwrap_err();
    assert_eq!(alert_name(error.alert_sent().unwrap()), "unknown_ca");
    // Nor was it one before the certificate was valid.
    let own = identity(&users, "P-256", &provider);
    let answer = request.authenticate(&client, &own).unwrap();
    let proof = possession(validate(&request, &server, &answer, &*verifier).unwrap());
    proof.verify_client(&*verifier, UnixTime::now()).unwrap();
    let epoch = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    let error = proof.verify_client(&*verifier, epoch).unwrap_err();
    assert_eq!(alert_name(error.alert_sent().unwrap()), "certificate_expired");
}

#[test]
fn ea_1_exporters_of_the_other_side_make_nothing() {
    let authority = Authority::new("users").unwrap();
    let verifier = verifier(&authority, &provider());
    let (client, _) = plain();
    let wrong = Exporters::for_sender(&client, Endpoint::Server).unwrap();
    let request = Request::for_verifier(&*verifier, &provider()).unwrap();
    let key = identity(&authority, "P-256", &provider());
    let error = request.authenticate(&wrong, &key).unwrap_err();
    assert!(error.to_string().contains("not as long as the output of the hash"), "{error}");
    assert!(request.decline(&wrong).is_err());
}
