//! The boundary to C: the only place where pointers become references, errors become numbers, and
//! panics are caught.

use core::mem;
use core::panic::AssertUnwindSafe;
use core::ptr::NonNull;
use std::panic::catch_unwind;

use crate::error::rext_error;
use crate::refusal::{Misuse, Refusal};
use crate::status::rext_status;

/// Runs the body of a function of the C ABI.
///
/// A panic is a bug of this library, and is returned as [`Misuse::Panic`]. If the program is built
/// with `panic = "abort"`, it ends the process instead. It never unwinds into C.
///
/// # Safety
/// `error` is null, or valid for a write.
pub(crate) unsafe fn run(
    error: *mut rext_error,
    body: impl FnOnce() -> Result<rext_status, Refusal>,
) -> rext_status {
    // After a panic, the values that the closure borrows are used again only through handles. Those
    // are plain data, so an interrupted call cannot leave them in an unsafe state.
    let refusal = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => return status,
        Ok(Err(refusal)) => refusal,
        Err(payload) => {
            mem::forget(payload); // its destructor could panic, too
            Misuse::Panic.into()
        }
    };
    // SAFETY: required of this function's caller. If it is misaligned, no error can be written.
    if let Ok(Some(out)) = unsafe { out_if(error) } {
        out.set(rext_error::of(&refusal));
    }
    refusal.status()
}

/// Runs the body of a function of the C ABI by [`run`], with or without a pointer for the error.
///
/// The body may rely on the documented requirements for the function's pointers.
macro_rules! fence {
    ($error:expr, $body:expr) => {{
        let body = || $body;
        // SAFETY: by the function's documentation, it is NULL, or valid for a write.
        unsafe { $crate::fence::run($error, body) }
    }};
    ($body:expr) => {
        fence!(core::ptr::null_mut(), $body)
    };
}
pub(crate) use fence;

/// A pointer for a result.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    pub(crate) fn set(self, value: T) {
        // SAFETY: required by `out`, which made it.
        unsafe { self.0.write(value) }
    }
}

/// The pointer for a required result.
///
/// # Safety
/// `to` is null, or valid for a write for as long as the result is used.
pub(crate) unsafe fn out<T>(to: *mut T) -> Result<Out<T>, Misuse> {
    let to = NonNull::new(to).ok_or(Misuse::Null)?;
    if to.is_aligned() { Ok(Out(to)) } else { Err(Misuse::Alignment) }
}

/// The pointer for an optional result.
///
/// # Safety
/// As for [`out`].
pub(crate) unsafe fn out_if<T>(to: *mut T) -> Result<Option<Out<T>>, Misuse> {
    // SAFETY: required of this function's caller.
    if to.is_null() { Ok(None) } else { unsafe { out(to) }.map(Some) }
}

/// The value at a pointer.
///
/// # Safety
/// `from` is null, or points to a value that does not change during `'a`.
pub(crate) unsafe fn borrow<'a, T>(from: *const T) -> Result<&'a T, Misuse> {
    if !from.is_null() && !from.is_aligned() {
        return Err(Misuse::Alignment);
    }
    // SAFETY: required of this function's caller.
    unsafe { from.as_ref() }.ok_or(Misuse::Null)
}

/// The value at a pointer; `None` if it is null.
///
/// # Safety
/// As for [`borrow`].
pub(crate) unsafe fn borrow_if<'a, T>(from: *const T) -> Result<Option<&'a T>, Misuse> {
    // SAFETY: required of this function's caller.
    if from.is_null() { Ok(None) } else { unsafe { borrow(from) }.map(Some) }
}

/// The value at a pointer, to change it.
///
/// # Safety
/// `from` is null, or points to a value that is not used otherwise during `'a`.
pub(crate) unsafe fn borrow_mut<'a, T>(from: *mut T) -> Result<&'a mut T, Misuse> {
    if !from.is_null() && !from.is_aligned() {
        return Err(Misuse::Alignment);
    }
    // SAFETY: required of this function's caller.
    unsafe { from.as_mut() }.ok_or(Misuse::Null)
}

