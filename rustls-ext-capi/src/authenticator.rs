//! Authenticators: made and validated with the hash, HMAC, keys and exporter of the caller.

use core::cell::Cell;
use core::ffi::c_void;

use rustls_ext_wire::authenticator::{
    Authenticator, Connection, Endpoint, MakeError, Proof, Request, Signed, ValidateError,
};

use crate::bytes::rext_bytes;
use crate::error::rext_error;
use crate::fence::{array, borrow, bytes, each, fence, out, out_if, room};
use crate::list::{Rest, rext_list};
use crate::refusal::{Misuse, Refusal};
use crate::request::{REXT_ENDPOINT_CLIENT, REXT_ENDPOINT_SERVER, rext_endpoint, rext_request};
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// A signature to verify.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_signed {
    /// The message that is signed (EA-8).
    pub message: rext_bytes,
    /// The signature.
    pub signature: rext_bytes,
    /// The certificate with the key, as sent: at least one byte, not checked to be DER.
    pub certificate: rext_bytes,
    /// The signature scheme: one of the request that TLS 1.3 allows (EA-7).
    pub scheme: u16,
}

/// The part of a TLS connection that authenticators need: exported values and functions of the
/// caller. All use the hash of the negotiated cipher suite.
///
/// The connection must use TLS 1.3, or TLS 1.2 with the extended master secret (EA-12), and its
/// handshake must be complete. The exporter is the one of the completed handshake, never the early
/// one, with a context of length 0, which is not the same as no context under TLS 1.2 (EA-1). The
/// exported values do not change while the connection lasts.
///
/// Each function returns 1 on success, and 0 or below if it fails; then the call fails with
/// REXT_ERR_CALLBACK. It must return: it must not throw, or jump out of the call. Pointers that it
/// gets are valid until it returns, and it must not use the objects of the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_connection {
    /// The value that is exported under "EXPORTER-client authenticator handshake context", as long
    /// as the hash, at most 64 bytes. No bytes if the client sends no authenticators.
    pub client_context: rext_bytes,
    /// The same under "EXPORTER-server authenticator handshake context".
    pub server_context: rext_bytes,
    /// Computes the hash of the concatenated parts. It must write exactly length bytes, or fail if
    /// that is not the length of the hash; not NULL.
    pub hash: Option<
        unsafe extern "C" fn(
            argument: *mut c_void,
            parts: *const rext_bytes,
            count: usize,
            digest: *mut u8,
            length: usize,
        ) -> i32,
    >,
    /// Computes the HMAC of a message. The key is the value that is exported under "EXPORTER-client
    /// authenticator finished key", or "EXPORTER-server ..." if the sender is the server; it is as
    /// long as the hash, and nothing is derived from it (EA-9). Writes exactly length bytes; not
    /// NULL.
    pub finished_mac: Option<
        unsafe extern "C" fn(
            argument: *mut c_void,
            sender: rext_endpoint,
            message: *const u8,
            message_length: usize,
            mac: *mut u8,
            length: usize,
        ) -> i32,
    >,
    /// Signs a message, for rext_authenticator_make(), which passes the key. The signature stays in
    /// memory of the caller until that call returns. For RSASSA-PSS, the salt is as long as the
    /// hash (EA-7). NULL if this side makes no authenticators.
    pub sign: Option<
        unsafe extern "C" fn(
            argument: *mut c_void,
            key: *mut c_void,
            scheme: u16,
            message: *const rext_bytes,
            signature: *mut rext_bytes,
        ) -> i32,
    >,
    /// Verifies a signature with the key of the certificate: 1 if it verifies, 0 if it does not,
    /// and below 0 if that cannot be found out. The scheme must fit the key: for RSASSA-PSS its
    /// OID, for ECDSA its curve; the salt is as long as the hash (EA-7). It gets the details of
    /// rext_authenticator_validate(). NULL if this side validates no authenticators.
    pub verify: Option<
        unsafe extern "C" fn(
            argument: *mut c_void,
            details: *mut c_void,
            signature: *const rext_signed,
        ) -> i32,
    >,
    /// Passed to these functions.
    pub argument: *mut c_void,
}

