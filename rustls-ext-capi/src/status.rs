//! The numbers that functions answer with.

use core::ffi::{CStr, c_char};

/// What a function answers: 0 or above for an answer, below 0 for an error.
///
/// A number never changes its meaning, and none is ever used again for another. Later versions may
/// answer with errors that are not listed here: treat every number below 0 as an error.
pub type rext_status = i32;

/// Status, of a function that does something: it is done.
pub const REXT_OK: rext_status = 0;
/// Status, of a function that asks something: no, or there is none, or no more.
pub const REXT_NO: rext_status = 0;
/// Status, of a function that asks something: yes, or there is one.
pub const REXT_YES: rext_status = 1;
/// Status, of a scan: the octets are the beginning of what may become a ClientHello.
pub const REXT_INCOMPLETE: rext_status = 2;

/// A mistake of the caller: a pointer is NULL that must not be.
pub const REXT_ERR_NULL: rext_status = -1;
/// A mistake of the caller: a pointer is not aligned for what it points to.
pub const REXT_ERR_ALIGNMENT: rext_status = -2;
/// A mistake of the caller: a number is not one of those that the function knows.
pub const REXT_ERR_VALUE: rext_status = -3;
/// A mistake of the caller: a length is greater than any object's.
pub const REXT_ERR_LENGTH: rext_status = -4;
/// A buffer of the caller's has no room for the result.
pub const REXT_ERR_BUFFER: rext_status = -5;
/// A mistake of the caller: a struct was not filled by the function that fills it.
pub const REXT_ERR_UNSET: rext_status = -6;
/// Another extension, or another flag, has one of the numbers.
pub const REXT_ERR_TAKEN: rext_status = -7;
/// There is not enough memory.
pub const REXT_ERR_MEMORY: rext_status = -8;
/// A bug in this library. The connection is to be ended; the objects of the call are to be freed,
/// and not used for anything else.
pub const REXT_ERR_PANIC: rext_status = -9;
/// Octets that are no session record of a version known here. Nobody's fault: the session does not
/// resume (RES-7).
pub const REXT_ERR_RECORD: rext_status = -10;

/// Not TLS, but DTLS. No TLS alert says anything to who sent it, as with the next three.
pub const REXT_ERR_DTLS: rext_status = -20;
/// Not TLS, but SSL 2, or something newer in its clothes (RFC 6176).
pub const REXT_ERR_SSL2: rext_status = -21;
/// Not TLS, but a protocol of words, such as HTTP.
pub const REXT_ERR_TEXT: rext_status = -22;
/// Not TLS, but something else.
pub const REXT_ERR_NOT_TLS: rext_status = -23;

/// Scan: a record that does not belong to a handshake comes first. RFC 8446 section 5.
pub const REXT_ERR_UNEXPECTED_RECORD: rext_status = -30;
/// Scan: a record of another type amid the hello. RFC 8446 section 5.1.
pub const REXT_ERR_INTERLEAVED: rext_status = -31;
/// Scan: a record after the first has a version that does not begin with 3. RFC 8446 section 5.1.
pub const REXT_ERR_RECORD_VERSION: rext_status = -32;
/// Scan: a record of length zero. RFC 8446 section 5.1.
pub const REXT_ERR_EMPTY_RECORD: rext_status = -33;
/// Scan: a record of more than 16384 octets. RFC 8446 section 5.1.
pub const REXT_ERR_RECORD_TOO_LONG: rext_status = -34;
/// Scan: more in its record after the hello. RFC 8446 section 5.1.
pub const REXT_ERR_NOT_ALIGNED: rext_status = -35;
/// Scan: the message is not a ClientHello. RFC 8446 section 4.
pub const REXT_ERR_UNEXPECTED_MESSAGE: rext_status = -36;
/// Scan: the message is longer than is allowed, or than there is room for.
pub const REXT_ERR_MESSAGE_TOO_LONG: rext_status = -37;
/// Scan: the message is too short for a ClientHello. RFC 8446 section 4.1.2.
pub const REXT_ERR_MESSAGE_TOO_SHORT: rext_status = -38;
/// Scan: a part of the message is not of the form that it must have; the error's message says
/// which, and its rule where that is laid down.
pub const REXT_ERR_MALFORMED: rext_status = -39;
/// Scan: an extension for the second time. RFC 8446 section 4.2.
pub const REXT_ERR_DUPLICATE_EXTENSION: rext_status = -40;
/// Scan: an extension after pre_shared_key. RFC 8446 section 4.2.11.
pub const REXT_ERR_AFTER_PRE_SHARED_KEY: rext_status = -41;
/// Scan: not as many binders as identities in pre_shared_key. RFC 8446 section 4.2.11.
pub const REXT_ERR_BINDER_COUNT: rext_status = -42;

