//! Sets of TLS flags.

use rustls_ext_wire::{Flag, FlagSet};

use crate::bytes::rext_bytes;
use crate::error::rext_error;
use crate::fence::{borrow, borrow_mut, bytes, fence, out};
use crate::refusal::{Misuse, Refusal};
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// The highest number of a flag: the last bit of 255 bytes.
pub const REXT_FLAG_MAX: u16 = 2039;

/// A set of TLS flags (draft-ietf-tls-tlsflags-16), stored as the body of the extension that
/// carries it. The caller provides the struct; all zeros are the empty set.
///
/// It owns nothing, and may be copied. Change it only by functions of this library: they return
/// REXT_ERR_UNSET if it does not contain a valid body.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_flags {
    /// The number of bytes of flags, followed by those bytes; the rest is unused.
    pub body: [u8; 256],
}

impl rext_flags {
    pub(crate) fn of(set: &FlagSet) -> Self {
        let mut flags = Self { body: [0; 256] };
        for (to, from) in flags.body.iter_mut().zip(set.body().unwrap_or_default()) {
            *to = *from;
        }
        flags
    }

    pub(crate) fn set(&self) -> Result<FlagSet, Misuse> {
        match self.body() {
            None => Ok(FlagSet::EMPTY),
            Some(body) => FlagSet::decode(body).map_err(|_| Misuse::Unset),
        }
    }

    fn body(&self) -> Option<&[u8]> {
        let length = usize::from(*self.body.first()?);
        self.body.get(..length + 1).filter(|_| length > 0)
    }
}

/// Decodes the body of an extension tls_flags that a peer sent.
///
/// rext_check_flags() checks whether the flags are allowed in their message.
///
/// body, length: the body; NULL and 0 if it is empty.
/// flags: receives the set; not NULL. Written only on REXT_OK.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; one of REXT_ERR_FLAGS_... if the body breaks FLAGS-2 or FLAGS-3, always with
/// the alert illegal_parameter (47); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_decode(
    body: *const u8,
    length: usize,
    flags: *mut rext_flags,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        let set = FlagSet::decode(unsafe { bytes(body, length) }?)?;
        flags.set(rext_flags::of(&set));
        Ok(REXT_OK)
    })
}

/// Returns the body of the extension tls_flags that carries a set, in the shortest form (FLAGS-1):
/// 2 to 256 bytes.
///
/// flags: not NULL.
/// body: receives the bytes; not NULL. They are part of flags, and valid as long as it is.
///
/// Returns: REXT_YES; REXT_NO, and no bytes, for the empty set, for which the extension is not sent
/// (FLAGS-8); or a mistake of the caller.
///
/// Threads: any, if none changes the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_body(
    flags: *const rext_flags,
    body: *mut rext_bytes,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let body = unsafe { out(body) }?;
        // SAFETY: likewise.
        let flags = unsafe { borrow(flags) }?;
        flags.set()?; // checks that it contains a valid body
        match flags.body() {
            Some(bytes) => {
                body.set(bytes.into());
                Ok(REXT_YES)
            }
            None => {
                body.set(rext_bytes::NONE);
                Ok(REXT_NO)
            }
        }
    })
}

/// Adds a flag to a set. It is not an error if the set already contains it.
///
/// flags: not NULL.
/// flag: 0 to REXT_FLAG_MAX.
///
/// Returns: REXT_OK; or a mistake of the caller, which changes nothing: REXT_ERR_VALUE for a flag
/// above REXT_FLAG_MAX.
///
/// Threads: one at a time per set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_insert(flags: *mut rext_flags, flag: u16) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { change(flags, flag, FlagSet::insert) })
}

/// Removes a flag from a set. It is not an error if the set does not contain it.
///
/// flags: not NULL.
/// flag: 0 to REXT_FLAG_MAX.
///
/// Returns: REXT_OK; or a mistake of the caller, which changes nothing: REXT_ERR_VALUE for a flag
/// above REXT_FLAG_MAX.
///
/// Threads: one at a time per set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_remove(flags: *mut rext_flags, flag: u16) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { change(flags, flag, FlagSet::remove) })
}

/// # Safety
/// `flags` meets the requirements of [`borrow_mut`].
unsafe fn change(
    flags: *mut rext_flags,
    flag: u16,
    how: fn(&mut FlagSet, Flag) -> bool,
) -> Result<rext_status, Refusal> {
    // SAFETY: required of this function's caller.
    let flags = unsafe { borrow_mut(flags) }?;
    let mut set = flags.set()?;
    how(&mut set, Flag::new(flag)?);
    *flags = rext_flags::of(&set);
    Ok(REXT_OK)
}

/// Returns REXT_YES if a set contains a flag.
///
/// flags: not NULL.
/// flag: 0 to REXT_FLAG_MAX.
///
/// Returns: REXT_YES, REXT_NO, or a mistake of the caller: REXT_ERR_VALUE for a flag above
/// REXT_FLAG_MAX.
///
/// Threads: any, if none changes the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_contains(flags: *const rext_flags, flag: u16) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let set = unsafe { borrow(flags) }?.set()?;
        Ok(yes_or_no(set.contains(Flag::new(flag)?)))
    })
}

/// Returns the lowest flag of a set that is at least a given number. To iterate, begin with 0, and
/// continue with the last result plus 1.
///
/// flags: not NULL.
/// from: the lowest number to return; no flag is above REXT_FLAG_MAX.
/// flag: receives the flag; not NULL. Written only on REXT_YES.
///
/// Returns: REXT_YES; REXT_NO if there is none; or a mistake of the caller.
///
/// Threads: any, if none changes the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_next(
    flags: *const rext_flags,
    from: u16,
    flag: *mut u16,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let flag = unsafe { out(flag) }?;
        // SAFETY: likewise.
        let set = unsafe { borrow(flags) }?.set()?;
        match set.iter().find(|flag| flag.get() >= from) {
            Some(found) => {
                flag.set(found.get());
                Ok(REXT_YES)
            }
            None => Ok(REXT_NO),
        }
    })
}

pub(crate) const fn yes_or_no(yes: bool) -> rext_status {
    if yes { REXT_YES } else { REXT_NO }
}

const _: () = assert!(REXT_FLAG_MAX == Flag::MAX.get());
