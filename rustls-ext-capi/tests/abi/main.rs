//! The C ABI, called from Rust, so that Miri can check it.

mod agrees;
mod authenticators;
mod objects;
mod statuses;
mod vectors;

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use rext::{rext_error, rext_hello, rext_status};

/// The content of a `rext_error`.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    pub status: rext_status,
    pub alert: u8,
    pub rule: String,
    pub message: String,
}

/// Calls a function with a `rext_error`. Returns the status, and the error if there is one.
pub fn call(function: impl FnOnce(*mut rext_error) -> rext_status) -> (rext_status, Option<Error>) {
    let mut error = MaybeUninit::uninit();
    let status = function(error.as_mut_ptr());
    let error = (status < 0).then(|| {
        // SAFETY: every function that returns an error writes it.
        let error = unsafe { error.assume_init() };
        let (rule, message) = (text(&error.rule), text(&error.message));
        Error { status: error.status, alert: error.alert, rule, message }
    });
    (status, error)
}

fn text(text: &[c_char]) -> String {
    // SAFETY: it is NUL-terminated.
    unsafe { CStr::from_ptr(text.as_ptr()) }.to_str().unwrap().to_owned()
}

/// A struct of zeros, as in C.
pub fn no_hello() -> rext_hello {
    rext_hello { opaque: [MaybeUninit::new(0); 12] }
}
