//! A client's side of the negotiation.

use rustls_ext_wire::{ClientNegotiation, ClientStatus, Offer, Received};

use crate::bytes::rext_bytes;
use crate::code_points::{code_points, rext_code_points};
use crate::error::rext_error;
use crate::fence::{borrow, borrow_if, borrow_mut, fence, out, release};
use crate::flags::{rext_flags, yes_or_no};
use crate::refusal::Misuse;
use crate::rules::{message_of, rext_message, rext_version_number, version_of};
use crate::scan::make;
use crate::status::{REXT_OK, rext_status};

/// By which ways a client offers to authenticate: REXT_OFFER_NONE, or the sum of others. It is a
/// wish, never a credential: anybody can send it.
pub type rext_offer = i32;

/// Offer: none.
pub const REXT_OFFER_NONE: rext_offer = 0;
/// Offer: by the flag request_client_auth, in TLS 1.3.
pub const REXT_OFFER_FLAG: rext_offer = 1;
/// Offer: by the extension client_authentication_request (CARE), in TLS 1.2 and 1.3.
pub const REXT_OFFER_CARE: rext_offer = 2;

/// What became of a client's offer, one of REXT_CLIENT_...; 0 or above.
pub type rext_client_status = i32;

/// Client: no offer was put before the server, and it did not ask for a certificate.
pub const REXT_CLIENT_NOT_OFFERED: rext_client_status = 0;
/// Client: an offer was sent. The server did not (yet) ask for a certificate; it never does when it resumes
/// a session.
pub const REXT_CLIENT_OFFERED: rext_client_status = 1;
/// Client: the server asked for a certificate, and said that it did so because of the offer (RCA-2).
pub const REXT_CLIENT_ACKNOWLEDGED: rext_client_status = 2;
/// Client: the server asked for a certificate, and did not say that the offer was the reason: there was
/// none, it was made by CARE, which has no such word, the server has another reason (RCA-3), or it
/// follows an older draft.
pub const REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT: rext_client_status = 3;

/// One connection of a client: what to put into its hello, and what to make of what comes back.
pub struct rext_client(ClientNegotiation);

pub(crate) fn offer_number(offer: Offer) -> rext_offer {
    let flag = if offer.has_flag() { REXT_OFFER_FLAG } else { 0 };
    let care = if offer.has_care() { REXT_OFFER_CARE } else { 0 };
    flag | care
}

fn offer_of(number: rext_offer) -> Result<Offer, Misuse> {
    match number & !(REXT_OFFER_FLAG | REXT_OFFER_CARE) {
        0 => Ok(Offer::new(number & REXT_OFFER_FLAG != 0, number & REXT_OFFER_CARE != 0)),
        _ => Err(Misuse::Value("the offers REXT_OFFER_...")),
    }
}

/// The bodies of the two extensions in one message, each null if it is not there.
///
/// # Safety
/// Each as of [`borrow_if`], and its octets as of [`rext_bytes::get`].
pub(crate) unsafe fn received<'a>(
    tls_flags: *const rext_bytes,
    care: *const rext_bytes,
) -> Result<Received<'a>, Misuse> {
    // SAFETY: as of this function.
    let body = |bytes: &rext_bytes| unsafe { bytes.get() };
    // SAFETY: likewise.
    let tls_flags = unsafe { borrow_if(tls_flags) }?.map(body).transpose()?;
    // SAFETY: likewise.
    let care = unsafe { borrow_if(care) }?.map(body).transpose()?;
    Ok(Received { tls_flags, care })
}

/// Makes a client that is to make this offer; nothing is sent yet.
///
/// offer: REXT_OFFER_NONE, or the sum of others. CARE is left out if it has no number.
/// numbers: NULL for the default ones.
/// client: where to put it; not NULL. Free it with rext_client_free().
/// error: NULL, or where to say what is wrong.
///
/// Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that cannot be used, or an offer
/// that does not exist; REXT_ERR_MEMORY; or another mistake of the caller. NULL is put into client,
/// if there is a client, whenever it is not REXT_OK.
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
            // SAFETY: C's part is in the documentation.
            let numbers = unsafe { code_points(numbers) }?;
            Ok(rext_client(ClientNegotiation::new(offer, numbers)))
        };
        // SAFETY: likewise.
        unsafe { make(client, new) }
    })
}

/// Frees a client.
///
/// client: of rext_client_new(), and not used any more; NULL does nothing.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_free(client: *mut rext_client) {
    // SAFETY: C's part is in the documentation.
    unsafe { release(client) }
}

