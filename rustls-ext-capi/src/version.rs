//! Which library this is.

use core::ffi::{CStr, c_char};

/// The number of this ABI: what is added leaves it as it is; what would break a program that was
/// built against it does not happen without another soname.
pub const REXT_ABI: u32 = 0;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version without NUL"),
    };

/// The version of the library that is loaded, such as "0.1.0".
///
/// Returns: a NUL-terminated string, never NULL, that lives as long as the library is loaded.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The ABI of the library that is loaded, to be compared with REXT_ABI of the header.
///
/// Returns: its REXT_ABI.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_abi() -> u32 {
    REXT_ABI
}
