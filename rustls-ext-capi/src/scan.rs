//! A look at octets that are all there.

use rustls_ext_wire::{Answer, CodePoints, Scan};

use crate::code_points::{code_points, rext_code_points};
use crate::error::rext_error;
use crate::fence::{Out, borrow_if, fence, hand_over, octets, out, out_if, release, room};
use crate::hello::rext_hello;
use crate::refusal::{Misuse, Refusal};
use crate::status::{REXT_INCOMPLETE, REXT_OK, rext_status};

/// How to scan: with which code points and limit. It does not change, so any number of threads may
/// use one at once. NULL in its place is a scan with the default code points and no other limit
/// than the protocol's.
pub struct rext_scan(pub(crate) Scan);

/// The scan that is meant by null.
static DEFAULT: Scan = Scan::new(&CodePoints::DEFAULT);

/// # Safety
/// As of [`borrow_if`].
pub(crate) unsafe fn scan<'a>(from: *const rext_scan) -> Result<&'a Scan, Misuse> {
    // SAFETY: as of this function.
    Ok(unsafe { borrow_if(from) }?.map_or(&DEFAULT, |scan| &scan.0))
}

/// Makes a scan.
///
/// numbers: NULL for the default ones.
/// max_message: the most octets that a ClientHello may have, without the header of the message; 0
/// for 65535, which also is the most that is allowed. Those of today's clients have 200 to 2000.
/// scan: where to put the scan; not NULL. Free it with rext_scan_free().
/// error: NULL, or where to say what is wrong.
///
/// Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that cannot be used, or a limit
/// above 65535; REXT_ERR_MEMORY; or another mistake of the caller. NULL is put into scan, if there
/// is a scan, whenever it is not REXT_OK.
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
            // SAFETY: C's part is in the documentation.
            let scan = Scan::new(&unsafe { code_points(numbers) }?);
            match max_message {
                0 => Ok(rext_scan(scan)),
                1..=Scan::LONGEST => Ok(rext_scan(scan.max_message(max_message))),
                _ => Err(Misuse::Value("limits, which go up to 65535").into()),
            }
        };
        // SAFETY: likewise.
        unsafe { make(scan, new) }
    })
}

/// Makes an object and hands it over, or null if that fails.
///
/// # Safety
/// `to` as of [`out`].
pub(crate) unsafe fn make<T>(
    to: *mut *mut T,
    object: impl FnOnce() -> Result<T, Refusal>,
) -> Result<rext_status, Refusal> {
    // SAFETY: as of this function.
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

/// Frees a scan. Scanners that were made of it go on.
///
/// scan: of rext_scan_new(), and not used any more; NULL does nothing.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_free(scan: *mut rext_scan) {
    // SAFETY: C's part is in the documentation.
    unsafe { release(scan) }
}

/// Looks at octets as they come off a socket, from the first on, for a ClientHello.
///
/// Records and messages are checked to the end; what is wrong is found as soon as it shows. Time is
/// linear in the octets. A hello in one record, as nearly always, is looked at where it is; one over
/// several records (RFC 8446 section 5.1) is put together in scratch.
///
/// When the answer is REXT_INCOMPLETE, call again with more octets, from the first on. It then
/// begins anew: wait for as many as are needed, so that a client cannot make it do that for each
/// octet, or use a rext_scanner, which goes on from where it was.
///
/// scan: NULL for the default one.
/// octets, length: the octets; NULL and 0 for none.
/// scratch, scratch_length: room for a hello over several records, without its header; 4096 octets
/// are enough for clients of today. NULL and 0 for none: these are then refused as too long. It may
/// not overlap with the octets.
/// hello: where to put the view; not NULL. Written on REXT_OK only, and then points into octets or
/// scratch.
/// count: NULL, or where to put a number: on REXT_OK, how many octets the hello took, from the first
/// on (what follows was not looked at); on REXT_INCOMPLETE, how many octets more it takes at least.
/// error: NULL, or where to say what is wrong.
///
/// Returns: REXT_OK; REXT_INCOMPLETE; REXT_ERR_DTLS to REXT_ERR_NOT_TLS, without an alert;
/// REXT_ERR_UNEXPECTED_RECORD to REXT_ERR_BINDER_COUNT, with the alert that a server must send; or a
/// mistake of the caller.
///
/// Threads: any, with a scratch of their own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_records(
    scan: *const rext_scan,
    octets: *const u8,
    length: usize,
    scratch: *mut u8,
    scratch_length: usize,
    hello: *mut rext_hello,
    count: *mut usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C's part is in the documentation.
        let to = unsafe { Places::of(hello, count) }?;
        // SAFETY: likewise.
        let scan = unsafe { self::scan(scan) }?;
        // SAFETY: likewise.
        let octets = unsafe { self::octets(octets, length) }?;
        // SAFETY: likewise.
        let scratch = unsafe { room(scratch, scratch_length) }?;
        to.answer(scan.records(octets, scratch))
    })
}

/// Looks at a handshake message for a ClientHello: four octets of header, and the body. That is what
/// some TLS stacks hand over, and what QUIC has in CRYPTO frames.
///
/// scan: NULL for the default one.
/// octets, length: the octets; NULL and 0 for none.
/// hello: where to put the view; not NULL. Written on REXT_OK only, and then points into octets.
/// count: as of rext_scan_records().
/// error: NULL, or where to say what is wrong.
///
/// Returns: as rext_scan_records().
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_handshake(
    scan: *const rext_scan,
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
        let scan = unsafe { self::scan(scan) }?;
        // SAFETY: likewise.
        to.answer(scan.handshake(unsafe { self::octets(octets, length) }?))
    })
}

/// Looks at the body of a ClientHello, without the header of the message: what other TLS stacks hand
/// over.
///
/// scan: NULL for the default one.
/// octets, length: the octets; NULL and 0 for none.
/// hello: where to put the view; not NULL. Written on REXT_OK only, and then points into octets.
/// error: NULL, or where to say what is wrong.
///
/// Returns: as rext_scan_records(), but never REXT_INCOMPLETE.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_scan_body(
    scan: *const rext_scan,
    octets: *const u8,
    length: usize,
    hello: *mut rext_hello,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C's part is in the documentation.
        let to = unsafe { Places::of(hello, core::ptr::null_mut()) }?;
        // SAFETY: likewise.
        let scan = unsafe { self::scan(scan) }?;
        // SAFETY: likewise.
        to.answer(scan.body(unsafe { self::octets(octets, length) }?))
    })
}

/// Where the answer of a scan goes.
pub(crate) struct Places {
    hello: Out<rext_hello>,
    count: Option<Out<usize>>,
}

impl Places {
    /// # Safety
    /// As of [`out`], each.
    pub(crate) unsafe fn of(hello: *mut rext_hello, count: *mut usize) -> Result<Self, Misuse> {
        // SAFETY: as of this function.
        let hello = unsafe { out(hello) }?;
        // SAFETY: likewise.
        let count = unsafe { out_if(count) }?;
        Ok(Self { hello, count })
    }

    pub(crate) fn answer(self, answer: Answer<'_>) -> Result<rext_status, Refusal> {
        let (status, number) = match answer {
            Answer::Hello { hello, octets } => {
                self.hello.set(rext_hello::of(hello));
                (REXT_OK, octets)
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
