//! The C ABI gives the same results as the codec for requests and authenticators, and each error
//! has its status and rule.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use rext::*;
use rustls_ext_wire::authenticator::{Connection, Endpoint, Proof, Request};

use crate::call;

/// A connection whose hash and HMAC are sums.
struct Toy;

impl Toy {
    const CONTEXT: [u8; 4] = [1; 4];

    fn sum(parts: &[&[u8]]) -> [u8; 4] {
        let bytes = parts.iter().copied().flatten();
        bytes.fold(5_u32, |all, byte| all.rotate_left(5) ^ u32::from(*byte)).to_be_bytes()
    }
}

impl Connection for Toy {
    type Digest = [u8; 4];
    type Tag = [u8; 4];

    fn handshake_context(&self, _: Endpoint) -> &[u8] {
        &Self::CONTEXT
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 4] {
        Self::sum(parts)
    }

    fn finished_mac(&self, sender: Endpoint, message: &[u8]) -> [u8; 4] {
        Self::sum(&[&[u8::from(sender == Endpoint::Server)], message])
    }
}

fn bytes<'a>(bytes: &rext_bytes) -> &'a [u8] {
    match bytes.length {
        0 => &[],
        // SAFETY: the test keeps the bytes.
        length => unsafe { core::slice::from_raw_parts(bytes.data, length) },
    }
}

unsafe extern "C" fn hash(
    _: *mut c_void,
    parts: *const rext_bytes,
    count: usize,
    digest: *mut u8,
    length: usize,
) -> i32 {
    // SAFETY: the library passes this many parts.
    let parts = unsafe { core::slice::from_raw_parts(parts, count) };
    let parts: Vec<_> = parts.iter().map(bytes).collect();
    assert_eq!(length, 4);
    // SAFETY: there is room for as many bytes.
    unsafe { digest.cast::<[u8; 4]>().write(Toy::sum(&parts)) };
    1
}

unsafe extern "C" fn finished_mac(
    _: *mut c_void,
    sender: rext_endpoint,
    message: *const u8,
    message_length: usize,
    mac: *mut u8,
    length: usize,
) -> i32 {
    let by = if sender == REXT_ENDPOINT_SERVER { Endpoint::Server } else { Endpoint::Client };
    let message = bytes(&rext_bytes { data: message, length: message_length });
    assert_eq!(length, 4);
    // SAFETY: there is room for as many bytes.
    unsafe { mac.cast::<[u8; 4]>().write(Toy.finished_mac(by, message)) };
    1
}

/// Accepts a signature that begins with 1.
unsafe extern "C" fn verify(_: *mut c_void, _: *mut c_void, signature: *const rext_signed) -> i32 {
    // SAFETY: the library passes a valid struct.
    let signature = unsafe { &*signature };
    i32::from(bytes(&signature.signature).first() == Some(&1))
}

fn connection() -> rext_connection {
    let context = rext_bytes { data: Toy::CONTEXT.as_ptr(), length: 4 };
    rext_connection {
        client_context: context,
        server_context: context,
        hash: Some(hash),
        finished_mac: Some(finished_mac),
        sign: None,
        verify: Some(verify),
        argument: null_mut(),
    }
}

const NO_REQUEST: rext_request = rext_request { opaque: [MaybeUninit::new(0); 12] };

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0, 0, u8::try_from(body.len()).unwrap()], body].concat()
}

/// A request of a server with these extensions.
fn request(extensions: &[u8]) -> Vec<u8> {
    let length = u8::try_from(extensions.len()).unwrap();
    message(13, &[&[2, 7, 7, 0, length], extensions].concat())
}

/// `signature_algorithms` with P-256 and PKCS #1.
const SCHEMES: [u8; 10] = [0, 13, 0, 6, 0, 4, 4, 3, 4, 1];

