//! Borrowed bytes.

use crate::fence::bytes;
use crate::refusal::Misuse;

/// Borrowed bytes. The function that takes or returns them documents who owns them, and how long
/// they must stay valid.
///
/// Without bytes, length is 0, and data may be NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_bytes {
    /// The first byte.
    pub data: *const u8,
    /// The number of bytes.
    pub length: usize,
}

impl rext_bytes {
    pub(crate) const NONE: Self = Self { data: core::ptr::null(), length: 0 };

    /// # Safety
    /// The bytes are valid, and do not change during `'a`.
    pub(crate) unsafe fn get<'a>(self) -> Result<&'a [u8], Misuse> {
        // SAFETY: required of this function's caller.
        unsafe { bytes(self.data, self.length) }
    }
}

impl From<&[u8]> for rext_bytes {
    fn from(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), length: bytes.len() }
    }
}
