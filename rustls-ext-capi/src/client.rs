//! The client's side of the negotiation.

use rustls_ext_wire::{ClientNegotiation, ClientStatus, Offer, Received};

use crate::bytes::rext_bytes;
use crate::code_points::{code_points, rext_code_points};
use crate::error::rext_error;
use crate::fence::{borrow, borrow_if, borrow_mut, fence, out, out_if, release};
use crate::flags::{rext_flags, yes_or_no};
use crate::refusal::Misuse;
use crate::rules::{message_of, rext_message, rext_version_number, version_of};
use crate::scan::make;
use crate::status::{REXT_OK, rext_status};

/// The ways in which a client offers to authenticate: REXT_OFFER_NONE, or the sum of other
/// REXT_OFFER_.... An offer is never a credential: any client can send it.
pub type rext_offer = i32;

/// Offer: none.
pub const REXT_OFFER_NONE: rext_offer = 0;
/// Offer: by the flag request_client_auth, in TLS 1.3.
pub const REXT_OFFER_FLAG: rext_offer = 1;
/// Offer: by the extension client_authentication_request (CARE), in TLS 1.2 and 1.3.
pub const REXT_OFFER_CARE: rext_offer = 2;
/// Offer: by the extension workload_identifier_origin_hint, in TLS 1.3 (WIO-5).
pub const REXT_OFFER_ORIGINS: rext_offer = 4;

/// The outcome of a client's offer, one of REXT_CLIENT_...; 0 or above.
pub type rext_client_status = i32;

/// Client: the server received no offer, and did not request a certificate.
pub const REXT_CLIENT_NOT_OFFERED: rext_client_status = 0;
/// Client: an offer was sent. The server has not requested a certificate (yet); it never does when
/// it resumes a session.
pub const REXT_CLIENT_OFFERED: rext_client_status = 1;
/// Client: the server requested a certificate, and acknowledged that it did so because of the offer
/// (RCA-2).
pub const REXT_CLIENT_ACKNOWLEDGED: rext_client_status = 2;
/// Client: the server requested a certificate without an acknowledgement: there was no offer, it
/// was made by CARE or by origins, which have no acknowledgement, the server has another reason
/// (RCA-3), or the server follows an older draft.
pub const REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT: rext_client_status = 3;

/// The negotiation on one connection of a client: the offer to put into its ClientHello, and the
/// checks of the server's messages.
pub struct rext_client(ClientNegotiation);

pub(crate) fn offer_number(offer: Offer) -> rext_offer {
    let flag = if offer.has_flag() { REXT_OFFER_FLAG } else { 0 };
    let care = if offer.has_care() { REXT_OFFER_CARE } else { 0 };
    let origins = if offer.has_origins() { REXT_OFFER_ORIGINS } else { 0 };
    flag | care | origins
}

fn offer_of(number: rext_offer) -> Result<Offer, Misuse> {
    let has = |way| number & way != 0;
    match number & !(REXT_OFFER_FLAG | REXT_OFFER_CARE | REXT_OFFER_ORIGINS) {
        0 => Ok(Offer::new(has(REXT_OFFER_FLAG), has(REXT_OFFER_CARE))
            .with_origins(has(REXT_OFFER_ORIGINS))),
        _ => Err(Misuse::Value("an offer: the sum of REXT_OFFER_...")),
    }
}

/// The bodies of the extensions in one message; each pointer is null if it is absent.
///
/// # Safety
/// Each pointer meets the requirements of [`borrow_if`], and its bytes those of
/// [`rext_bytes::get`].
pub(crate) unsafe fn received<'a>(
    tls_flags: *const rext_bytes,
    care: *const rext_bytes,
    origin_hint: *const rext_bytes,
) -> Result<Received<'a>, Misuse> {
    // SAFETY: required of this function's caller.
    let body = |bytes: &rext_bytes| unsafe { bytes.get() };
    // SAFETY: likewise.
    let tls_flags = unsafe { borrow_if(tls_flags) }?.map(body).transpose()?;
    // SAFETY: likewise.
    let care = unsafe { borrow_if(care) }?.map(body).transpose()?;
    // SAFETY: likewise.
    let origin_hint = unsafe { borrow_if(origin_hint) }?.map(body).transpose()?;
    Ok(Received { tls_flags, care, origin_hint })
}

/// Makes a client with this offer; nothing is sent yet.
///
/// offer: REXT_OFFER_NONE, or the sum of others. CARE and origins are not sent if they have no
/// number.
/// numbers: the code points; NULL for the default ones.
/// client: receives the client; not NULL. Free it with rext_client_free().
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that are not allowed;
/// REXT_ERR_VALUE for an offer that does not exist; REXT_ERR_MEMORY; or another mistake of the
/// caller. After an error, the client that is received is NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_new(
    offer: rext_offer,
    numbers: *const rext_code_points,
    client: *mut *mut rext_client,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let new = || {
            let offer = offer_of(offer)?;
            // SAFETY: C callers must meet the documented requirements.
            let numbers = unsafe { code_points(numbers) }?;
            Ok(rext_client(ClientNegotiation::new(offer, numbers)))
        };
        // SAFETY: likewise.
        unsafe { make(client, new) }
    })
}

/// Frees a client.
///
/// client: from rext_client_new(), which must not be used any more; with NULL, nothing happens.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_free(client: *mut rext_client) {
    // SAFETY: C callers must meet the documented requirements.
    unsafe { release(client) }
}

