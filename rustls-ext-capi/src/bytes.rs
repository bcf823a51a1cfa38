//! Octets that somebody else owns.

use crate::fence::octets;
use crate::refusal::Misuse;

/// Octets that somebody else owns: whose, and for how long, says the function that has them.
///
/// No octets are { NULL, 0 }, or any pointer and 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_bytes {
    /// The first.
    pub data: *const u8,
    /// How many.
    pub length: usize,
}

impl rext_bytes {
    pub(crate) const NONE: Self = Self { data: core::ptr::null(), length: 0 };

    /// # Safety
    /// The octets are there, and nobody changes them during `'a`.
    pub(crate) unsafe fn get<'a>(self) -> Result<&'a [u8], Misuse> {
        // SAFETY: as of this function.
        unsafe { octets(self.data, self.length) }
    }
}

impl From<&[u8]> for rext_bytes {
    fn from(octets: &[u8]) -> Self {
        Self { data: octets.as_ptr(), length: octets.len() }
    }
}
