//! The configurable numbers on the wire.

use rustls_ext_wire::{CodePoints, Flag};

use crate::error::rext_error;
use crate::fence::{borrow, borrow_if, fence, out};
use crate::refusal::Refusal;
use crate::status::{REXT_OK, rext_status};

/// The numbers of the extensions and the flag on the wire. Client and server of a connection must
/// use the same numbers.
///
/// They are configurable because they are not final. rext_code_points_default() fills in the
/// default ones, which functions also use if they get NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_code_points {
    /// The extension tls_flags; 62 by default (IANA), 0xfe01 in the public experiment.
    pub tls_flags: u16,
    /// The flag request_client_auth, 0 to 2039; 80 by default.
    pub request_client_auth: u16,
    /// The extension client_authentication_request (CARE); 0xffca by default, which is for private
    /// use (RFC 8447). 0 disables CARE: an extension with its number is then treated as unknown.
    pub care: u16,
    /// The extension workload_identifier_origin_hint; 0xffcb by default, which is for private use.
    /// 0 disables it: an extension with its number is then treated as unknown.
    pub origin_hint: u16,
}

impl rext_code_points {
    fn parse(self) -> Result<CodePoints, Refusal> {
        let points = CodePoints::new(self.tls_flags, Flag::new(self.request_client_auth)?)?;
        // Each may have the default number of the other.
        let points = points.without_care().without_origin_hint();
        let points = match self.care {
            0 => points,
            care => points.with_care(care)?,
        };
        match self.origin_hint {
            0 => Ok(points),
            number => Ok(points.with_origin_hint(number)?),
        }
    }
}

/// The code points at `from`; the default ones if it is null.
///
/// # Safety
/// `from` meets the requirements of [`borrow_if`].
pub(crate) unsafe fn code_points(from: *const rext_code_points) -> Result<CodePoints, Refusal> {
    // SAFETY: required of this function's caller.
    let points = unsafe { borrow_if(from) }?;
    points.map_or(Ok(CodePoints::DEFAULT), |points| points.parse())
}

/// Fills in the default numbers: 62, 80, 0xffca and 0xffcb.
///
/// numbers: receives them; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller (REXT_ERR_NULL, REXT_ERR_ALIGNMENT).
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_code_points_default(numbers: *mut rext_code_points) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let numbers = unsafe { out(numbers) }?;
        let points = CodePoints::DEFAULT;
        numbers.set(rext_code_points {
            tls_flags: points.tls_flags(),
            request_client_auth: points.request_client_auth().get(),
            care: points.care().unwrap_or(0),
            origin_hint: points.origin_hint().unwrap_or(0),
        });
        Ok(REXT_OK)
    })
}

/// Checks whether the numbers are allowed. Every function that takes code points does the same;
/// this one is for checking a configuration early.
///
/// numbers: not NULL.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_TAKEN if another extension or flag uses one of the numbers, assigned
/// by IANA, by GREASE (RFC 8701) or in practice, or if two of them are the same; REXT_ERR_VALUE if
/// the flag is above 2039; or another mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_code_points_check(
    numbers: *const rext_code_points,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        unsafe { borrow(numbers) }?.parse().map(|_| REXT_OK)
    })
}
