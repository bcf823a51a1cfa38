//! The offer to authenticate in a ClientHello.

use rustls_ext_wire::Flag;

use crate::error::rext_error;
use crate::fence::{fence, out};
use crate::flags::{rext_flags, yes_or_no};
use crate::hello::rext_hello;
use crate::status::rext_status;

/// Returns the flags of the extension tls_flags.
///
/// Only a server that negotiates TLS 1.3 ends the connection if they are malformed; under older
/// versions the extension is ignored, whatever it contains (FLAGS-9). That is why a scan does not
/// check it.
///
/// hello: not NULL.
/// flags: receives the flags; not NULL. Written only on REXT_YES and REXT_NO.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_YES; REXT_NO, and the empty set, without the extension; one of
/// REXT_ERR_FLAGS_..., with the alert illegal_parameter (47); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_flags(
    hello: *const rext_hello,
    flags: *mut rext_flags,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        let set = unsafe { crate::hello::hello(hello) }?.flags()?;
        flags.set(rext_flags::of(&set.clone().unwrap_or_default()));
        Ok(yes_or_no(set.is_some()))
    })
}

/// Returns REXT_YES if a flag is set in the extension tls_flags, such as request_client_auth, by
/// which a client offers to authenticate. An offer is never a credential: any client can send it.
///
/// hello: not NULL.
/// flag: 0 to REXT_FLAG_MAX; 80 is request_client_auth by default.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_YES; REXT_NO, also without the extension; one of REXT_ERR_FLAGS_..., see
/// rext_hello_flags(); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_has_flag(
    hello: *const rext_hello,
    flag: u16,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let flag = Flag::new(flag)?;
        // SAFETY: C callers must meet the documented requirements.
        let set = unsafe { crate::hello::hello(hello) }?.flags()?;
        Ok(yes_or_no(set.is_some_and(|set| set.contains(flag))))
    })
}

/// Returns REXT_YES if the extension client_authentication_request (CARE) is present, under its
/// number in the code points of the scan. Like the flag, it is an offer, never a credential.
///
/// hello: not NULL.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_YES; REXT_NO; REXT_ERR_CARE_NOT_EMPTY (CARE-1), with the alert illegal_parameter
/// (47); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_has_care(
    hello: *const rext_hello,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let hello = unsafe { crate::hello::hello(hello) }?;
        Ok(yes_or_no(hello.care()?))
    })
}
