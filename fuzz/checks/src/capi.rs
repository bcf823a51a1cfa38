//! The C ABI, its functions called in any order, with any pointers and lengths that C may pass:
//! each answers with a number that has a name, never that there is a bug, and what it shows of a
//! hello lies in the bytes that were scanned.
//!
//! Bytes lie in allocations of just their length, so that a sanitizer finds any access beyond.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};

use arbitrary::{Arbitrary, Result, Unstructured};
use rext::*;

mod objects;
mod views;

/// The most calls, and the most bytes of a buffer.
const CALLS: usize = 16;
const ROOM: usize = 4096;

/// What a C program has at hand.
struct World {
    /// What pointers point to; kept to the end.
    bytes: Vec<Box<[u8]>>,
    scan: *mut rext_scan,
    scanner: *mut rext_scanner,
    /// All that it was shown, if it is shown all each time.
    shown: Option<Vec<u8>>,
    client: *mut rext_client,
    server: *mut rext_server,
    hello: rext_hello,
    list: rext_list,
    /// Whether they are of the scanner, and good until it is called again.
    of_scanner: bool,
    flags: rext_flags,
}

const NO_HELLO: rext_hello = rext_hello { opaque: [MaybeUninit::new(0); 12] };
const NO_LIST: rext_list = rext_list { opaque: [MaybeUninit::new(0); 6] };
const NO_BYTES: rext_bytes = rext_bytes { data: null(), length: 0 };

/// See the module.
pub fn check(bytes: &[u8]) {
    let mut world = World {
        bytes: Vec::new(),
        scan: null_mut(),
        scanner: null_mut(),
        shown: None,
        client: null_mut(),
        server: null_mut(),
        hello: NO_HELLO,
        list: NO_LIST,
        of_scanner: false,
        flags: rext_flags { body: [0; 256] },
    };
    // Too few bytes are fewer calls.
    let _ = world.calls(&mut Unstructured::new(bytes));
    // SAFETY: each is of its function, or null, and not used any more.
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

    /// A pointer to bytes of their own, and how many; for none, null or any pointer.
    fn place(&mut self, u: &mut Unstructured<'_>, most: usize) -> Result<(*mut u8, usize)> {
        let length = usize::from(u16::arbitrary(u)?) % (most + 1);
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

    /// The body of an extension: null for none, often a good one.
    fn body(&mut self, u: &mut Unstructured<'_>) -> Result<Option<rext_bytes>> {
        Ok(match u.int_in_range(0..=3)? {
            0 => None,
            1 => Some(NO_BYTES),
            2 => {
                let (data, length) = self.keep(&[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
                Some(rext_bytes { data, length })
            }
            _ => {
                let (data, length) = self.place(u, 300)?;
                Some(rext_bytes { data, length })
            }
        })
    }
}

fn pointer<T>(value: Option<&T>) -> *const T {
    value.map_or(null(), |value| value)
}

/// Calls a function with a place for an error, or without, and looks at what it says.
fn call(
    u: &mut Unstructured<'_>,
    function: impl FnOnce(*mut rext_error) -> rext_status,
) -> Result<rext_status> {
    let mut error = MaybeUninit::<rext_error>::uninit();
    let wanted = bool::arbitrary(u)?;
    let status = function(if wanted { error.as_mut_ptr() } else { null_mut() });
    plain(status);
    if wanted && status < 0 {
        // SAFETY: it is written where the answer is an error.
        let error = unsafe { error.assume_init() };
        assert_eq!(error.status, status);
        assert!(!words(&error.message).is_empty());
        // An alert is due for who breaks a rule.
        assert_eq!(error.alert == 0, words(&error.rule).is_empty());
    }
    Ok(status)
}

/// A number that a function may answer with, if no pointer is one that may not be.
fn plain(status: rext_status) -> rext_status {
    let mistakes = [REXT_ERR_NULL, REXT_ERR_ALIGNMENT, REXT_ERR_LENGTH, REXT_ERR_PANIC];
    assert!(!mistakes.contains(&status), "{status}");
    // SAFETY: a name is a constant.
    let name = unsafe { CStr::from_ptr(rext_status_name(status)) };
    assert_ne!(name, c"unknown", "{status}");
    status
}

fn words(text: &[c_char]) -> &str {
    // SAFETY: they are bytes.
    let bytes = unsafe { std::slice::from_raw_parts(text.as_ptr().cast(), text.len()) };
    let text = CStr::from_bytes_until_nul(bytes).expect("words that end");
    let text = text.to_str().expect("words");
    assert!(text.is_ascii());
    text
}
