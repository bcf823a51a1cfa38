//! Lists of origins: the extension workload_identifier_origin_hint.

use rustls_ext_wire::{Origin, Origins, check_origin_hint, write_origin_hint};

use crate::bytes::rext_bytes;
use crate::error::rext_error;
use crate::fence::{array, bytes, each, fence, out, out_if, room};
use crate::flags::yes_or_no;
use crate::hello::rext_hello;
use crate::list::{Rest, rext_list};
use crate::refusal::Refusal;
use crate::rules::{message_of, rext_message, rext_version_number, version_of};
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// How many origins of an extension are read; further ones are ignored (WIO-8).
pub const REXT_MAX_ORIGINS: usize = 16;

/// How many bytes of the extension's body are read, with all lengths (WIO-8). A buffer of this size
/// is long enough for rext_origins_write().
pub const REXT_MAX_ORIGIN_BYTES: usize = 4096;

const _: () = assert!(REXT_MAX_ORIGINS == rustls_ext_wire::MAX_ORIGINS);
const _: () = assert!(REXT_MAX_ORIGIN_BYTES == rustls_ext_wire::MAX_ORIGIN_BYTES);

/// Returns the origins in which the client has an identity, such as "spiffe://example.org", from
/// the extension workload_identifier_origin_hint, under its number in the code points of the scan.
/// They are an offer, and never a proof: any client can send them (WIO-4, WIO-5).
///
/// Strings that are not origins are left out (WIO-3), and so is what exceeds REXT_MAX_ORIGINS or
/// REXT_MAX_ORIGIN_BYTES (WIO-8). A malformed list ends the connection only if the server
/// negotiates TLS 1.3, so a scan does not check it.
///
/// hello: not NULL.
/// list: receives the origins, in the client's order; not NULL. Written only on REXT_YES and
/// REXT_NO. Each item has bytes, as sent; its number is 0.
/// ignored: receives how many strings were left out; may be NULL.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_YES, also if no string is an origin; REXT_NO, and an empty list, without the
/// extension; REXT_ERR_ORIGINS_MALFORMED, with the alert decode_error (50); or a mistake of the
/// caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_origins(
    hello: *const rext_hello,
    list: *mut rext_list,
    ignored: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let origins = unsafe { crate::hello::hello(hello) }?.origins()?;
        // SAFETY: likewise.
        unsafe { show(origins, list, ignored) }
    })
}

/// Decodes the body of an extension workload_identifier_origin_hint of a ClientHello.
///
/// body, length: the body; NULL and 0 if it is empty.
/// list: as for rext_hello_origins(). It points into body.
/// ignored: as for rext_hello_origins().
/// error: receives the error; may be NULL.
///
/// Returns: REXT_YES; REXT_ERR_ORIGINS_MALFORMED, with the alert decode_error (50), if the body is
/// not such a list (WIO-2); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_origins_decode(
    body: *const u8,
    length: usize,
    list: *mut rext_list,
    ignored: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let origins = Origins::decode(unsafe { bytes(body, length) }?)?;
        // SAFETY: likewise.
        unsafe { show(Some(origins), list, ignored) }
    })
}

/// # Safety
/// `list` and `ignored` meet the requirements of [`out`].
unsafe fn show(
    origins: Option<Origins<'_>>,
    list: *mut rext_list,
    ignored: *mut usize,
) -> Result<rext_status, Refusal> {
    // SAFETY: required of this function's caller.
    let list = unsafe { out(list) }?;
    // SAFETY: likewise.
    if let Some(ignored) = unsafe { out_if(ignored) }? {
        ignored.set(origins.map_or(0, |origins| origins.ignored()));
    }
    list.set(rext_list::of(Rest::Origins(origins.map(|origins| origins.iter()))));
    Ok(if origins.is_some() { REXT_YES } else { REXT_NO })
}

/// Writes the body of the extension workload_identifier_origin_hint, for a client to send.
///
/// origins, count: the origins, each a scheme and a trust domain such as "spiffe://example.org"; 1
/// to REXT_MAX_ORIGINS; not NULL.
/// buffer, length: receives the body. After an error, its content is undefined.
/// written: receives the length of the body; not NULL. Written only on REXT_OK.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE for an empty list,
/// a string that is not an origin, or more origins or bytes than servers read (WIO-3, WIO-8);
/// REXT_ERR_MEMORY; or another mistake of the caller.
///
/// Threads: any, each with its own buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_origins_write(
    origins: *const rext_bytes,
    count: usize,
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
        let origins = unsafe { array(origins, count) }?;
        // SAFETY: likewise.
        let origins = each(origins, |origin| unsafe { origin.get() })?;
        written.set(write_origin_hint(origins.into_iter().map(text), buffer)?.len());
        Ok(REXT_OK)
    })
}

/// Returns REXT_YES if a URI has an origin: the URI in the subjectAltName of a certificate, such as
/// "spiffe://example.org/agent/1", or another origin. Scheme and trust domain are compared by RFC
/// 3986 section 6.2.2, so "SPIFFE://Example.org" is the same origin as "spiffe://example.org".
///
/// A certificate that was requested because of an origin counts only if its URI has that origin
/// (WIO-6).
///
/// origin, origin_length: a scheme and a trust domain; not NULL unless origin_length is 0.
/// uri, uri_length: a workload identifier; not NULL unless uri_length is 0.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_YES; REXT_NO, also if the URI is not a workload identifier; REXT_ERR_VALUE if
/// origin is not an origin; or another mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_origin_includes(
    origin: *const u8,
    origin_length: usize,
    uri: *const u8,
    uri_length: usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let origin = unsafe { bytes(origin, origin_length) }?;
        // SAFETY: likewise.
        let uri = unsafe { bytes(uri, uri_length) }?;
        let origin = Origin::parse(text(origin))?;
        Ok(yes_or_no(Origin::of_uri(text(uri)) == Some(origin)))
    })
}

/// Checks whether workload_identifier_origin_hint with this body is allowed in a message (WIO-1,
/// WIO-2).
///
/// rext_client and rext_server do this themselves.
///
/// message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
/// version: the version of the connection, REXT_TLS12 or REXT_TLS13. Under TLS 1.2, the body in a
/// ClientHello is ignored.
/// body, length: the body of the extension; NULL and 0 if it is empty.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_ORIGINS_MISPLACED or REXT_ERR_ORIGINS_MALFORMED with its alert; or a
/// mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_check_origin_hint(
    message: rext_message,
    version: rext_version_number,
    body: *const u8,
    length: usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let (message, version) = (message_of(message)?, version_of(version)?);
        // SAFETY: C callers must meet the documented requirements.
        check_origin_hint(message, version, unsafe { bytes(body, length) }?)?;
        Ok(REXT_OK)
    })
}

/// A text; the empty one, which is neither an origin nor an identifier, for other bytes.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}
