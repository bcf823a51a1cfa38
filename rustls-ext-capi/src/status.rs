//! The status numbers that functions return.

use core::ffi::{CStr, c_char};

/// The status of a function: 0 or above for a result, below 0 for an error.
///
/// A number never changes its meaning, and is never reused. Later versions may return errors that
/// are not listed here: treat every number below 0 as an error.
pub type rext_status = i32;

/// Status: success.
pub const REXT_OK: rext_status = 0;
/// Status of a query: no, none, or no more.
pub const REXT_NO: rext_status = 0;
/// Status of a query: yes, or there is one.
pub const REXT_YES: rext_status = 1;
/// Status of a scan: the bytes are the beginning of a possible ClientHello.
pub const REXT_INCOMPLETE: rext_status = 2;

/// A mistake of the caller: a pointer that must not be NULL is NULL.
pub const REXT_ERR_NULL: rext_status = -1;
/// A mistake of the caller: a pointer is not aligned for its type.
pub const REXT_ERR_ALIGNMENT: rext_status = -2;
/// A mistake of the caller: an argument does not have one of the values that the function accepts.
pub const REXT_ERR_VALUE: rext_status = -3;
/// A mistake of the caller: a length is greater than any object can be.
pub const REXT_ERR_LENGTH: rext_status = -4;
/// A buffer of the caller is too short for the result.
pub const REXT_ERR_BUFFER: rext_status = -5;
/// A mistake of the caller: a struct was not filled by a function of this library.
pub const REXT_ERR_UNSET: rext_status = -6;
/// Another extension or flag has one of the numbers.
pub const REXT_ERR_TAKEN: rext_status = -7;
/// There is not enough memory.
pub const REXT_ERR_MEMORY: rext_status = -8;
/// A bug in this library. End the connection, free the objects of the call, and do not use them for
/// anything else.
pub const REXT_ERR_PANIC: rext_status = -9;
/// The bytes are not a session record of a known version. Do a full handshake; this is not a fault
/// of the client (RES-7).
pub const REXT_ERR_RECORD: rext_status = -10;

/// A callback of the caller failed.
pub const REXT_ERR_CALLBACK: rext_status = -11;

/// Not TLS, but DTLS. As for the next three, send no alert: the client does not understand TLS
/// alerts.
pub const REXT_ERR_DTLS: rext_status = -20;
/// Not TLS, but SSL 2, or a newer version in an SSL 2 ClientHello (RFC 6176).
pub const REXT_ERR_SSL2: rext_status = -21;
/// Not TLS, but a text protocol, such as HTTP.
pub const REXT_ERR_TEXT: rext_status = -22;
/// Not TLS, but something else.
pub const REXT_ERR_NOT_TLS: rext_status = -23;

/// Scan: a record that does not belong to a handshake comes first. RFC 8446 section 5.
pub const REXT_ERR_UNEXPECTED_RECORD: rext_status = -30;
/// Scan: a record of another type between two records of the same ClientHello. RFC 8446 section
/// 5.1.
pub const REXT_ERR_INTERLEAVED: rext_status = -31;
/// Scan: a record after the first has a version that does not begin with 3. RFC 8446 section 5.1.
pub const REXT_ERR_RECORD_VERSION: rext_status = -32;
/// Scan: a record of length zero. RFC 8446 section 5.1.
pub const REXT_ERR_EMPTY_RECORD: rext_status = -33;
/// Scan: a record of more than 16384 bytes. RFC 8446 section 5.1.
pub const REXT_ERR_RECORD_TOO_LONG: rext_status = -34;
/// Scan: the record continues after the end of the ClientHello. RFC 8446 section 5.1.
pub const REXT_ERR_NOT_ALIGNED: rext_status = -35;
/// Scan: the message is not a ClientHello. RFC 8446 section 4.
pub const REXT_ERR_UNEXPECTED_MESSAGE: rext_status = -36;
/// Scan: the message is longer than the limit, or than the buffer.
pub const REXT_ERR_MESSAGE_TOO_LONG: rext_status = -37;
/// Scan: the message is too short for a ClientHello. RFC 8446 section 4.1.2.
pub const REXT_ERR_MESSAGE_TOO_SHORT: rext_status = -38;
/// Scan: a part of the message does not have the required format. The error's message names the
/// part, and its rule the section that specifies the format.
pub const REXT_ERR_MALFORMED: rext_status = -39;
/// Scan: an extension occurs twice. RFC 8446 section 4.2.
pub const REXT_ERR_DUPLICATE_EXTENSION: rext_status = -40;
/// Scan: an extension after pre_shared_key. RFC 8446 section 4.2.11.
pub const REXT_ERR_AFTER_PRE_SHARED_KEY: rext_status = -41;
/// Scan: the numbers of binders and of identities in pre_shared_key differ. RFC 8446 section
/// 4.2.11.
pub const REXT_ERR_BINDER_COUNT: rext_status = -42;