/// tls_flags: the body is empty. FLAGS-3.
pub const REXT_ERR_FLAGS_NO_LENGTH: rext_status = -60;
/// tls_flags: the list is empty. FLAGS-3.
pub const REXT_ERR_FLAGS_EMPTY_LIST: rext_status = -61;
/// tls_flags: fewer octets than the length says. FLAGS-3.
pub const REXT_ERR_FLAGS_TRUNCATED: rext_status = -62;
/// tls_flags: more octets than the length says. FLAGS-3.
pub const REXT_ERR_FLAGS_TRAILING_OCTETS: rext_status = -63;
/// tls_flags: no flag is set. FLAGS-2.
pub const REXT_ERR_FLAGS_NONE_SET: rext_status = -64;
/// tls_flags: the last octet is zero. FLAGS-2.
pub const REXT_ERR_FLAGS_TRAILING_ZERO: rext_status = -65;
/// A flag in a message in which it may not stand. FLAGS-4, FLAGS-5, RCA-4 or RCA-5.
pub const REXT_ERR_FLAG_MISPLACED: rext_status = -66;

/// CARE has a body. CARE-1.
pub const REXT_ERR_CARE_NOT_EMPTY: rext_status = -70;
/// CARE answers one that was not sent. CARE-3.
pub const REXT_ERR_CARE_UNSOLICITED: rext_status = -71;
/// CARE in a message in which it may not stand. CARE-3.
pub const REXT_ERR_CARE_MISPLACED: rext_status = -72;

/// The second ClientHello does not offer what the first did. FLAGS-12.
pub const REXT_ERR_SECOND_HELLO_DIFFERS: rext_status = -80;

/// A fault of the peer for which this version has no number of its own. The error has the rule, the
/// alert and the message, as with all.
pub const REXT_ERR_OTHER: rext_status = -99;

/// The name of a status in this header, without "REXT_" and "ERR_", in lower case.
///
/// status: any number. 0 is "ok", and one that is not listed here is "unknown".
///
/// Returns: a NUL-terminated string, never NULL, that lives as long as the library is loaded.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_status_name(status: rext_status) -> *const c_char {
    name(status).as_ptr()
}

const fn name(status: rext_status) -> &'static CStr {
    match status {
        REXT_OK => c"ok",
        REXT_YES => c"yes",
        REXT_INCOMPLETE => c"incomplete",
        REXT_ERR_NULL => c"null",
        REXT_ERR_ALIGNMENT => c"alignment",
        REXT_ERR_VALUE => c"value",
        REXT_ERR_LENGTH => c"length",
        REXT_ERR_BUFFER => c"buffer",
        REXT_ERR_UNSET => c"unset",
        REXT_ERR_TAKEN => c"taken",
        REXT_ERR_MEMORY => c"memory",
        REXT_ERR_PANIC => c"panic",
        REXT_ERR_RECORD => c"record",
        REXT_ERR_DTLS => c"dtls",
        REXT_ERR_SSL2 => c"ssl2",
        REXT_ERR_TEXT => c"text",
        REXT_ERR_NOT_TLS => c"not_tls",
        REXT_ERR_UNEXPECTED_RECORD => c"unexpected_record",
        REXT_ERR_INTERLEAVED => c"interleaved",
        REXT_ERR_RECORD_VERSION => c"record_version",
        REXT_ERR_EMPTY_RECORD => c"empty_record",
        REXT_ERR_RECORD_TOO_LONG => c"record_too_long",
        REXT_ERR_NOT_ALIGNED => c"not_aligned",
        REXT_ERR_UNEXPECTED_MESSAGE => c"unexpected_message",
        REXT_ERR_MESSAGE_TOO_LONG => c"message_too_long",
        REXT_ERR_MESSAGE_TOO_SHORT => c"message_too_short",
        REXT_ERR_MALFORMED => c"malformed",
        REXT_ERR_DUPLICATE_EXTENSION => c"duplicate_extension",
        REXT_ERR_AFTER_PRE_SHARED_KEY => c"after_pre_shared_key",
        REXT_ERR_BINDER_COUNT => c"binder_count",
        REXT_ERR_FLAGS_NO_LENGTH => c"flags_no_length",
        REXT_ERR_FLAGS_EMPTY_LIST => c"flags_empty_list",
        REXT_ERR_FLAGS_TRUNCATED => c"flags_truncated",
        REXT_ERR_FLAGS_TRAILING_OCTETS => c"flags_trailing_octets",
        REXT_ERR_FLAGS_NONE_SET => c"flags_none_set",
        REXT_ERR_FLAGS_TRAILING_ZERO => c"flags_trailing_zero",
        REXT_ERR_FLAG_MISPLACED => c"flag_misplaced",
        REXT_ERR_CARE_NOT_EMPTY => c"care_not_empty",
        REXT_ERR_CARE_UNSOLICITED => c"care_unsolicited",
        REXT_ERR_CARE_MISPLACED => c"care_misplaced",
        REXT_ERR_SECOND_HELLO_DIFFERS => c"second_hello_differs",
        REXT_ERR_OTHER => c"other",
        _ => c"unknown",
    }
}
