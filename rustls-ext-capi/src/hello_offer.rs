//! What a ClientHello says of an offer to authenticate.

use rustls_ext_wire::Flag;

use crate::error::rext_error;
use crate::fence::{fence, out};
use crate::flags::{rext_flags, yes_or_no};
use crate::hello::rext_hello;
use crate::status::rext_status;

/// The flags of the extension tls_flags.
///
/// Only a server that negotiates TLS 1.3 ends the connection when they are malformed; with anything
/// older, the extension is ignored, whatever is in it (FLAGS-9). That is why a scan does not look.
///
/// hello: not NULL.
/// flags: where to; not NULL. Written on REXT_YES and REXT_NO.
/// error: NULL, or where to say what is wrong.
///
/// Returns: REXT_YES; REXT_NO, and the set without a flag, without the extension; one of
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
        // SAFETY: C's part is in the documentation.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        let set = unsafe { crate::hello::hello(hello) }?.flags()?;
        flags.set(rext_flags::of(&set.clone().unwrap_or_default()));
        Ok(yes_or_no(set.is_some()))
    })
}

/// Whether a flag is set in the extension tls_flags, such as request_client_auth, by which a client
/// says that it has a certificate at hand. It is a wish, never a credential: anybody can set it.
///
/// hello: not NULL.
/// flag: 0 to REXT_FLAG_MAX; 80 is request_client_auth by default.
/// error: NULL, or where to say what is wrong.
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
        // SAFETY: C's part is in the documentation.
        let set = unsafe { crate::hello::hello(hello) }?.flags()?;
        Ok(yes_or_no(set.is_some_and(|set| set.contains(flag))))
    })
}

/// Whether the extension client_authentication_request (CARE) is there, with the number of the code
/// points with which the hello was scanned. A wish, as the flag.
///
/// hello: not NULL.
/// error: NULL, or where to say what is wrong.
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
        // SAFETY: C's part is in the documentation.
        let hello = unsafe { crate::hello::hello(hello) }?;
        Ok(yes_or_no(hello.care()?))
    })
}