/// tls_flags: the body is empty. FLAGS-3.
pub const REXT_ERR_FLAGS_NO_LENGTH: rext_status = -60;
/// tls_flags: the list is empty. FLAGS-3.
pub const REXT_ERR_FLAGS_EMPTY_LIST: rext_status = -61;
/// tls_flags: the list has fewer bytes than its length. FLAGS-3.
pub const REXT_ERR_FLAGS_TRUNCATED: rext_status = -62;
/// tls_flags: bytes follow the list. FLAGS-3.
pub const REXT_ERR_FLAGS_TRAILING_BYTES: rext_status = -63;
/// tls_flags: no flag is set. FLAGS-2.
pub const REXT_ERR_FLAGS_NONE_SET: rext_status = -64;
/// tls_flags: the last byte is zero. FLAGS-2.
pub const REXT_ERR_FLAGS_TRAILING_ZERO: rext_status = -65;
/// A flag is in a message in which it is not allowed. FLAGS-4, FLAGS-5, RCA-4 or RCA-5.
pub const REXT_ERR_FLAG_MISPLACED: rext_status = -66;

/// CARE is not empty. CARE-1.
pub const REXT_ERR_CARE_NOT_EMPTY: rext_status = -70;
/// CARE is in an answer, but the client did not send it. CARE-3.
pub const REXT_ERR_CARE_UNSOLICITED: rext_status = -71;
/// CARE is in a message in which it is not allowed. CARE-3.
pub const REXT_ERR_CARE_MISPLACED: rext_status = -72;

/// The second ClientHello does not repeat the offer of the first. FLAGS-12.
pub const REXT_ERR_SECOND_HELLO_DIFFERS: rext_status = -80;

/// The origin hint is in another message than ClientHello. WIO-1.
pub const REXT_ERR_ORIGINS_MISPLACED: rext_status = -90;
/// The origin hint is not a list of strings. WIO-2.
pub const REXT_ERR_ORIGINS_MALFORMED: rext_status = -91;
/// The second ClientHello does not repeat the origin hint of the first. WIO-7.
pub const REXT_ERR_ORIGINS_CHANGED: rext_status = -92;

/// A fault of the peer that has no number in this version. The error has its rule, alert and
/// message.
pub const REXT_ERR_OTHER: rext_status = -99;

/// Authenticator request: it is another message, or a part of it does not have the required format.
/// EA-2; EA-4 for signature_algorithms.
pub const REXT_ERR_REQUEST_MALFORMED: rext_status = -100;
/// Authenticator request: signature_algorithms is missing. EA-4.
pub const REXT_ERR_REQUEST_NO_SCHEMES: rext_status = -101;
/// Authenticator request: an extension occurs twice, or is not allowed in it. EA-4.
pub const REXT_ERR_REQUEST_EXTENSION: rext_status = -102;
/// List of authenticator requests: it is empty, a length does not fit, or a request in it is
/// malformed. SCC-4.
pub const REXT_ERR_REQUEST_LIST: rext_status = -103;

