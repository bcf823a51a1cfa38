//! What stands between C and the rest: pointers become references here and nowhere else, errors
//! become numbers, and no panic goes any further.

use core::mem;
use core::panic::AssertUnwindSafe;
use core::ptr::NonNull;
use std::panic::catch_unwind;

use crate::error::rext_error;
use crate::refusal::{Misuse, Refusal};
use crate::status::rext_status;

/// Runs what a function of the C ABI is to do.
///
/// A panic is a bug of this library; it ends here as [`Misuse::Panic`]. Where the program is built
/// with `panic = "abort"`, it ends the process instead: it never unwinds into C.
///
/// # Safety
/// `error` is null, or valid for a write.
pub(crate) unsafe fn run(
    error: *mut rext_error,
    body: impl FnOnce() -> Result<rext_status, Refusal>,
) -> rext_status {
    // What a closure borrows is not looked at again after a panic, except through handles: those
    // are plain data, which no half-done call leaves in a state that harms.
    let refusal = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => return status,
        Ok(Err(refusal)) => refusal,
        Err(payload) => {
            mem::forget(payload); // its destructor could panic, too
            Misuse::Panic.into()
        }
    };
    // SAFETY: as of this function. If the pointer is no good, there is nowhere to say so.
    if let Ok(Some(out)) = unsafe { out_if(error) } {
        out.set(rext_error::of(&refusal));
    }
    refusal.status()
}

/// The body of a function of the C ABI behind [`run`]; with a place for an error, or without.
///
/// The body may use the function's pointers as its documentation says that C passes them.
macro_rules! fence {
    ($error:expr, $body:expr) => {{
        let body = || $body;
        // SAFETY: the function's documentation says that it is NULL, or valid for a write.
        unsafe { $crate::fence::run($error, body) }
    }};
    ($body:expr) => {
        fence!(core::ptr::null_mut(), $body)
    };
}
pub(crate) use fence;

/// A place for a result.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    pub(crate) fn set(self, value: T) {
        // SAFETY: whoever made it with `out` vouched for the place.
        unsafe { self.0.write(value) }
    }
}

/// The place for a result that must have one.
///
/// # Safety
/// `to` is null, or valid for a write for as long as the result is used.
pub(crate) unsafe fn out<T>(to: *mut T) -> Result<Out<T>, Misuse> {
    let to = NonNull::new(to).ok_or(Misuse::Null)?;
    if to.is_aligned() { Ok(Out(to)) } else { Err(Misuse::Alignment) }
}

/// The place for a result that nobody need want.
///
/// # Safety
/// As of [`out`].
pub(crate) unsafe fn out_if<T>(to: *mut T) -> Result<Option<Out<T>>, Misuse> {
    // SAFETY: as of this function.
    if to.is_null() { Ok(None) } else { unsafe { out(to) }.map(Some) }
}

/// What a pointer points to.
///
/// # Safety
/// `from` is null, or points to a value that nobody changes during `'a`.
pub(crate) unsafe fn borrow<'a, T>(from: *const T) -> Result<&'a T, Misuse> {
    if !from.is_null() && !from.is_aligned() {
        return Err(Misuse::Alignment);
    }
    // SAFETY: as of this function.
    unsafe { from.as_ref() }.ok_or(Misuse::Null)
}

/// The same, if there is something.
///
/// # Safety
/// As of [`borrow`].
pub(crate) unsafe fn borrow_if<'a, T>(from: *const T) -> Result<Option<&'a T>, Misuse> {
    // SAFETY: as of this function.
    if from.is_null() { Ok(None) } else { unsafe { borrow(from) }.map(Some) }
}

/// What a pointer points to, to change it.
///
/// # Safety
/// `from` is null, or points to a value that nobody else uses during `'a`.
pub(crate) unsafe fn borrow_mut<'a, T>(from: *mut T) -> Result<&'a mut T, Misuse> {
    if !from.is_null() && !from.is_aligned() {
        return Err(Misuse::Alignment);
    }
    // SAFETY: as of this function.
    unsafe { from.as_mut() }.ok_or(Misuse::Null)
}

/// Octets; none may be anywhere.
///
/// # Safety
/// `data` is null, or points to `length` octets that nobody changes during `'a`.
pub(crate) unsafe fn octets<'a>(data: *const u8, length: usize) -> Result<&'a [u8], Misuse> {
    check(data, length)?;
    // SAFETY: as of this function; `check` saw to the rest.
    if length == 0 { Ok(&[]) } else { Ok(unsafe { core::slice::from_raw_parts(data, length) }) }
}

/// Room for octets; none may be anywhere.
///
/// # Safety
/// `data` is null, or points to `length` octets that nobody else uses during `'a`.
pub(crate) unsafe fn room<'a>(data: *mut u8, length: usize) -> Result<&'a mut [u8], Misuse> {
    check(data, length)?;
    match length {
        0 => Ok(&mut []),
        // SAFETY: as of this function; `check` saw to the rest.
        _ => Ok(unsafe { core::slice::from_raw_parts_mut(data, length) }),
    }
}

/// What a slice asks of its parts, besides what only the caller can know.
fn check(data: *const u8, length: usize) -> Result<(), Misuse> {
    match (data.is_null(), isize::try_from(length)) {
        (true, Ok(1..)) => Err(Misuse::Null),
        (_, Err(_)) => Err(Misuse::Length),
        _ => Ok(()),
    }
}

/// Puts a value on the heap and hands it over; [`release`] takes it back.
pub(crate) fn hand_over<T>(value: T) -> Result<*mut T, Misuse> {
    const { assert!(size_of::<T>() > 0) };
    let layout = std::alloc::Layout::new::<T>();
    // SAFETY: the layout has a size.
    let place = unsafe { std::alloc::alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(Misuse::Memory); // `Box` would end the process
    }
    // SAFETY: it was allocated for a `T` just now.
    unsafe { place.write(value) };
    Ok(place)
}

/// Ends a value that [`hand_over`] made; null is nothing.
///
/// # Safety
/// `value` is null, or of `hand_over` and not used any more.
pub(crate) unsafe fn release<T>(value: *mut T) {
    if !value.is_null() {
        // SAFETY: allocated with the layout of a `T`, as a `Box` does, and ours again.
        drop(unsafe { Box::from_raw(value) });
    }
}

#[cfg(test)]
#[allow(clippy::panic)] // it is what they are about
mod tests {
    use super::*;
    use crate::status::{REXT_ERR_PANIC, REXT_OK};

    #[test]
    fn a_panic_goes_no_further() {
        let mut error = core::mem::MaybeUninit::<rext_error>::uninit();
        let status = fence!(error.as_mut_ptr(), panic!("a bug"));
        assert_eq!(status, REXT_ERR_PANIC);
        // SAFETY: it was written, since the status is an error.
        let error = unsafe { error.assume_init() };
        assert_eq!((error.status, error.alert), (REXT_ERR_PANIC, 0));
        // SAFETY: there is a NUL in it.
        let message = unsafe { core::ffi::CStr::from_ptr(error.message.as_ptr()) };
        assert_eq!(message, c"a bug in this library");

        assert_eq!(fence!(panic!("another")), REXT_ERR_PANIC);
        assert_eq!(fence!(Ok(REXT_OK)), REXT_OK);
    }

    #[test]
    fn a_panic_that_panics_when_it_is_dropped_goes_no_further() {
        struct Grenade;
        impl Drop for Grenade {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let throw = || -> Result<rext_status, Refusal> { std::panic::panic_any(Grenade) };
        assert_eq!(fence!(throw()), REXT_ERR_PANIC);
    }
}