#[test]
fn ea_2_ea_4_each_error_of_a_request_has_its_status_and_rule() {
    let (malformed, extension) = (REXT_ERR_REQUEST_MALFORMED, REXT_ERR_REQUEST_EXTENSION);
    for (message, status, rule) in [
        (message(11, &[]), malformed, "EA-2"),
        (vec![13, 0, 0, 9], malformed, "EA-2"),
        (request(&[0, 13, 0, 2, 0, 0]), malformed, "EA-4"),
        (request(&[]), REXT_ERR_REQUEST_NO_SCHEMES, "EA-4"),
        (request(&[&SCHEMES[..], &SCHEMES].concat()), extension, "EA-4"),
        (request(&[&SCHEMES[..], &[0, 0, 0, 0]].concat()), extension, "EA-4"),
    ] {
        let mut view = NO_REQUEST;
        let (data, length) = (message.as_ptr(), message.len());
        // SAFETY: all pointers are valid.
        let (_, error) = call(|error| unsafe {
            rext_request_parse(REXT_ENDPOINT_SERVER, data, length, &mut view, error)
        });
        let fault = Request::parse(Endpoint::Server, &message).unwrap_err();
        let error = error.unwrap();
        assert_eq!((error.status, error.alert, &error.rule[..]), (status, 0, rule));
        assert_eq!((fault.rule(), fault.to_string()), (rule, error.message));
    }
}

/// A Certificate with this context, and one entry with these extensions.
fn certificate(context: &[u8], extensions: &[u8]) -> Vec<u8> {
    let length = u8::try_from(extensions.len()).unwrap();
    let entry = [&[0, 0, 1, 0x30, 0, length], extensions].concat();
    let head = [u8::try_from(context.len()).unwrap()];
    let list = [0, 0, u8::try_from(entry.len()).unwrap()];
    message(11, &[&head, context, &list, &entry].concat())
}

/// A CertificateVerify whose signature is one byte.
fn verified(scheme: u16, signature: u8) -> Vec<u8> {
    let [high, low] = scheme.to_be_bytes();
    message(15, &[high, low, 0, 1, signature])
}

/// With the right MAC.
fn finished(request: &[u8], messages: &[Vec<u8>]) -> Vec<u8> {
    let messages = messages.concat();
    let digest = Toy.hash(&[&Toy::CONTEXT, request, &messages]);
    [messages, message(20, &Toy.finished_mac(Endpoint::Client, &digest))].concat()
}

/// Validates in C and in the codec, which must agree; returns the outcome or status, and the rule.
fn validate(request: &[u8], authenticator: &[u8]) -> (i32, String) {
    let (mut view, mut scheme) = (NO_REQUEST, 0);
    let mut list = rext_list { opaque: [MaybeUninit::new(0); 6] };
    let (data, length) = (request.as_ptr(), request.len());
    let by = REXT_ENDPOINT_SERVER;
    // SAFETY: all pointers are valid.
    assert_eq!(unsafe { rext_request_parse(by, data, length, &mut view, null_mut()) }, REXT_OK);
    let (data, length, connection) = (authenticator.as_ptr(), authenticator.len(), connection());
    let (none, certificates, its) = (null_mut(), &raw mut list, &raw mut scheme);
    // SAFETY: likewise.
    let (status, error) = call(|to| unsafe {
        rext_authenticator_validate(&view, &connection, data, length, none, certificates, its, to)
    });
    let parsed = Request::parse(Endpoint::Server, request).unwrap();
    let proof = parsed.validate(&Toy, authenticator, |signed| match signed.signature {
        [1, ..] => Ok(()),
        _ => Err(std::fmt::Error),
    });
    match proof {
        Ok(Proof::Declined) => assert_eq!(status, REXT_PROOF_DECLINED),
        Ok(Proof::Possession { certificates: chain, scheme: expected }) => {
            assert_eq!((status, scheme), (REXT_PROOF_POSSESSION, expected));
            let mut item = rext_bytes { data: null(), length: 0 };
            for (der, _) in chain {
                // SAFETY: likewise.
                assert_eq!(unsafe { rext_list_next(&mut list, null_mut(), &mut item) }, REXT_YES);
                assert_eq!(bytes(&item), der);
            }
            // SAFETY: likewise.
            assert_eq!(unsafe { rext_list_next(&mut list, null_mut(), &mut item) }, REXT_NO);
        }
        Err(fault) => {
            let error = error.unwrap();
            assert_eq!((error.status, error.alert), (status, 0));
            assert_eq!((&error.rule[..], error.message), (fault.rule(), fault.to_string()));
            return (status, error.rule);
        }
    }
    (status, String::new())
}