/// Returns the offer to put into a ClientHello, the same in the first and the second one
/// (FLAGS-12).
///
/// With Encrypted Client Hello, it goes only into the inner ClientHello, and no part of it into the
/// outer one (FLAGS-13); see rext_client_sent().
///
/// client: not NULL.
/// highest: the highest version that the ClientHello offers, REXT_TLS12 or REXT_TLS13. With TLS 1.2
/// there is no flag (FLAGS-9) and there are no origins (WIO-7).
/// flags: receives the flags to send in tls_flags; not NULL. rext_flags_body() returns the body, or
/// REXT_NO if the extension is not sent.
/// care: receives the number of the extension client_authentication_request to send, with an empty
/// body (CARE-1), or 0 to send none; not NULL.
/// origin_hint: receives the number of the extension workload_identifier_origin_hint to send, with
/// the body of rext_origins_write(), the same in both ClientHellos (WIO-7), or 0 to send none. NULL
/// if the client's offer has no origins.
///
/// Returns: REXT_OK, or a mistake of the caller, which changes nothing.
///
/// Threads: one at a time per client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_hello(
    client: *mut rext_client,
    highest: rext_version_number,
    flags: *mut rext_flags,
    care: *mut u16,
    origin_hint: *mut u16,
) -> rext_status {
    fence!({
        let highest = version_of(highest)?;
        // SAFETY: C callers must meet the documented requirements.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        let care = unsafe { out(care) }?;
        // SAFETY: likewise.
        let origin_hint = unsafe { out_if(origin_hint) }?;
        // SAFETY: likewise.
        let hello = unsafe { borrow_mut(client) }?.0.hello(highest);
        if let Some(origin_hint) = origin_hint {
            origin_hint.set(hello.origin_hint().unwrap_or(0));
        }
        flags.set(rext_flags::of(&hello.flags()));
        care.set(hello.care().unwrap_or(0));
        Ok(REXT_OK)
    })
}

/// Records that the server evaluates another ClientHello, with this offer: with Encrypted Client
/// Hello, the outer one, which has no offer, instead of the inner one, or the inner one after all.
///
/// client: not NULL.
/// offer: REXT_OFFER_NONE, or the sum of others.
///
/// Returns: REXT_OK, or a mistake of the caller, which changes nothing.
///
/// Threads: one at a time per client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_sent(
    client: *mut rext_client,
    offer: rext_offer,
) -> rext_status {
    fence!({
        let offer = offer_of(offer)?;
        // SAFETY: C callers must meet the documented requirements.
        unsafe { borrow_mut(client) }?.0.sent(offer);
        Ok(REXT_OK)
    })
}

/// Checks and records the extensions in a message of the server (FLAGS-2 to FLAGS-7, RCA-2 to
/// RCA-5, CARE-1, CARE-3, WIO-1). Call it for every message that may have extensions, whether or
/// not it contains one of these.
///
/// client: not NULL.
/// message: one of REXT_SERVER_HELLO to REXT_SERVER_CERTIFICATE, or REXT_NEW_SESSION_TICKET.
/// version: the version of the connection, REXT_TLS12 or REXT_TLS13.
/// tls_flags: the body of tls_flags; NULL if the message does not have it.
/// care: the body of CARE; NULL if the message does not have it.
/// origin_hint: the body of workload_identifier_origin_hint; NULL if the message does not have it,
/// or if the client did not send it: then it is an unknown extension.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED, REXT_ERR_CARE_... or
/// REXT_ERR_ORIGINS_MISPLACED, with the alert that ends the connection; or a mistake of the caller.
///
/// Threads: one at a time per client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_on(
    client: *mut rext_client,
    message: rext_message,
    version: rext_version_number,
    tls_flags: *const rext_bytes,
    care: *const rext_bytes,
    origin_hint: *const rext_bytes,
    error: *mut rext_error,
) -> rext_status {
    use rustls_ext_wire::Message::{ClientCertificate, ClientHello};
    fence!(error, {
        let (message, version) = (message_of(message)?, version_of(version)?);
        if let ClientHello | ClientCertificate = message {
            return Err(Misuse::Value("a message of a server").into());
        }
        // SAFETY: C callers must meet the documented requirements.
        let received = unsafe { received(tls_flags, care, origin_hint) }?;
        // SAFETY: likewise.
        unsafe { borrow_mut(client) }?.0.on(message, version, received)?;
        Ok(REXT_OK)
    })
}

/// Returns the outcome of the offer so far.
///
/// client: not NULL.
///
/// Returns: one of REXT_CLIENT_...; or a mistake of the caller, below 0.
///
/// Threads: any, if none changes the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_status_of(client: *const rext_client) -> rext_client_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        Ok(match unsafe { borrow(client) }?.0.status() {
            ClientStatus::Offered => REXT_CLIENT_OFFERED,
            ClientStatus::Acknowledged => REXT_CLIENT_ACKNOWLEDGED,
            ClientStatus::AskedWithoutAcknowledgement => REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT,
            _ => REXT_CLIENT_NOT_OFFERED,
        })
    })
}

/// Returns the offer in the ClientHello that the server evaluates.
///
/// client: not NULL.
///
/// Returns: REXT_OFFER_NONE, or the sum of others; or a mistake of the caller, below 0.
///
/// Threads: any, if none changes the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_offer(client: *const rext_client) -> rext_offer {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        Ok(offer_number(unsafe { borrow(client) }?.0.offer()))
    })
}

/// Returns REXT_YES if the server has declared that it understands CARE, whether it requests a
/// certificate or not (CARE-3).
///
/// client: not NULL.
///
/// Returns: REXT_YES, REXT_NO, or a mistake of the caller.
///
/// Threads: any, if none changes the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_echoed(client: *const rext_client) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        Ok(yes_or_no(unsafe { borrow(client) }?.0.echoed()))
    })
}
