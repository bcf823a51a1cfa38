//! The server's side of the negotiation.

use rustls_ext_wire::{Asks, Message, Received, ServerNegotiation};

use crate::bytes::rext_bytes;
use crate::client::{offer_number, received, rext_offer};
use crate::code_points::{code_points, rext_code_points};
use crate::error::rext_error;
use crate::fence::{borrow, borrow_mut, fence, out, release};
use crate::flags::{rext_flags, yes_or_no};
use crate::hello::{hello, rext_hello};
use crate::refusal::{Misuse, Refusal};
use crate::rules::{message_of, rext_message, rext_version_number, version_of};
use crate::scan::make;
use crate::status::{REXT_OK, rext_status};

/// Whether a server requests a certificate, and why; one of REXT_ASKS_....
pub type rext_asks = i32;

/// Server: it does not request a certificate.
pub const REXT_ASKS_NOT: rext_asks = 0;
/// Server: it requests a certificate because the client offered (RCA-2).
pub const REXT_ASKS_BECAUSE_OFFERED: rext_asks = 1;
/// Server: it requests a certificate for another reason: always, or because of this host name
/// (RCA-3).
pub const REXT_ASKS_FOR_ANOTHER_REASON: rext_asks = 2;

/// The negotiation on one connection of a server: the client's offer, and the extensions to answer
/// with.
pub struct rext_server(ServerNegotiation);

/// Makes a server that has not received a ClientHello.
///
/// numbers: the code points; NULL for the default ones.
/// server: receives the server; not NULL. Free it with rext_server_free().
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that are not allowed;
/// REXT_ERR_MEMORY; or another mistake of the caller. After an error, the server that is received
/// is NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_new(
    numbers: *const rext_code_points,
    server: *mut *mut rext_server,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let new = || {
            // SAFETY: C callers must meet the documented requirements.
            let numbers = unsafe { code_points(numbers) }?;
            Ok(rext_server(ServerNegotiation::new(numbers)))
        };
        // SAFETY: likewise.
        unsafe { make(server, new) }
    })
}

/// Frees a server.
///
/// server: from rext_server_new(), which must not be used any more; with NULL, nothing happens.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_free(server: *mut rext_server) {
    // SAFETY: C callers must meet the documented requirements.
    unsafe { release(server) }
}

/// Checks and records the offer in a ClientHello. Call it for the first and the second one, once
/// the version is chosen. Flags and origins are for TLS 1.3 only: under TLS 1.2 they are ignored,
/// even if malformed (FLAGS-9).
///
/// server: not NULL.
/// version: the chosen version, REXT_TLS12 or REXT_TLS13.
/// tls_flags: the body of tls_flags; NULL if the message does not have it.
/// care: the body of CARE; NULL if the message does not have it.
/// origin_hint: the body of workload_identifier_origin_hint; NULL if the message does not have it.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED, REXT_ERR_CARE_NOT_EMPTY,
/// REXT_ERR_ORIGINS_MALFORMED, REXT_ERR_SECOND_HELLO_DIFFERS or REXT_ERR_ORIGINS_CHANGED (WIO-7),
/// with the alert that ends the connection; or a mistake of the caller.
///
/// Threads: one at a time per server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_on_client_hello(
    server: *mut rext_server,
    version: rext_version_number,
    tls_flags: *const rext_bytes,
    care: *const rext_bytes,
    origin_hint: *const rext_bytes,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let received = unsafe { received(tls_flags, care, origin_hint) }?;
        // SAFETY: likewise.
        unsafe { on_client_hello(server, version, received) }
    })
}

/// The same as rext_server_on_client_hello(), for a ClientHello that was scanned with the server's
/// code points.
///
/// server: not NULL.
/// version: the chosen version, REXT_TLS12 or REXT_TLS13.
/// hello: not NULL.
/// error: receives the error; may be NULL.
///
/// Returns: as for rext_server_on_client_hello().
///
/// Threads: one at a time per server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_on_hello(
    server: *mut rext_server,
    version: rext_version_number,
    hello: *const rext_hello,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let received = unsafe { self::hello(hello) }?.received();
        // SAFETY: likewise.
        unsafe { on_client_hello(server, version, received) }
    })
}

