//! Sets of TLS flags.

use rustls_ext_wire::{Flag, FlagSet};

use crate::bytes::rext_bytes;
use crate::error::rext_error;
use crate::fence::{borrow, borrow_mut, fence, octets, out};
use crate::refusal::{Misuse, Refusal};
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// The highest number of a flag: what 255 octets have room for.
pub const REXT_FLAG_MAX: u16 = 2039;

/// A set of TLS flags (draft-ietf-tls-tlsflags-16), as the body of the extension that carries it.
/// The caller makes room for it; set to zero, it is the set without a flag.
///
/// It owns nothing and may be copied. Change it by functions only: what is not the body of an
/// extension is REXT_ERR_UNSET.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_flags {
    /// The number of octets of flags, and these; what follows does not count.
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

/// Reads the body of an extension tls_flags that a peer sent.
///
/// Whether the flags may stand in their message says rext_check_flags().
///
/// body, length: the octets; NULL and 0 for none.
/// flags: where to; not NULL. Written on REXT_OK only.
/// error: NULL, or where to say what is wrong.
///
/// Returns: REXT_OK; one of REXT_ERR_FLAGS_... when the body breaks FLAGS-2 or FLAGS-3, always with
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
        // SAFETY: C's part is in the documentation.
        let flags = unsafe { out(flags) }?;
        // SAFETY: likewise.
        let set = FlagSet::decode(unsafe { octets(body, length) }?)?;
        flags.set(rext_flags::of(&set));
        Ok(REXT_OK)
    })
}

/// The body of an extension tls_flags that carries the set, in the shortest form (FLAGS-1): 2 to
/// 256 octets.
///
/// flags: not NULL.
/// body: where to put the octets; not NULL. They are those of flags, and there as long as that is.
///
/// Returns: REXT_YES; REXT_NO, and no octets, for the set without a flag, for which the extension
/// is left out (FLAGS-8); or a mistake of the caller.
///
/// Threads: any, if none changes the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_body(
    flags: *const rext_flags,
    body: *mut rext_bytes,
) -> rext_status {
    fence!({
        // SAFETY: C's part is in the documentation.
        let body = unsafe { out(body) }?;
        // SAFETY: likewise.
        let flags = unsafe { borrow(flags) }?;
        flags.set()?; // or there is no telling what octets these are
        match flags.body() {
            Some(octets) => {
                body.set(octets.into());
                Ok(REXT_YES)
            }
            None => {
                body.set(rext_bytes::NONE);
                Ok(REXT_NO)
            }
        }
    })
}

/// Adds a flag to a set; that it is there already is no error.
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
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { change(flags, flag, FlagSet::insert) })
}

/// Takes a flag out of a set; that it is not there is no error.
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
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { change(flags, flag, FlagSet::remove) })
}

/// # Safety
/// As of [`borrow_mut`].
unsafe fn change(
    flags: *mut rext_flags,
    flag: u16,
    how: fn(&mut FlagSet, Flag) -> bool,
) -> Result<rext_status, Refusal> {
    // SAFETY: as of this function.
    let flags = unsafe { borrow_mut(flags) }?;
    let mut set = flags.set()?;
    how(&mut set, Flag::new(flag)?);
    *flags = rext_flags::of(&set);
    Ok(REXT_OK)
}

/// Whether a flag is in a set.
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
        // SAFETY: C's part is in the documentation.
        let set = unsafe { borrow(flags) }?.set()?;
        Ok(yes_or_no(set.contains(Flag::new(flag)?)))
    })
}

/// The lowest flag of a set that is not below another number: with 0 the first of all, and with one
/// more than the last answer the next.
///
/// flags: not NULL.
/// from: where to begin; above REXT_FLAG_MAX there is none.
/// flag: where to put it; not NULL. Written on REXT_YES only.
///
/// Returns: REXT_YES; REXT_NO when there is none; or a mistake of the caller.
///
/// Threads: any, if none changes the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_flags_next(
    flags: *const rext_flags,
    from: u16,
    flag: *mut u16,
) -> rext_status {
    fence!({
        // SAFETY: C's part is in the documentation.
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
