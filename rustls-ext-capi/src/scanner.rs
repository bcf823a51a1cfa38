//! Scans bytes that arrive in pieces.

use core::ptr::NonNull;

use rustls_ext_wire::Scanner;

use crate::error::rext_error;
use crate::fence::{borrow_mut, bytes, fence, release, room};
use crate::hello::rext_hello;
use crate::scan::{Places, make, rext_scan, scan};
use crate::status::rext_status;

/// A scan of a stream whose bytes arrive in pieces.
///
/// Its work is linear in the length of the data, however the client divides the data into records
/// and however few bytes arrive at a time. The result is the same as for all bytes at once. After a
/// refusal, every later call returns the same refusal. After a ClientHello, the scanner is ready
/// for a second one, which a client sends when it gets a HelloRetryRequest.
pub struct rext_scanner(Scanner<Buffer>);

/// The caller's buffer.
struct Buffer {
    data: NonNull<u8>,
    length: usize,
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: by the requirements of `rext_scanner_new`, the buffer is valid, and only the
        // scanner uses it, until the scanner is freed. Pointer and length are those of a checked
        // slice.
        unsafe { core::slice::from_raw_parts_mut(self.data.as_ptr(), self.length) }
    }
}

/// Makes a scanner.
///
/// scan: NULL for the default one. It may be freed before the scanner.
/// buffer, length: the buffer in which a ClientHello is assembled. Its length limits that of a
/// ClientHello without its header, if it is less than the scan's limit; 4096 bytes are enough for
/// current clients. The caller frees it, and must not use it until the scanner is freed. NULL and 0
/// for no buffer: every ClientHello is then refused as too long.
/// scanner: receives the scanner; not NULL. Free it with rext_scanner_free().
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK, REXT_ERR_MEMORY, or a mistake of the caller. After an error, the scanner that
/// is received is NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scanner_new(
    scan: *const rext_scan,
    buffer: *mut u8,
    length: usize,
    scanner: *mut *mut rext_scanner,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let new = || {
            // SAFETY: C callers must meet the documented requirements.
            let scan = unsafe { self::scan(scan) }?;
            // SAFETY: likewise.
            let buffer = NonNull::from(unsafe { room(buffer, length) }?);
            let buffer = Buffer { data: buffer.cast(), length };
            Ok(rext_scanner(scan.scanner(buffer)))
        };
        // SAFETY: likewise.
        unsafe { make(scanner, new) }
    })
}

/// Frees a scanner, but not its buffer. Views that point into the buffer are valid as long as the
/// buffer.
///
/// scanner: from rext_scanner_new(), which must not be used any more; with NULL, nothing happens.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scanner_free(scanner: *mut rext_scanner) {
    // SAFETY: C callers must meet the documented requirements.
    unsafe { release(scanner) }
}

/// Takes the bytes that arrived since the last call.
///
/// scanner: not NULL.
/// bytes, length: the bytes; NULL and 0 for none. They must not overlap with the scanner's buffer.
/// hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes if they
/// are a complete ClientHello in one record, and into the scanner's buffer otherwise: so it is
/// valid until the next call with that scanner.
/// count: as for rext_scan_records(), but on REXT_OK it counts the bytes of all calls since the
/// last ClientHello.
/// error: receives the error; may be NULL.
///
/// Returns: as for rext_scan_records().
///
/// Threads: one at a time per scanner.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scanner_feed(
    scanner: *mut rext_scanner,
    bytes: *const u8,
    length: usize,
    hello: *mut rext_hello,
    count: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let to = unsafe { Places::of(hello, count) }?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        // SAFETY: likewise.
        let scanner = unsafe { borrow_mut(scanner) }?;
        to.answer(scanner.0.feed(bytes))
    })
}

/// Takes all bytes from the beginning of the ClientHello, including those of earlier calls. For
/// callers that store the bytes anyway, for example to pass them on. Bytes of earlier calls are not
/// read again, except for those of an incomplete last record. Use either this function or
/// rext_scanner_feed() with a scanner, not both.
///
/// scanner: not NULL.
/// bytes, length: all bytes so far; NULL and 0 for none. They must not overlap with the scanner's
/// buffer.
/// hello: as for rext_scanner_feed(); it points into bytes if the ClientHello is in one record.
/// count: as for rext_scan_records().
/// error: receives the error; may be NULL.
///
/// Returns: as for rext_scan_records().
///
/// Threads: one at a time per scanner.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scanner_peek(
    scanner: *mut rext_scanner,
    bytes: *const u8,
    length: usize,
    hello: *mut rext_hello,
    count: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let to = unsafe { Places::of(hello, count) }?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        // SAFETY: likewise.
        let scanner = unsafe { borrow_mut(scanner) }?;
        to.answer(scanner.0.peek(bytes))
    })
}