/// # Safety
/// `server` meets the requirements of [`borrow_mut`].
unsafe fn on_client_hello(
    server: *mut rext_server,
    version: rext_version_number,
    received: Received<'_>,
) -> Result<rext_status, Refusal> {
    let version = version_of(version)?;
    // SAFETY: required of this function's caller.
    unsafe { borrow_mut(server) }?.0.on_client_hello(version, received)?;
    Ok(REXT_OK)
}

/// Returns the ways in which the client offers to authenticate.
///
/// server: not NULL.
///
/// Returns: REXT_OFFER_NONE, also before a ClientHello, or the sum of others; or a mistake of the
/// caller, below 0.
///
/// Threads: any, if none changes the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_offer(server: *const rext_server) -> rext_offer {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        Ok(offer_number(unsafe { borrow(server) }?.0.offer()))
    })
}

/// Returns the flags of the ClientHello; the empty set if there are none, or if they do not count
/// (FLAGS-9).
///
/// server: not NULL.
/// flags: receives the flags; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any, if none changes the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_flags(
    server: *const rext_server,
    flags: *mut rext_flags,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        flags.set(rext_flags::of(unsafe { borrow(server) }?.0.flags()));
        Ok(REXT_OK)
    })
}

/// Records whether the server requests a certificate from this client, and why. A server that
/// resumes a session does not.
///
/// server: not NULL.
/// asks: one of REXT_ASKS_....
///
/// Returns: REXT_OK, or a mistake of the caller, which changes nothing.
///
/// Threads: one at a time per server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_asks(
    server: *mut rext_server,
    asks: rext_asks,
) -> rext_status {
    fence!({
        let asks = match asks {
            REXT_ASKS_NOT => Asks::No,
            REXT_ASKS_BECAUSE_OFFERED => Asks::BecauseOffered,
            REXT_ASKS_FOR_ANOTHER_REASON => Asks::ForAnotherReason,
            _ => return Err(Misuse::Value("a reason REXT_ASKS_...").into()),
        };
        // SAFETY: C callers must meet the documented requirements.
        unsafe { borrow_mut(server) }?.0.asks(asks);
        Ok(REXT_OK)
    })
}

/// Returns REXT_YES if an empty CARE must be put into a message, so that the client knows that this
/// server understands CARE, whether it requests a certificate or not (CARE-3).
///
/// server: not NULL.
/// message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
///
/// Returns: REXT_YES, REXT_NO, or a mistake of the caller.
///
/// Threads: any, if none changes the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_echoes_care(
    server: *const rext_server,
    message: rext_message,
) -> rext_status {
    fence!({
        let message: Message = message_of(message)?;
        // SAFETY: C callers must meet the documented requirements.
        Ok(yes_or_no(unsafe { borrow(server) }?.0.echoes_care_in(message)))
    })
}

/// Returns the flags for a CertificateRequest of TLS 1.3. They contain request_client_auth if the
/// client offered by the flag, and the server requests a certificate for that reason (RCA-2, RCA-3,
/// RCA-4).
///
/// server: not NULL.
/// flags: receives the flags; not NULL. rext_flags_body() returns the body, or REXT_NO if the
/// extension is not sent.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any, if none changes the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_acknowledgement(
    server: *const rext_server,
    flags: *mut rext_flags,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        flags.set(rext_flags::of(&unsafe { borrow(server) }?.0.acknowledgement()));
        Ok(REXT_OK)
    })
}

/// Checks the extensions in an entry of the client's Certificate (TLS 1.3; FLAGS-5, RCA-5, CARE-3,
/// WIO-1).
///
/// server: not NULL.
/// tls_flags: the body of tls_flags; NULL if the message does not have it.
/// care: the body of CARE; NULL if the message does not have it.
/// origin_hint: the body of workload_identifier_origin_hint; NULL if the message does not have it.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED, REXT_ERR_CARE_... or
/// REXT_ERR_ORIGINS_MISPLACED, with the alert that ends the connection; or a mistake of the caller.
///
/// Threads: any, if none changes the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_server_on_client_certificate(
    server: *const rext_server,
    tls_flags: *const rext_bytes,
    care: *const rext_bytes,
    origin_hint: *const rext_bytes,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let received = unsafe { received(tls_flags, care, origin_hint) }?;
        // SAFETY: likewise.
        unsafe { borrow(server) }?.0.on_client_certificate(received)?;
        Ok(REXT_OK)
    })
}
