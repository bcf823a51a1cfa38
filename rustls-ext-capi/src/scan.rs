//! Scans bytes for a ClientHello, in one call.

use rustls_ext_wire::{Answer, CodePoints, Scan};

use crate::code_points::{code_points, rext_code_points};
use crate::error::rext_error;
use crate::fence::{Out, borrow_if, bytes, fence, hand_over, out, out_if, release, room};
use crate::hello::rext_hello;
use crate::refusal::{Misuse, Refusal};
use crate::status::{REXT_INCOMPLETE, REXT_OK, rext_status};

/// A parser for ClientHellos, with its code points and its limit. It does not change, so any number
/// of threads may use it at once. Where a function takes NULL instead, it uses the default code
/// points, and a limit of 65535 bytes.
pub struct rext_scan(pub(crate) Scan);

/// The scan that functions use for null.
static DEFAULT: Scan = Scan::new(&CodePoints::DEFAULT);

/// The scan at `from`; the default one if it is null.
///
/// # Safety
/// `from` meets the requirements of [`borrow_if`].
pub(crate) unsafe fn scan<'a>(from: *const rext_scan) -> Result<&'a Scan, Misuse> {
    // SAFETY: required of this function's caller.
    Ok(unsafe { borrow_if(from) }?.map_or(&DEFAULT, |scan| &scan.0))
}

/// Makes a scan.
///
/// numbers: the code points; NULL for the default ones.
/// max_message: the limit for the length of a ClientHello in bytes, without the header of the
/// message; at most 65535, which is also the meaning of 0. ClientHellos of current clients have 200
/// to 2000.
/// scan: receives the scan; not NULL. Free it with rext_scan_free().
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that are not allowed;
/// REXT_ERR_VALUE for a limit above 65535; REXT_ERR_MEMORY; or another mistake of the caller. After
/// an error, the scan that is received is NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_new(
    numbers: *const rext_code_points,
    max_message: usize,
    scan: *mut *mut rext_scan,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let new = || {
            // SAFETY: C callers must meet the documented requirements.
            let scan = Scan::new(&unsafe { code_points(numbers) }?);
            match max_message {
                0 => Ok(rext_scan(scan)),
                1..=Scan::LONGEST => Ok(rext_scan(scan.max_message(max_message))),
                _ => Err(Misuse::Value("a limit, at most 65535").into()),
            }
        };
        // SAFETY: likewise.
        unsafe { make(scan, new) }
    })
}

/// Makes an object, and writes a pointer that owns it to `to`; null if that fails.
///
/// # Safety
/// `to` meets the requirements of [`out`].
pub(crate) unsafe fn make<T>(
    to: *mut *mut T,
    object: impl FnOnce() -> Result<T, Refusal>,
) -> Result<rext_status, Refusal> {
    // SAFETY: required of this function's caller.
    let out = unsafe { out(to) }?;
    match object().and_then(|object| Ok(hand_over(object)?)) {
        Ok(object) => {
            out.set(object);
            Ok(REXT_OK)
        }
        Err(refusal) => {
            out.set(core::ptr::null_mut());
            Err(refusal)
        }
    }
}

/// Frees a scan. Scanners that were made from it stay valid.
///
/// scan: from rext_scan_new(), which must not be used any more; with NULL, nothing happens.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_free(scan: *mut rext_scan) {
    // SAFETY: C callers must meet the documented requirements.
    unsafe { release(scan) }
}