/// The bytes at a pointer. If `length` is 0, `data` may be any pointer.
///
/// # Safety
/// `data` is null, or points to `length` bytes that do not change during `'a`.
pub(crate) unsafe fn bytes<'a>(data: *const u8, length: usize) -> Result<&'a [u8], Misuse> {
    check(data, length)?;
    // SAFETY: as of this function; `check` checked the rest.
    if length == 0 { Ok(&[]) } else { Ok(unsafe { core::slice::from_raw_parts(data, length) }) }
}

/// The array at a pointer. If `count` is 0, `data` may be any pointer.
///
/// # Safety
/// `data` is null, or points to `count` values that do not change during `'a`.
pub(crate) unsafe fn array<'a, T>(data: *const T, count: usize) -> Result<&'a [T], Misuse> {
    check(data.cast(), count.checked_mul(size_of::<T>()).ok_or(Misuse::Length)?)?;
    match count {
        0 => Ok(&[]),
        _ if !data.is_aligned() => Err(Misuse::Alignment),
        // SAFETY: as of this function; the rest was checked.
        _ => Ok(unsafe { core::slice::from_raw_parts(data, count) }),
    }
}

/// Converts the values of an array.
pub(crate) fn each<'a, T, U>(
    array: &'a [T],
    convert: impl FnMut(&'a T) -> Result<U, Misuse>,
) -> Result<Vec<U>, Misuse> {
    let mut values = Vec::new();
    values.try_reserve_exact(array.len()).map_err(|_| Misuse::Memory)?;
    for value in array.iter().map(convert) {
        values.push(value?);
    }
    Ok(values)
}

/// A buffer at a pointer. If `length` is 0, `data` may be any pointer.
///
/// # Safety
/// `data` is null, or points to `length` bytes that are not used otherwise during `'a`.
pub(crate) unsafe fn room<'a>(data: *mut u8, length: usize) -> Result<&'a mut [u8], Misuse> {
    check(data, length)?;
    match length {
        0 => Ok(&mut []),
        // SAFETY: as of this function; `check` checked the rest.
        _ => Ok(unsafe { core::slice::from_raw_parts_mut(data, length) }),
    }
}

/// Checks those requirements of a slice that can be checked.
fn check(data: *const u8, length: usize) -> Result<(), Misuse> {
    match (data.is_null(), isize::try_from(length)) {
        (true, Ok(1..)) => Err(Misuse::Null),
        (_, Err(_)) => Err(Misuse::Length),
        _ => Ok(()),
    }
}

/// Moves a value to the heap, and returns a pointer that owns it; [`release`] frees it.
pub(crate) fn hand_over<T>(value: T) -> Result<*mut T, Misuse> {
    const { assert!(size_of::<T>() > 0) };
    let layout = std::alloc::Layout::new::<T>();
    // SAFETY: the layout has a size.
    let place = unsafe { std::alloc::alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(Misuse::Memory); // `Box::new` would end the process
    }
    // SAFETY: it was just allocated for a `T`.
    unsafe { place.write(value) };
    Ok(place)
}

/// Frees a value from [`hand_over`]; null is ignored.
///
/// # Safety
/// `value` is null, or from `hand_over` and not used any more.
pub(crate) unsafe fn release<T>(value: *mut T) {
    if !value.is_null() {
        // SAFETY: allocated with the layout of a `T`, as by `Box`, and no longer used elsewhere.
        drop(unsafe { Box::from_raw(value) });
    }
}

#[cfg(test)]
#[allow(clippy::panic)] // the tests are about panics
mod tests {
    use super::*;
    use crate::status::{REXT_ERR_PANIC, REXT_OK};

    #[test]
    fn a_panic_becomes_an_error() {
        let mut error = core::mem::MaybeUninit::<rext_error>::uninit();
        let status = fence!(error.as_mut_ptr(), panic!("a bug"));
        assert_eq!(status, REXT_ERR_PANIC);
        // SAFETY: it was written, since the status is an error.
        let error = unsafe { error.assume_init() };
        assert_eq!((error.status, error.alert), (REXT_ERR_PANIC, 0));
        // SAFETY: it is NUL-terminated.
        let message = unsafe { core::ffi::CStr::from_ptr(error.message.as_ptr()) };
        assert_eq!(message, c"a bug in this library");

        assert_eq!(fence!(panic!("another")), REXT_ERR_PANIC);
        assert_eq!(fence!(Ok(REXT_OK)), REXT_OK);
    }

    #[test]
    fn a_panic_whose_payload_panics_in_drop_becomes_an_error() {
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