/// A connection of the caller during one call.
struct Host<'a> {
    connection: &'a rext_connection,
    client_context: &'a [u8],
    server_context: &'a [u8],
    length: usize,
    failed: Cell<bool>,
}

/// An output of the hash or of HMAC; empty if the callback has failed.
struct Output {
    bytes: [u8; MAX_HASH],
    length: usize,
}

/// The maximum length of a hash's output in bytes: that of SHA-512.
const MAX_HASH: usize = 64;

/// The maximum number of parts that the codec hashes at once.
const MAX_PARTS: usize = 8;

impl AsRef<[u8]> for Output {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl<'a> Host<'a> {
    /// # Safety
    /// `connection` meets the documented requirements of [`rext_connection`].
    unsafe fn of(connection: *const rext_connection, sender: Endpoint) -> Result<Self, Misuse> {
        // SAFETY: required of this function's caller.
        let connection: &rext_connection = unsafe { borrow(connection) }?;
        if connection.hash.is_none() || connection.finished_mac.is_none() {
            return Err(Misuse::Null);
        }
        // SAFETY: likewise.
        let client_context = unsafe { connection.client_context.get() }?;
        // SAFETY: likewise.
        let server_context = unsafe { connection.server_context.get() }?;
        let length = match sender {
            Endpoint::Client => client_context.len(),
            Endpoint::Server => server_context.len(),
        };
        if !(1..=MAX_HASH).contains(&length) {
            return Err(Misuse::Value("a handshake context, which is as long as the hash"));
        }
        Ok(Self { connection, client_context, server_context, length, failed: Cell::new(false) })
    }

    /// The output that `write` writes.
    fn output(&self, write: impl FnOnce(*mut u8) -> i32) -> Output {
        let mut output = Output { bytes: [0; MAX_HASH], length: self.length };
        if write(output.bytes.as_mut_ptr()) != 1 {
            self.failed.set(true);
            output.length = 0; // The codec refuses it.
        }
        output
    }

    /// The result of a call, which is an error if a callback has failed.
    fn end<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        if self.failed.get() { Err(Misuse::Callback.into()) } else { result }
    }
}

impl Connection for Host<'_> {
    type Digest = Output;
    type Tag = Output;

    fn handshake_context(&self, sender: Endpoint) -> &[u8] {
        match sender {
            Endpoint::Client => self.client_context,
            Endpoint::Server => self.server_context,
        }
    }

    fn hash(&self, parts: &[&[u8]]) -> Output {
        let mut all = [rext_bytes::NONE; MAX_PARTS];
        for (to, part) in all.iter_mut().zip(parts) {
            *to = (*part).into();
        }
        self.output(|digest| match self.connection.hash {
            Some(hash) if parts.len() <= MAX_PARTS => {
                let (argument, all) = (self.connection.argument, all.as_ptr());
                // SAFETY: the pointers are valid for these lengths.
                unsafe { hash(argument, all, parts.len(), digest, self.length) }
            }
            _ => 0,
        })
    }

    fn finished_mac(&self, sender: Endpoint, message: &[u8]) -> Output {
        let sender = match sender {
            Endpoint::Client => REXT_ENDPOINT_CLIENT,
            Endpoint::Server => REXT_ENDPOINT_SERVER,
        };
        self.output(|mac| match self.connection.finished_mac {
            Some(finished_mac) if message.len() == self.length => {
                let (argument, data) = (self.connection.argument, message.as_ptr());
                // SAFETY: likewise.
                unsafe { finished_mac(argument, sender, data, message.len(), mac, self.length) }
            }
            _ => 0, // The hash has failed.
        })
    }
}