/// Authenticator: it has another message, or a part of it does not have the required format. EA-2.
pub const REXT_ERR_AUTHENTICATOR_MALFORMED: rext_status = -110;
/// Authenticator: its Certificate has no entries. EA-10.
pub const REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE: rext_status = -111;
/// Authenticator: it is empty, but there was no request. EA-5.
pub const REXT_ERR_AUTHENTICATOR_EMPTY: rext_status = -112;
/// Authenticator: its context is not that of the request. EA-6.
pub const REXT_ERR_AUTHENTICATOR_CONTEXT: rext_status = -113;
/// Authenticator: its MAC is wrong. It is for another connection, direction or request, or was
/// changed; or a proxy between client and server terminates TLS. EA-9.
pub const REXT_ERR_AUTHENTICATOR_MAC: rext_status = -114;
/// Authenticator: its Certificate has an extension that is not allowed, that the request did not
/// have, or twice. EA-6.
pub const REXT_ERR_AUTHENTICATOR_EXTENSION: rext_status = -115;
/// Authenticator: the request does not list its signature scheme, or TLS 1.3 does not allow it.
/// EA-7.
pub const REXT_ERR_AUTHENTICATOR_SCHEME: rext_status = -116;
/// Authenticator: its signature does not verify. EA-8.
pub const REXT_ERR_AUTHENTICATOR_SIGNATURE: rext_status = -117;

/// Context of a request: it was used before on this connection. EA-3.
pub const REXT_ERR_CONTEXT_REPEATED: rext_status = -120;
/// Context of a request: this connection has had too many requests. EA-3.
pub const REXT_ERR_CONTEXT_FULL: rext_status = -121;
/// Context of a request: there was no request with it. EA-11.
pub const REXT_ERR_CONTEXT_NOT_REQUESTED: rext_status = -122;
/// Context of a request: the request has been answered. EA-11.
pub const REXT_ERR_CONTEXT_ANSWERED: rext_status = -123;

/// Returns the name of a status in lower case, without "REXT_" and "ERR_".
///
/// status: any number. 0 is "ok", and one that is not listed here is "unknown".
///
/// Returns: a NUL-terminated string, never NULL, that is valid as long as the library is loaded.
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
        REXT_ERR_CALLBACK => c"callback",
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
        REXT_ERR_FLAGS_TRAILING_BYTES => c"flags_trailing_bytes",
        REXT_ERR_FLAGS_NONE_SET => c"flags_none_set",
        REXT_ERR_FLAGS_TRAILING_ZERO => c"flags_trailing_zero",
        REXT_ERR_FLAG_MISPLACED => c"flag_misplaced",
        REXT_ERR_CARE_NOT_EMPTY => c"care_not_empty",
        REXT_ERR_CARE_UNSOLICITED => c"care_unsolicited",
        REXT_ERR_CARE_MISPLACED => c"care_misplaced",
        REXT_ERR_SECOND_HELLO_DIFFERS => c"second_hello_differs",
        REXT_ERR_ORIGINS_MISPLACED => c"origins_misplaced",
        REXT_ERR_ORIGINS_MALFORMED => c"origins_malformed",
        REXT_ERR_ORIGINS_CHANGED => c"origins_changed",
        REXT_ERR_OTHER => c"other",
        REXT_ERR_REQUEST_MALFORMED => c"request_malformed",
        REXT_ERR_REQUEST_NO_SCHEMES => c"request_no_schemes",
        REXT_ERR_REQUEST_EXTENSION => c"request_extension",
        REXT_ERR_REQUEST_LIST => c"request_list",
        REXT_ERR_AUTHENTICATOR_MALFORMED => c"authenticator_malformed",
        REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE => c"authenticator_no_certificate",
        REXT_ERR_AUTHENTICATOR_EMPTY => c"authenticator_empty",
        REXT_ERR_AUTHENTICATOR_CONTEXT => c"authenticator_context",
        REXT_ERR_AUTHENTICATOR_MAC => c"authenticator_mac",
        REXT_ERR_AUTHENTICATOR_EXTENSION => c"authenticator_extension",
        REXT_ERR_AUTHENTICATOR_SCHEME => c"authenticator_scheme",
        REXT_ERR_AUTHENTICATOR_SIGNATURE => c"authenticator_signature",
        REXT_ERR_CONTEXT_REPEATED => c"context_repeated",
        REXT_ERR_CONTEXT_FULL => c"context_full",
        REXT_ERR_CONTEXT_NOT_REQUESTED => c"context_not_requested",
        REXT_ERR_CONTEXT_ANSWERED => c"context_answered",
        _ => c"unknown",
    }
}
