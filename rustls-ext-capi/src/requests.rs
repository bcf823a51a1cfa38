//! The list of requests in a frame AUTHENTICATOR_REQUESTS of HTTP.

use rustls_ext_wire::authenticator::Endpoint;
use rustls_ext_wire::secondary::Requests;

use crate::error::rext_error;
use crate::fence::{array, bytes, each, fence, out, room};
use crate::list::{Rest, rext_list};
use crate::refusal::{Misuse, Refusal};
use crate::request::rext_request;
use crate::status::{REXT_OK, rext_status};

/// Writes the payload of a frame AUTHENTICATOR_REQUESTS: a server's requests, each after its length
/// (SCC-3).
///
/// requests, count: the requests, at least one; not NULL.
/// buffer, length: receives the payload. After an error, its content is undefined.
/// written: receives the payload's length; not NULL. Written only on REXT_OK.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE without requests,
/// or for one that is not a server's; REXT_ERR_MEMORY; or another mistake of the caller.
///
/// Threads: any, each with its own buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_requests_write(
    requests: *const rext_request,
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
        let requests = unsafe { array(requests, count) }?;
        // SAFETY: likewise.
        let requests = each(requests, |request| unsafe { request.get() })?;
        if requests.is_empty() || requests.iter().any(|request| request.by() != Endpoint::Server) {
            return Err(Misuse::Value("a list of requests of a server").into());
        }
        written.set(Requests::write(&requests, buffer).map_err(Refusal::from)?.len());
        Ok(REXT_OK)
    })
}

/// Reads the payload of a frame AUTHENTICATOR_REQUESTS, and checks each request in it (SCC-3,
/// SCC-4).
///
/// bytes, length: the payload; NULL and 0 if it is empty.
/// list: receives the requests; not NULL. Written only on REXT_OK. It points into bytes; each item
/// has the bytes of a request, for rext_request_parse() with REXT_ENDPOINT_SERVER, and its number
/// is 0.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_REQUEST_LIST; or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_requests_parse(
    bytes: *const u8,
    length: usize,
    list: *mut rext_list,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let list = unsafe { out(list) }?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        list.set(rext_list::of(Rest::Requests(Requests::parse(bytes)?)));
        Ok(REXT_OK)
    })
}
