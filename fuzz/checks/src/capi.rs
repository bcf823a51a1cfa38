//! The C ABI: functions called in any order, with any pointers and lengths that C may pass. Each
//! returns a status that has a name, and never `REXT_ERR_PANIC`; the parts of a view are within the
//! scanned bytes.
//!
//! Bytes are in allocations of exactly their length, so that a sanitizer finds any access beyond.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};

use arbitrary::{Arbitrary, Result, Unstructured};
use rext::*;

mod objects;
mod views;

/// The number of calls.
const CALLS: usize = 16;
/// The maximum length of a buffer, in bytes.
const LONGEST: usize = 4096;

/// The objects and buffers of a C program.
struct World {
    /// The buffers that pointers point to; kept to the end.
    bytes: Vec<Box<[u8]>>,
    scan: *mut rext_scan,
    scanner: *mut rext_scanner,
    /// All bytes of its ClientHello so far, if they are passed to `rext_scanner_peek`.
    peeked: Option<Vec<u8>>,
    client: *mut rext_client,
    server: *mut rext_server,
    hello: rext_hello,
    list: rext_list,
    /// True if view and list are from the scanner, and so valid until its next call.
    from_scanner: bool,
    flags: rext_flags,
}

const NO_HELLO: rext_hello = rext_hello { opaque: [MaybeUninit::new(0); 12] };
const NO_LIST: rext_list = rext_list { opaque: [MaybeUninit::new(0); 6] };
const NO_BYTES: rext_bytes = rext_bytes { data: null(), length: 0 };

/// Checks the properties of this module; the bytes choose the calls.
pub fn check(bytes: &[u8]) {
    let mut world = World {
        bytes: Vec::new(),
        scan: null_mut(),
        scanner: null_mut(),
        peeked: None,
        client: null_mut(),
        server: null_mut(),
        hello: NO_HELLO,
        list: NO_LIST,
        from_scanner: false,
        flags: rext_flags { body: [0; 256] },
    };
    // If there are too few bytes, there are fewer calls.
    let _ = world.calls(&mut Unstructured::new(bytes));
    // SAFETY: each is from its `_new` function, or null, and not used any more.
    unsafe {
        rext_scanner_free(world.scanner);
        rext_scan_free(world.scan);
        rext_client_free(world.client);
        rext_server_free(world.server);
    }
}

impl World {
    fn calls(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..CALLS {
            match u.int_in_range(0..=9)? {
                0 => self.new_objects(u)?,
                1 | 2 => self.scans(u)?,
                3 => self.feeds(u)?,
                4 => self.views(u)?,
                5 => self.lists(u)?,
                6 => self.sets(u)?,
                7 => self.client_calls(u)?,
                8 => self.server_calls(u)?,
                _ => self.sessions(u)?,
            }
        }
        Ok(())
    }

    /// A pointer to bytes in an allocation of their own, and their number; without bytes, null or a
    /// dangling pointer.
    fn buffer(&mut self, u: &mut Unstructured<'_>, longest: usize) -> Result<(*mut u8, usize)> {
        let length = usize::from(u16::arbitrary(u)?) % (longest + 1);
        let bytes = u.bytes(length.min(u.len()))?;
        Ok(match (bytes, bool::arbitrary(u)?) {
            ([], true) => (null_mut(), 0),
            ([], false) => (NonNull::dangling().as_ptr(), 0),
            (bytes, _) => self.keep(bytes),
        })
    }

    fn keep(&mut self, bytes: &[u8]) -> (*mut u8, usize) {
        self.bytes.push(bytes.into());
        let kept = self.bytes.last_mut().expect("just now");
        (kept.as_mut_ptr(), kept.len())
    }

    /// The body of an extension, often a valid one; `None` without the extension.
    fn body(&mut self, u: &mut Unstructured<'_>) -> Result<Option<rext_bytes>> {
        Ok(match u.int_in_range(0..=3)? {
            0 => None,
            1 => Some(NO_BYTES),
            2 => {
                let (data, length) = self.keep(&[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
                Some(rext_bytes { data, length })
            }
            _ => {
                let (data, length) = self.buffer(u, 300)?;
                Some(rext_bytes { data, length })
            }
        })
    }
}

fn pointer<T>(value: Option<&T>) -> *const T {
    value.map_or(null(), |value| value)
}

/// Calls a function, with or without a `rext_error`, and checks the result.
fn call(
    u: &mut Unstructured<'_>,
    function: impl FnOnce(*mut rext_error) -> rext_status,
) -> Result<rext_status> {
    let mut error = MaybeUninit::<rext_error>::uninit();
    let wanted = bool::arbitrary(u)?;
    let status = function(if wanted { error.as_mut_ptr() } else { null_mut() });
    checked(status);
    if wanted && status < 0 {
        // SAFETY: every function that returns an error writes it.
        let error = unsafe { error.assume_init() };
        assert_eq!(error.status, status);
        assert!(!string(&error.message).is_empty());
        // There is an alert exactly if the peer broke a rule.
        assert_eq!(error.alert == 0, string(&error.rule).is_empty());
    }
    Ok(status)
}

/// Asserts that a status has a name, and is not one that valid pointers and lengths exclude.
fn checked(status: rext_status) -> rext_status {
    let mistakes = [REXT_ERR_NULL, REXT_ERR_ALIGNMENT, REXT_ERR_LENGTH, REXT_ERR_PANIC];
    assert!(!mistakes.contains(&status), "{status}");
    // SAFETY: the name is a constant.
    let name = unsafe { CStr::from_ptr(rext_status_name(status)) };
    assert_ne!(name, c"unknown", "{status}");
    status
}

fn string(text: &[c_char]) -> &str {
    // SAFETY: `c_char` has the layout of `u8`.
    let bytes = unsafe { std::slice::from_raw_parts(text.as_ptr().cast(), text.len()) };
    let text = CStr::from_bytes_until_nul(bytes).expect("a NUL");
    let text = text.to_str().expect("UTF-8");
    assert!(text.is_ascii());
    text
}