#[test]
fn ea_6_to_ea_10_each_error_of_an_authenticator_has_its_status_and_rule() {
    let status_request = [0, 5, 0, 0];
    let request = request(&[&SCHEMES[..], &status_request, &[0x12, 0x34, 0, 0]].concat());
    let of = |extensions: &[u8], scheme, signature| {
        let messages = [certificate(&[7, 7], extensions), verified(scheme, signature)];
        finished(&request, &messages)
    };
    let good = of(&[], 0x0403, 1);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let none = message(11, &[2, 7, 7, 0, 0, 0]);
    let empty = finished(&request, std::slice::from_ref(&none))[none.len()..].to_vec();
    let other = [certificate(&[7, 8], &[]), verified(0x0403, 1)];
    let twice = [status_request, status_request].concat();
    for (authenticator, status, rule) in [
        (good.clone(), REXT_PROOF_POSSESSION, ""),
        (of(&status_request, 0x0403, 1), REXT_PROOF_POSSESSION, ""),
        (empty, REXT_PROOF_DECLINED, ""),
        (message(13, &[]), REXT_ERR_AUTHENTICATOR_MALFORMED, "EA-2"),
        (good[..good.len() - 1].to_vec(), REXT_ERR_AUTHENTICATOR_MALFORMED, "EA-2"),
        (
            finished(&request, &[none, verified(0x0403, 1)]),
            REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE,
            "EA-10",
        ),
        (finished(&request, &other), REXT_ERR_AUTHENTICATOR_CONTEXT, "EA-6"),
        (flipped, REXT_ERR_AUTHENTICATOR_MAC, "EA-9"),
        (of(&[0, 18, 0, 0], 0x0403, 1), REXT_ERR_AUTHENTICATOR_EXTENSION, "EA-6"),
        (of(&[0, 13, 0, 0], 0x0403, 1), REXT_ERR_AUTHENTICATOR_EXTENSION, "EA-6"),
        (of(&twice, 0x0403, 1), REXT_ERR_AUTHENTICATOR_EXTENSION, "EA-6"),
        (of(&[], 0x0804, 1), REXT_ERR_AUTHENTICATOR_SCHEME, "EA-7"),
        (of(&[], 0x0401, 1), REXT_ERR_AUTHENTICATOR_SCHEME, "EA-7"),
        (of(&[], 0x0403, 2), REXT_ERR_AUTHENTICATOR_SIGNATURE, "EA-8"),
    ] {
        assert_eq!(validate(&request, &authenticator), (status, rule.to_owned()));
    }
    for length in 0..good.len() {
        let (status, rule) = validate(&request, &good[..length]);
        assert_eq!((status, &rule[..]), (REXT_ERR_AUTHENTICATOR_MALFORMED, "EA-2"));
    }
}

#[test]
fn scc_4_each_error_of_a_list_of_requests_has_its_status_and_rule() {
    let one = request(&SCHEMES);
    let framed = [&[u8::try_from(one.len()).unwrap()], &one[..]].concat();
    for payload in [&[][..], &framed[..9], &[1, 13]] {
        let mut list = rext_list { opaque: [MaybeUninit::new(0); 6] };
        // SAFETY: all pointers are valid.
        let (_, error) = call(|error| unsafe {
            rext_requests_parse(payload.as_ptr(), payload.len(), &mut list, error)
        });
        let fault = rustls_ext_wire::secondary::Requests::parse(payload).unwrap_err();
        let error = error.unwrap();
        assert_eq!((error.status, &error.rule[..]), (REXT_ERR_REQUEST_LIST, "SCC-4"));
        assert_eq!(error.message, fault.to_string());
    }
}

#[test]
fn ea_5_an_empty_authenticator_needs_a_request() {
    let file = include_bytes!("../../../rustls-ext-wire/corpus/rustls-ring+flag.bin");
    let (mut hello, mut view) = (crate::no_hello(), NO_REQUEST);
    let mut list = rext_list { opaque: [MaybeUninit::new(0); 6] };
    let (none, context): (*mut c_void, _) = (null_mut(), [7; 16]);
    let empty = message(20, &[0; 4]);
    let connection = connection();
    // SAFETY: all pointers are valid.
    let (_, error) = call(|error| unsafe {
        let (data, length) = (file.as_ptr(), file.len());
        let status =
            rext_scan_records(null(), data, length, none.cast(), 0, &mut hello, null_mut(), error);
        assert_eq!(status, REXT_OK);
        let status = rext_request_spontaneous(context.as_ptr(), 16, &hello, &mut view, error);
        assert_eq!(status, REXT_OK);
        let (data, length) = (empty.as_ptr(), empty.len());
        let its = null_mut();
        rext_authenticator_validate(&view, &connection, data, length, none, &mut list, its, error)
    });
    let error = error.unwrap();
    assert_eq!((error.status, &error.rule[..]), (REXT_ERR_AUTHENTICATOR_EMPTY, "EA-5"));
}