/// What to put into a ClientHello, the first and the second alike (FLAGS-12).
///
/// Under Encrypted Client Hello this goes into the inner hello, and nothing of it into the outer one
/// (FLAGS-13); see rext_client_sent().
///
/// client: not NULL.
/// highest: the highest version that the hello offers; REXT_TLS12 or REXT_TLS13. With TLS 1.2 there
/// is no flag (FLAGS-9).
/// flags: where to put the flags of tls_flags; not NULL. rext_flags_body() has the body, if there
/// is to be an extension.
/// care: where to put the number of the extension client_authentication_request, which is then sent
/// without a body (CARE-1), or 0 for none; not NULL.
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
) -> rext_status {
    fence!({
        let highest = version_of(highest)?;
        // SAFETY: C's part is in the documentation.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        let care = unsafe { out(care) }?;
        // SAFETY: likewise.
        let hello = unsafe { borrow_mut(client) }?.0.hello(highest);
        flags.set(rext_flags::of(&hello.flags()));
        care.set(hello.care().unwrap_or(0));
        Ok(REXT_OK)
    })
}

/// Says that the hello that is before the server is another one, with this offer: the outer one of
/// Encrypted Client Hello, which has none, or the inner one after all.
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
        // SAFETY: C's part is in the documentation.
        unsafe { borrow_mut(client) }?.0.sent(offer);
        Ok(REXT_OK)
    })
}

/// Judges, and takes note of, what a message of the server's has of the two extensions: for every
/// message that may have extensions, whether or not one of the two is in it (FLAGS-2 to FLAGS-7,
/// RCA-2 to RCA-5, CARE-1, CARE-3).
///
/// client: not NULL.
/// message: which; of REXT_SERVER_HELLO to REXT_SERVER_CERTIFICATE, and REXT_NEW_SESSION_TICKET.
/// version: of the connection; REXT_TLS12 or REXT_TLS13.
/// tls_flags: the body of tls_flags; NULL if that is not there.
/// care: the body of CARE; NULL if that is not there.
/// error: NULL, or where to say what is wrong.
///
/// Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED or REXT_ERR_CARE_..., with the
/// alert that ends the connection; or a mistake of the caller.
///
/// Threads: one at a time per client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_on(
    client: *mut rext_client,
    message: rext_message,
    version: rext_version_number,
    tls_flags: *const rext_bytes,
    care: *const rext_bytes,
    error: *mut rext_error,
) -> rext_status {
    use rustls_ext_wire::Message::{ClientCertificate, ClientHello};
    fence!(error, {
        let (message, version) = (message_of(message)?, version_of(version)?);
        if let ClientHello | ClientCertificate = message {
            return Err(Misuse::Value("the messages of a server").into());
        }
        // SAFETY: C's part is in the documentation.
        let received = unsafe { received(tls_flags, care) }?;
        // SAFETY: likewise.
        unsafe { borrow_mut(client) }?.0.on(message, version, received)?;
        Ok(REXT_OK)
    })
}

/// What became of the offer so far.
///
/// client: not NULL.
///
/// Returns: one of REXT_CLIENT_...; or a mistake of the caller, below 0.
///
/// Threads: any, if none changes the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_status_of(client: *const rext_client) -> rext_client_status {
    fence!({
        // SAFETY: C's part is in the documentation.
        Ok(match unsafe { borrow(client) }?.0.status() {
            ClientStatus::Offered => REXT_CLIENT_OFFERED,
            ClientStatus::Acknowledged => REXT_CLIENT_ACKNOWLEDGED,
            ClientStatus::AskedWithoutAcknowledgement => REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT,
            _ => REXT_CLIENT_NOT_OFFERED,
        })
    })
}

/// The offer that is before the server.
///
/// client: not NULL.
///
/// Returns: REXT_OFFER_NONE, or the sum of others; or a mistake of the caller, below 0.
///
/// Threads: any, if none changes the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_offer(client: *const rext_client) -> rext_offer {
    fence!({
        // SAFETY: C's part is in the documentation.
        Ok(offer_number(unsafe { borrow(client) }?.0.offer()))
    })
}

/// Whether the server said that it understands CARE, whether or not it asks (CARE-3).
///
/// client: not NULL.
///
/// Returns: REXT_YES, REXT_NO, or a mistake of the caller.
///
/// Threads: any, if none changes the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_client_echoed(client: *const rext_client) -> rext_status {
    fence!({
        // SAFETY: C's part is in the documentation.
        Ok(yes_or_no(unsafe { borrow(client) }?.0.echoed()))
    })
}