/// Makes an authenticator: a proof that this side has the key of a certificate (EA-6 to EA-9).
///
/// Before that, use up the request by rext_contexts_record() with REXT_CONTEXT_ANSWER, or without a
/// request with REXT_CONTEXT_SPONTANEOUS. The certificate must fit signature_algorithms_cert,
/// certificate_authorities and oid_filters of the request; otherwise call
/// rext_authenticator_decline() instead.
///
/// request: the peer's request, or rext_request_spontaneous(); not NULL.
/// connection: not NULL; it must have sign.
/// chain, count: the DER of the certificates, the one with the key first; at least one.
/// scheme: one of rext_request_schemes() that the key can make.
/// key: passed to sign; may be NULL.
/// buffer, length: receives the authenticator. After an error, its content is undefined.
/// written: receives the authenticator's length; not NULL. Written only on REXT_OK.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_CALLBACK if a callback
/// failed; REXT_ERR_VALUE for another scheme, a chain without certificates, or a handshake context
/// without bytes; REXT_ERR_MEMORY; or another mistake of the caller.
///
/// Threads: any, if the callbacks allow it, each with its own buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_authenticator_make(
    request: *const rext_request,
    connection: *const rext_connection,
    chain: *const rext_bytes,
    count: usize,
    scheme: u16,
    key: *mut c_void,
    buffer: *mut u8,
    length: usize,
    written: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let written = unsafe { out(written) }?;
        // SAFETY: likewise.
        let buffer = unsafe { room(buffer, length) }?;
        // SAFETY: likewise.
        let chain = unsafe { array(chain, count) }?;
        // SAFETY: likewise.
        let chain = each(chain, |certificate| unsafe { certificate.get() })?;
        // SAFETY: likewise.
        let request: Request<'_> = unsafe { crate::request::request(request) }?;
        // SAFETY: likewise.
        let host = unsafe { Host::of(connection, request.by().peer()) }?;
        let sign = host.connection.sign.ok_or(Misuse::Null)?;
        let sign = |message: &[u8]| {
            if host.failed.get() {
                return Err(Misuse::Callback);
            }
            let (message, mut signature) = (rext_bytes::from(message), rext_bytes::NONE);
            let argument = host.connection.argument;
            // SAFETY: the pointers are valid.
            if unsafe { sign(argument, key, scheme, &raw const message, &raw mut signature) } == 1 {
                // SAFETY: it stays in memory of the caller, as documented.
                unsafe { signature.get() }
            } else {
                Err(Misuse::Callback)
            }
        };
        let made = request.authenticate(&host, &chain, scheme, sign, buffer);
        let made = made.map_err(|error| match error {
            MakeError::Write(error) => error.into(),
            MakeError::Sign(misuse) => misuse.into(),
        });
        written.set(host.end(made)?.len());
        Ok(REXT_OK)
    })
}

/// Makes an empty authenticator: this side has no certificate for the request, or does not want to
/// show it (EA-10). Before that, use up the request by rext_contexts_record() with
/// REXT_CONTEXT_ANSWER.
///
/// request: the peer's request; not NULL.
/// connection: not NULL; sign and verify may be NULL.
/// buffer, length: receives the authenticator, 4 bytes and as many as the hash has.
/// written: receives the authenticator's length; not NULL. Written only on REXT_OK.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_CALLBACK if a callback
/// failed; REXT_ERR_VALUE without a request, or for a handshake context without bytes; or another
/// mistake of the caller.
///
/// Threads: any, if the callbacks allow it, each with its own buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_authenticator_decline(
    request: *const rext_request,
    connection: *const rext_connection,
    buffer: *mut u8,
    length: usize,
    written: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let written = unsafe { out(written) }?;
        // SAFETY: likewise.
        let buffer = unsafe { room(buffer, length) }?;
        // SAFETY: likewise.
        let request: Request<'_> = unsafe { crate::request::request(request) }?;
        // SAFETY: likewise.
        let host = unsafe { Host::of(connection, request.by().peer()) }?;
        let made = request.decline(&host, buffer).map_err(Refusal::from);
        written.set(host.end(made)?.len());
        Ok(REXT_OK)
    })
}

