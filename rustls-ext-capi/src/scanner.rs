//! A look at octets that come little by little.

use core::ptr::NonNull;

use rustls_ext_wire::Scanner;

use crate::error::rext_error;
use crate::fence::{borrow_mut, fence, octets, release, room};
use crate::hello::rext_hello;
use crate::scan::{Places, make, rext_scan, scan};
use crate::status::rext_status;

/// A scan of a stream whose octets come little by little.
///
/// What a client can make it do is linear in what the client sends, however it cuts that into
/// records and however few octets come at a time. The answer is the same as with all the octets at
/// once. After a refusal, it is that refusal again whatever comes. After a hello, it stands at the
/// beginning of another one: a client has a second to send when it gets a HelloRetryRequest.
pub struct rext_scanner(Scanner<Buffer>);

/// The caller's buffer.
struct Buffer {
    data: NonNull<u8>,
    length: usize,
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: `rext_scanner_new` has it that the buffer is there and the scanner's as long as
        // that lives, and took the parts of it from such a slice.
        unsafe { core::slice::from_raw_parts_mut(self.data.as_ptr(), self.length) }
    }
}

/// Makes a scanner.
///
/// scan: NULL for the default one. It need not live as long as the scanner.
/// buffer, length: where to put a hello together; the most octets that a hello can have, without
/// its header, if that is less than the scan's limit. 4096 are enough for clients of today. It is
/// the caller's to free, and until the scanner is freed nobody else's to change. NULL and 0 for
/// none: no hello is then short enough.
/// scanner: where to put the scanner; not NULL. Free it with rext_scanner_free().
/// error: NULL, or where to say what is wrong.
///
/// Returns: REXT_OK, REXT_ERR_MEMORY, or a mistake of the caller. NULL is put into scanner, if there
/// is a scanner, whenever it is not REXT_OK.
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
            // SAFETY: C's part is in the documentation.
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

/// Frees a scanner, and leaves its buffer to the caller. Views that point into the buffer are good
/// as long as that is.
///
/// scanner: of rext_scanner_new(), and not used any more; NULL does nothing.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scanner_free(scanner: *mut rext_scanner) {
    // SAFETY: C's part is in the documentation.
    unsafe { release(scanner) }
}

/// Takes the octets that came since the last call.
///
/// scanner: not NULL.
/// octets, length: the octets; NULL and 0 for none. They may not overlap with the scanner's buffer.
/// hello: where to put the view; not NULL. Written on REXT_OK only, and then points into octets, if
/// they are a whole hello in one record, or into the scanner's buffer: so it is good until the next
/// call with that scanner.
/// count: as of rext_scan_records(), but on REXT_OK the octets of all calls since the last hello.
/// error: NULL, or where to say what is wrong.
///
/// Returns: as rext_scan_records().
///
/// Threads: one at a time per scanner.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scanner_feed(
    scanner: *mut rext_scanner,
    octets: *const u8,
    length: usize,
    hello: *mut rext_hello,
    count: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C's part is in the documentation.
        let to = unsafe { Places::of(hello, count) }?;
        // SAFETY: likewise.
        let octets = unsafe { self::octets(octets, length) }?;
        // SAFETY: likewise.
        let scanner = unsafe { borrow_mut(scanner) }?;
        to.answer(scanner.0.feed(octets))
    })
}

/// Looks at all octets from the beginning of the hello, at those of earlier calls too. For those who
/// keep them anyway, as one who will pass them on does. Octets of earlier calls are not looked at
/// again, except for the last record's if it is not whole. One scanner is for this or for
/// rext_scanner_feed(), not for both.
///
/// scanner: not NULL.
/// octets, length: all octets so far; NULL and 0 for none. They may not overlap with the scanner's
/// buffer.
/// hello: as of rext_scanner_feed(); it points into octets whenever the hello lies in one record.
/// count: as of rext_scan_records().
/// error: NULL, or where to say what is wrong.
///
/// Returns: as rext_scan_records().
///
/// Threads: one at a time per scanner.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scanner_peek(
    scanner: *mut rext_scanner,
    octets: *const u8,
    length: usize,
    hello: *mut rext_hello,
    count: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C's part is in the documentation.
        let to = unsafe { Places::of(hello, count) }?;
        // SAFETY: likewise.
        let octets = unsafe { self::octets(octets, length) }?;
        // SAFETY: likewise.
        let scanner = unsafe { borrow_mut(scanner) }?;
        to.answer(scanner.0.peek(octets))
    })
}
