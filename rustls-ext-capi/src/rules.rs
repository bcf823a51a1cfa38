//! Checks in which messages flags and CARE are allowed; `origins.rs` has the check of origins.

use rustls_ext_wire::{FlagSet, Message, Version, check, check_care, echo_in};

use crate::code_points::{code_points, rext_code_points};
use crate::error::rext_error;
use crate::fence::{borrow, borrow_if, bytes, fence};
use crate::flags::rext_flags;
use crate::refusal::Misuse;
use crate::status::{REXT_OK, rext_status};

/// The version of a connection, REXT_TLS12 or REXT_TLS13. Older versions are not supported.
pub type rext_version_number = u16;

/// Version: TLS 1.2, in which there are no flags (FLAGS-9).
pub const REXT_TLS12: rext_version_number = 0x0303;
/// Version: TLS 1.3.
pub const REXT_TLS13: rext_version_number = 0x0304;

/// A message that may contain the extensions, one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
/// The rules distinguish the server's Certificate from the client's, and a ServerHello from a
/// HelloRetryRequest.
pub type rext_message = i32;

/// Message: ClientHello, the first and the second.
pub const REXT_CLIENT_HELLO: rext_message = 1;
/// Message: ServerHello, when it is not a HelloRetryRequest.
pub const REXT_SERVER_HELLO: rext_message = 2;
/// Message: HelloRetryRequest.
pub const REXT_HELLO_RETRY_REQUEST: rext_message = 3;
/// Message: EncryptedExtensions.
pub const REXT_ENCRYPTED_EXTENSIONS: rext_message = 4;
/// Message: CertificateRequest.
pub const REXT_CERTIFICATE_REQUEST: rext_message = 5;
/// Message: the server's Certificate, the extensions of its entries.
pub const REXT_SERVER_CERTIFICATE: rext_message = 6;
/// Message: the client's Certificate, the extensions of its entries.
pub const REXT_CLIENT_CERTIFICATE: rext_message = 7;
/// Message: NewSessionTicket.
pub const REXT_NEW_SESSION_TICKET: rext_message = 8;

pub(crate) fn version_of(number: rext_version_number) -> Result<Version, Misuse> {
    match number {
        REXT_TLS12 => Ok(Version::Tls12),
        REXT_TLS13 => Ok(Version::Tls13),
        _ => Err(Misuse::Value("a version, REXT_TLS12 or REXT_TLS13")),
    }
}

pub(crate) fn message_of(number: rext_message) -> Result<Message, Misuse> {
    match number {
        REXT_CLIENT_HELLO => Ok(Message::ClientHello),
        REXT_SERVER_HELLO => Ok(Message::ServerHello),
        REXT_HELLO_RETRY_REQUEST => Ok(Message::HelloRetryRequest),
        REXT_ENCRYPTED_EXTENSIONS => Ok(Message::EncryptedExtensions),
        REXT_CERTIFICATE_REQUEST => Ok(Message::CertificateRequest),
        REXT_SERVER_CERTIFICATE => Ok(Message::ServerCertificate),
        REXT_CLIENT_CERTIFICATE => Ok(Message::ClientCertificate),
        REXT_NEW_SESSION_TICKET => Ok(Message::NewSessionTicket),
        _ => Err(Misuse::Value("a message, REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET")),
    }
}

/// Checks whether the flags that a peer sent in a message are allowed there (FLAGS-4 to FLAGS-6,
/// RCA-4, RCA-5).
///
/// rext_client and rext_server do this themselves; use this function for other flags.
///
/// message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
/// received: its flags; not NULL.
/// answered: the flags of the message that it answers. For the client's Certificate that is the
/// CertificateRequest; for every other message that a server sends before it has finished,
/// including CertificateRequest, it is the ClientHello. NULL for none, as for ClientHello and
/// NewSessionTicket, which answer nothing.
/// numbers: the code points; NULL for the default ones.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_FLAG_MISPLACED with the alert illegal_parameter (47); or a mistake of
/// the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_check_flags(
    message: rext_message,
    received: *const rext_flags,
    answered: *const rext_flags,
    numbers: *const rext_code_points,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let message = message_of(message)?;
        // SAFETY: C callers must meet the documented requirements.
        let received = unsafe { borrow(received) }?.set()?;
        // SAFETY: likewise.
        let answered = unsafe { borrow_if(answered) }?;
        let answered = answered.map_or(Ok(FlagSet::EMPTY), rext_flags::set)?;
        // SAFETY: likewise.
        let numbers = unsafe { code_points(numbers) }?;
        check(message, &received, &answered, &numbers)?;
        Ok(REXT_OK)
    })
}

/// Checks whether client_authentication_request (CARE) with this body is allowed in a message
/// (CARE-1, CARE-3).
///
/// rext_client and rext_server do this themselves.
///
/// message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
/// version: the version of the connection, REXT_TLS12 or REXT_TLS13.
/// body, length: the body of the extension; NULL and 0 if it is empty.
/// offered: not 0 if the ClientHello contained CARE; ignored for ClientHello itself.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; one of REXT_ERR_CARE_... with its alert, illegal_parameter (47) or
/// unsupported_extension (110); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_check_care(
    message: rext_message,
    version: rext_version_number,
    body: *const u8,
    length: usize,
    offered: i32,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let (message, version) = (message_of(message)?, version_of(version)?);
        // SAFETY: C callers must meet the documented requirements.
        let body = unsafe { bytes(body, length) }?;
        check_care(message, version, body, offered != 0)?;
        Ok(REXT_OK)
    })
}

/// Returns the message in which a server echoes CARE (CARE-3).
///
/// version: the version of the connection, REXT_TLS12 or REXT_TLS13.
///
/// Returns: REXT_SERVER_HELLO or REXT_ENCRYPTED_EXTENSIONS; or REXT_ERR_VALUE.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_care_echo_in(version: rext_version_number) -> rext_message {
    match version_of(version).map(echo_in) {
        Ok(Message::ServerHello) => REXT_SERVER_HELLO,
        Ok(_) => REXT_ENCRYPTED_EXTENSIONS,
        Err(_) => crate::status::REXT_ERR_VALUE,
    }
}