/// Scans bytes for a ClientHello as they arrive from a socket, from the first on.
///
/// Records and the message are checked completely, and a fault is reported at the first byte that
/// shows it. Time is linear in the number of bytes. A ClientHello in one record, as it nearly
/// always is, is read in place; one over several records (RFC 8446 section 5.1) is assembled in
/// scratch.
///
/// If the result is REXT_INCOMPLETE, call this again with more bytes, from the first on. It then
/// starts anew. So wait for as many bytes as are needed, so that a client cannot cause a new scan
/// for each byte, or use a rext_scanner, which continues from its last position.
///
/// scan: NULL for the default one.
/// bytes, length: the bytes; NULL and 0 for none.
/// scratch, scratch_length: a buffer for a ClientHello over several records, without its header;
/// 4096 bytes are enough for current clients. NULL and 0 for none: such ClientHellos are then
/// refused as too long. It must not overlap with the bytes.
/// hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes or
/// scratch.
/// count: receives on REXT_OK the number of bytes that the ClientHello took, from the first on
/// (later bytes were not read), and on REXT_INCOMPLETE the minimum number of further bytes; may be
/// NULL.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_INCOMPLETE; REXT_ERR_DTLS to REXT_ERR_NOT_TLS, without an alert;
/// REXT_ERR_UNEXPECTED_RECORD to REXT_ERR_BINDER_COUNT, with the alert that a server must send; or
/// a mistake of the caller.
///
/// Threads: any, each with its own scratch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_records(
    scan: *const rext_scan,
    bytes: *const u8,
    length: usize,
    scratch: *mut u8,
    scratch_length: usize,
    hello: *mut rext_hello,
    count: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let to = unsafe { Places::of(hello, count) }?;
        // SAFETY: likewise.
        let scan = unsafe { self::scan(scan) }?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        // SAFETY: likewise.
        let scratch = unsafe { room(scratch, scratch_length) }?;
        to.answer(scan.records(bytes, scratch))
    })
}

/// Scans a handshake message: a header of four bytes, and the body. Some TLS stacks provide this
/// form, and QUIC has it in CRYPTO frames.
///
/// scan: NULL for the default one.
/// bytes, length: the bytes; NULL and 0 for none.
/// hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes.
/// count: as for rext_scan_records().
/// error: receives the error; may be NULL.
///
/// Returns: as for rext_scan_records().
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_handshake(
    scan: *const rext_scan,
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
        let scan = unsafe { self::scan(scan) }?;
        // SAFETY: likewise.
        to.answer(scan.handshake(unsafe { self::bytes(bytes, length) }?))
    })
}

/// Scans the body of a ClientHello, without the header of the message: the form that other TLS
/// stacks provide.
///
/// scan: NULL for the default one.
/// bytes, length: the bytes; NULL and 0 for none.
/// hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes.
/// error: receives the error; may be NULL.
///
/// Returns: as for rext_scan_records(), but never REXT_INCOMPLETE.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_body(
    scan: *const rext_scan,
    bytes: *const u8,
    length: usize,
    hello: *mut rext_hello,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let to = unsafe { Places::of(hello, core::ptr::null_mut()) }?;
        // SAFETY: likewise.
        let scan = unsafe { self::scan(scan) }?;
        // SAFETY: likewise.
        to.answer(scan.body(unsafe { self::bytes(bytes, length) }?))
    })
}

/// The pointers for the answer of a scan.
pub(crate) struct Places {
    hello: Out<rext_hello>,
    count: Option<Out<usize>>,
}

impl Places {
    /// # Safety
    /// Each meets the requirements of [`out`].
    pub(crate) unsafe fn of(hello: *mut rext_hello, count: *mut usize) -> Result<Self, Misuse> {
        // SAFETY: required of this function's caller.
        let hello = unsafe { out(hello) }?;
        // SAFETY: likewise.
        let count = unsafe { out_if(count) }?;
        Ok(Self { hello, count })
    }

    pub(crate) fn answer(self, answer: Answer<'_>) -> Result<rext_status, Refusal> {
        let (status, number) = match answer {
            Answer::Hello { hello, length } => {
                self.hello.set(rext_hello::of(hello));
                (REXT_OK, length)
            }
            Answer::Incomplete { needed } => (REXT_INCOMPLETE, needed.get()),
            Answer::NotTls(what) => return Err(what.into()),
            Answer::Malformed(error) => return Err(error.into()),
        };
        if let Some(count) = self.count {
            count.set(number);
        }
        Ok(status)
    }
}