/// Returns the context of the request that an authenticator answers. It is not validated: see
/// rext_authenticator_validate().
///
/// bytes, length: the authenticator; NULL and 0 if it is empty.
/// context: receives the context, which points into bytes; not NULL. Written only on REXT_YES and
/// REXT_NO.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_YES; REXT_NO, and no bytes, for an empty authenticator, which has no context;
/// REXT_ERR_AUTHENTICATOR_MALFORMED or REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE; or a mistake of the
/// caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_authenticator_context(
    bytes: *const u8,
    length: usize,
    context: *mut rext_bytes,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let context = unsafe { out(context) }?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        let found = Authenticator::parse(bytes)?.context();
        context.set(found.map_or(rext_bytes::NONE, rext_bytes::from));
        Ok(if found.is_some() { REXT_YES } else { REXT_NO })
    })
}

/// The outcome of a valid authenticator, one of REXT_PROOF_...; above 0.
pub type rext_proof = i32;

/// Proof: the sender has the key of the first certificate. This is not yet an identity: the chain
/// must be verified (EA-14).
pub const REXT_PROOF_POSSESSION: rext_proof = 1;
/// Proof: the sender has no certificate for this request, or does not want to show it (EA-10).
pub const REXT_PROOF_DECLINED: rext_proof = 2;

/// Validates the peer's answer to a request (EA-2, EA-6 to EA-13).
///
/// The checks are in this order: structure, context, MAC, extensions, scheme, and then the callback
/// verify. Before that, use up the request by rext_contexts_record() with REXT_CONTEXT_ANSWERED, or
/// without a request with REXT_CONTEXT_SPONTANEOUS (EA-11).
///
/// request: this side's request, or rext_request_spontaneous(); not NULL.
/// connection: not NULL; it must have verify.
/// bytes, length: the authenticator; NULL and 0 if it is empty.
/// details: passed to verify; may be NULL.
/// certificates: receives the certificates, the sender's first; not NULL. Written only on
/// REXT_PROOF_POSSESSION. The list points into bytes; each item has the bytes of a certificate, at
/// least one and not checked to be DER, and its number is 0.
/// scheme: receives the scheme of the signature; may be NULL. Written only on
/// REXT_PROOF_POSSESSION.
/// error: receives the error; may be NULL.
///
/// Returns: one of REXT_PROOF_..., above 0; one of REXT_ERR_AUTHENTICATOR_...; REXT_ERR_CALLBACK if
/// a callback failed; REXT_ERR_VALUE for a handshake context without bytes; or another mistake of
/// the caller. After an error, nothing is proved.
///
/// Threads: any, if the callbacks allow it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_authenticator_validate(
    request: *const rext_request,
    connection: *const rext_connection,
    bytes: *const u8,
    length: usize,
    details: *mut c_void,
    certificates: *mut rext_list,
    scheme: *mut u16,
    error: *mut rext_error,
) -> rext_proof {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let certificates = unsafe { out(certificates) }?;
        // SAFETY: likewise.
        let scheme = unsafe { out_if(scheme) }?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        // SAFETY: likewise.
        let request: Request<'_> = unsafe { crate::request::request(request) }?;
        // SAFETY: likewise.
        let host = unsafe { Host::of(connection, request.by().peer()) }?;
        let verify = host.connection.verify.ok_or(Misuse::Null)?;
        let verify = |mut signed: Signed<'_>| {
            let first = signed.certificates.next().map_or(rext_bytes::NONE, |(der, _)| der.into());
            let signature = rext_signed {
                message: signed.message.into(),
                signature: signed.signature.into(),
                certificate: first,
                scheme: signed.scheme,
            };
            // SAFETY: the pointers are valid.
            match unsafe { verify(host.connection.argument, details, &raw const signature) } {
                1 => Ok(()),
                0 => Err(()),
                _ => {
                    host.failed.set(true);
                    Err(())
                }
            }
        };
        let proof = request.validate(&host, bytes, verify).map_err(|error| match error {
            ValidateError::Authenticator(error) => Refusal::from(error),
            error => Refusal::Authenticator(error),
        });
        match host.end(proof)? {
            Proof::Declined => Ok(REXT_PROOF_DECLINED),
            Proof::Possession { certificates: chain, scheme: its } => {
                certificates.set(rext_list::of(Rest::Certificates(chain)));
                if let Some(scheme) = scheme {
                    scheme.set(its);
                }
                Ok(REXT_PROOF_POSSESSION)
            }
        }
    })
}
