//! Requests and authenticators by hand, valid or not.

use rustls_ext_wire::authenticator::{Endpoint, Proof, Request, Signed, ValidateError};

use crate::common::{TestConnection, hmac, sha256};

pub const CONTEXT: &[u8] = b"sixteen at least";
pub const ECDSA: u16 = 0x0403;

/// `content` behind its length in `bytes` bytes.
pub fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&length[4 - bytes..], content].concat()
}

pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [vec![kind], vector(3, body)].concat()
}

pub fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [number.to_be_bytes().to_vec(), vector(2, body)].concat()
}

pub fn signature_algorithms(schemes: &[u16]) -> Vec<u8> {
    let list: Vec<u8> = schemes.iter().flat_map(|scheme| scheme.to_be_bytes()).collect();
    extension(13, &vector(2, &list))
}

/// A request of a server, with these extensions.
pub fn request(extensions: &[Vec<u8>]) -> Vec<u8> {
    message(13, &request_body(CONTEXT, extensions))
}

pub fn request_body(context: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    [vector(1, context), vector(2, &extensions.concat())].concat()
}

/// An entry of a Certificate.
pub fn entry(certificate: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    [vector(3, certificate), vector(2, &extensions.concat())].concat()
}

pub fn certificate(context: &[u8], entries: &[Vec<u8>]) -> Vec<u8> {
    message(11, &[vector(1, context), vector(3, &entries.concat())].concat())
}

/// The signature of the tests: a hash of the message.
pub fn sign(message: &[u8]) -> Vec<u8> {
    sha256(&[b"key", message].concat()).to_vec()
}

pub fn certificate_verify(scheme: u16, signature: &[u8]) -> Vec<u8> {
    message(15, &[scheme.to_be_bytes().to_vec(), vector(2, signature)].concat())
}

/// An authenticator of `sender` with a right signature and a right MAC around this Certificate.
pub fn authenticator(
    connection: &TestConnection,
    sender: Endpoint,
    request: &[u8],
    certificate: &[u8],
    scheme: u16,
) -> Vec<u8> {
    let exported = connection.of(sender);
    let transcript = sha256(&[&exported.handshake_context, request, certificate].concat());
    let signed = [&[0x20; 64][..], b"Exported Authenticator\0", &transcript].concat();
    let verify = certificate_verify(scheme, &sign(&signed));
    sealed(connection, sender, request, &[certificate, &verify].concat())
}

/// These messages, and the right Finished.
pub fn sealed(
    connection: &TestConnection,
    sender: Endpoint,
    request: &[u8],
    messages: &[u8],
) -> Vec<u8> {
    let exported = connection.of(sender);
    let transcript = sha256(&[&exported.handshake_context, request, messages].concat());
    [messages, &message(20, &hmac(&exported.finished_key, &transcript))].concat()
}

/// The signature does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

impl std::fmt::Display for BadSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bad signature")
    }
}

impl std::error::Error for BadSignature {}

pub fn verify(signed: Signed<'_>) -> Result<(), BadSignature> {
    if sign(signed.message) == signed.signature { Ok(()) } else { Err(BadSignature) }
}

pub fn validate<'b>(
    request: &Request<'_>,
    connection: &TestConnection,
    bytes: &'b [u8],
) -> Result<Proof<'b>, ValidateError<BadSignature>> {
    request.validate(connection, bytes, verify)
}
