//! The C ABI, called from Rust: so that Miri can watch, too.

mod agrees;
mod objects;
mod statuses;

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use rext::{rext_error, rext_hello, rext_status};

/// What a function says with an error.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub status: rext_status,
    pub alert: u8,
    pub rule: String,
    pub message: String,
}

/// Calls a function with a place for an error: its status, and what it wrote there if that is one.
pub fn call(function: impl FnOnce(*mut rext_error) -> rext_status) -> (rext_status, Option<Said>) {
    let mut error = MaybeUninit::uninit();
    let status = function(error.as_mut_ptr());
    let said = (status < 0).then(|| {
        // SAFETY: written by every function that answers with an error.
        let error = unsafe { error.assume_init() };
        let (rule, message) = (text(&error.rule), text(&error.message));
        Said { status: error.status, alert: error.alert, rule, message }
    });
    (status, said)
}

fn text(text: &[c_char]) -> String {
    // SAFETY: there is a NUL at the end at least.
    unsafe { CStr::from_ptr(text.as_ptr()) }.to_str().unwrap().to_owned()
}

/// A struct of zeros, as in C.
pub fn no_hello() -> rext_hello {
    rext_hello { opaque: [MaybeUninit::new(0); 12] }
}
