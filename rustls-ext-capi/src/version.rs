//! The version of the library and of its ABI.

use core::ffi::{CStr, c_char};

/// The number of this ABI. Additions do not change it. An incompatible change also changes the
/// soname.
pub const REXT_ABI: u32 = 0;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version without NUL"),
    };

/// Returns the version of the loaded library, such as "0.1.0".
///
/// Returns: a NUL-terminated string, never NULL, that is valid as long as the library is loaded.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the ABI of the loaded library. Compare it with REXT_ABI of the header.
///
/// Returns: the REXT_ABI of the library.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_abi() -> u32 {
    REXT_ABI
}
