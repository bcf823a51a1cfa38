//! Which certificates fit which requests (EA-6), and what requests of a verifier have.

use std::collections::HashSet;

use rustls::SignatureScheme;
use rustls_ext::authenticator::{Endpoint, Misfit, Request, RequestError};
use test_pki::Authority;

use crate::common::provider;
use crate::world::{identity, verifier};

const AUTHORITIES: u16 = 47;
const OID_FILTERS: u16 = 48;
const ALGORITHMS_CERT: u16 = 50;

fn request(extension: u16, body: &[u8]) -> Request {
    let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
    Request::new(Endpoint::Server, &schemes, &[(extension, body)], &provider()).unwrap()
}

/// A vector with a length of two bytes.
fn vector(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

#[test]
fn ea_3_contexts_are_random_and_have_sixteen_bytes() {
    let verifier = verifier(&Authority::new("users").unwrap(), &provider());
    let request = || Request::for_verifier(&*verifier, &provider()).unwrap();
    let contexts: HashSet<_> = (0..1000).map(|_| request().context().to_vec()).collect();
    assert_eq!(contexts.len(), 1000);
    assert!(contexts.iter().all(|context| context.len() == 16));
}

#[test]
fn ea_4_a_request_names_the_authorities_of_the_verifier() {
    let (users, others) = (Authority::new("users").unwrap(), Authority::new("others").unwrap());
    let verifier = verifier(&users, &provider());
    let request = Request::for_verifier(&*verifier, &provider()).unwrap();
    let name = verifier.root_hint_subjects()[0].as_ref();
    assert_eq!(request.extension(AUTHORITIES), Some(&vector(&vector(name))[..]));
    assert_eq!(request.accepts(&identity(&users, "P-256", &provider())), Ok(()));
    let error = request.accepts(&identity(&others, "P-256", &provider())).unwrap_err();
    assert_eq!((error, error.rule()), (Misfit::Authority, "EA-6"));
    // What is read is what was written.
    let read = Request::parse(Endpoint::Server, request.bytes()).unwrap();
    assert_eq!(read, request);
}

#[test]
fn ea_4_a_malformed_request_is_refused() {
    let request = request(AUTHORITIES, &vector(&vector(b"0\0")));
    for end in 0..request.bytes().len() {
        assert!(Request::parse(Endpoint::Server, &request.bytes()[..end]).is_err(), "{end}");
    }
    let error = Request::parse(Endpoint::Client, request.bytes()).unwrap_err();
    assert_eq!(error, RequestError::UnexpectedMessage { expected: 17, found: 13 });
}

#[test]
fn scc_12_a_request_with_too_many_authorities_names_none() {
    let mut roots = rustls::RootCertStore::empty();
    for number in 0..200 {
        let name =
            format!("an authority with quite a long name, of which there are many: {number}");
        roots.add(Authority::new(&name).unwrap().der().clone()).unwrap();
    }
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        std::sync::Arc::new(roots),
        provider(),
    )
    .build()
    .unwrap();
    let request = Request::for_verifier(&*verifier, &provider()).unwrap();
    assert_eq!(request.extension(AUTHORITIES), None);
    assert!(request.bytes().len() < 100);
}

#[test]
fn ea_6_signature_algorithms_cert_is_about_the_chain() {
    let authority = Authority::new("users").unwrap(); // signs with P-256
    let key = identity(&authority, "P-256", &provider());
    let of = |scheme: u16| request(ALGORITHMS_CERT, &vector(&scheme.to_be_bytes()));
    assert_eq!(of(0x0403).accepts(&key), Ok(()));
    assert_eq!(of(0x0503).accepts(&key), Err(Misfit::ChainAlgorithm));
    // The signature of a root does not matter.
    let root = rustls::sign::CertifiedKey::new(
        vec![key.cert[0].clone(), authority.der().clone()],
        key.key.clone(),
    );
    assert_eq!(of(0x0403).accepts(&root), Ok(()));
}

#[test]
fn ea_6_oid_filters_on_key_usage_and_extended_key_usage_are_understood() {
    let key = identity(&Authority::new("users").unwrap(), "P-256", &provider());
    let filter = |oid: &[u8], values: &[u8]| {
        let oid = [&[6, u8::try_from(oid.len()).unwrap()], oid].concat();
        let entry = [&[u8::try_from(oid.len()).unwrap()], &oid[..], &vector(values)].concat();
        request(OID_FILTERS, &vector(&entry)).accepts(&key)
    };
    const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    const EXTENDED: &[u8] = &[0x55, 0x1d, 37];
    // digitalSignature; keyEncipherment
    assert_eq!(filter(KEY_USAGE, &[3, 2, 7, 0x80]), Ok(()));
    assert_eq!(filter(KEY_USAGE, &[3, 2, 5, 0x20]), Err(Misfit::OidFilter));
    assert_eq!(filter(KEY_USAGE, &[]), Ok(()));
    // clientAuth; emailProtection; anyExtendedKeyUsage, which is not allowed in a filter
    let usage = |last: u8| [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, last];
    assert_eq!(filter(EXTENDED, &usage(2)), Ok(()));
    assert_eq!(filter(EXTENDED, &usage(4)), Err(Misfit::OidFilter));
    assert_eq!(filter(EXTENDED, &[0x30, 6, 6, 4, 0x55, 0x1d, 37, 0]), Err(Misfit::OidFilter));
    assert_eq!(filter(EXTENDED, b"?"), Err(Misfit::OidFilter));
    // Others are ignored (RFC 8446 section 4.2.5).
    assert_eq!(filter(&[0x55, 0x1d, 99], b"?"), Ok(()));
    // A malformed list matches nothing.
    assert_eq!(request(OID_FILTERS, &[0, 9, 1]).accepts(&key), Err(Misfit::OidFilter));
}
