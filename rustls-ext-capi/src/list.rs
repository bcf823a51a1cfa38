//! The lists in a ClientHello, one item after the other.

use core::mem::MaybeUninit;

use rustls_ext_wire::{Authorities, ClientHello, Extensions, Numbers, Protocols};

use crate::bytes::rext_bytes;
use crate::fence::{borrow_mut, fence, out, out_if};
use crate::hello::{hello, rext_hello};
use crate::refusal::{Misuse, Refusal};
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// What is left of a list in a ClientHello. The caller makes room for it, a function such as
/// rext_hello_alpn() fills it, and rext_list_next() takes items from its front; set to zero, it is
/// REXT_ERR_UNSET.
///
/// It lives as the view does from which it is. It owns nothing and may be copied; the copy then goes
/// on by itself.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_list {
    /// Not for others to read or change.
    pub opaque: [MaybeUninit<u64>; 6],
}

/// What [`rext_list`] has in it.
#[repr(C)]
struct State<'a> {
    mark: u64,
    rest: MaybeUninit<Rest<'a>>,
}

enum Rest<'a> {
    Protocols(Protocols<'a>),
    Authorities(Authorities<'a>),
    Numbers(Numbers<'a>),
    Extensions(Extensions<'a>),
}

const MARK: u64 = u64::from_be_bytes(*b"rext\0ls\x01");

const _: () = assert!(size_of::<State<'_>>() <= size_of::<rext_list>());
const _: () = assert!(align_of::<State<'_>>() <= align_of::<rext_list>());
// So a list can be left where it is.
const _: () = assert!(!core::mem::needs_drop::<Rest<'_>>());

impl rext_list {
    fn of(rest: Rest<'_>) -> Self {
        let mut list = Self { opaque: [MaybeUninit::new(0); 6] };
        let place = (&raw mut list).cast::<State<'_>>();
        // SAFETY: there is room for it, by the assertions above.
        unsafe { place.write(State { mark: MARK, rest: MaybeUninit::new(rest) }) };
        list
    }

    /// # Safety
    /// The struct is as a function of this library left it, or begins with another number than
    /// [`MARK`]; and the octets of the list are as they were, during `'a`.
    unsafe fn get<'a>(&mut self) -> Result<&mut Rest<'a>, Misuse> {
        // SAFETY: it has at least the size and alignment, and each part may be of any octets.
        let state = unsafe { &mut *(&raw mut *self).cast::<State<'a>>() };
        match state.mark {
            // SAFETY: with the mark comes the rest, as of this function.
            MARK => Ok(unsafe { state.rest.assume_init_mut() }),
            _ => Err(Misuse::Unset),
        }
    }
}

/// # Safety
/// As C's part in the documentation of [`rext_hello`]; `to` as of [`out`].
unsafe fn begin(
    from: *const rext_hello,
    to: *mut rext_list,
    list: impl FnOnce(ClientHello<'static>) -> Rest<'static>,
) -> Result<rext_status, Refusal> {
    // SAFETY: as of this function.
    let to = unsafe { out(to) }?;
    // SAFETY: likewise; nothing is kept beyond what C may keep.
    let hello = unsafe { hello(from) }?;
    to.set(rext_list::of(list(hello)));
    Ok(REXT_OK)
}

/// The application protocols that the client speaks (RFC 7301), in its order; none when it does not
/// say. Each item is octets, one or more; its number is 0.
///
/// hello: not NULL.
/// list: where to; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_alpn(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { begin(hello, list, |hello| Rest::Protocols(hello.alpn())) })
}

/// The distinguished names of the authorities that the client trusts (RFC 8446 section 4.2.4), in
/// its order; none when it does not say. Each item is octets, the DER as it came; its number is 0.
///
/// hello: not NULL.
/// list: where to; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_authorities(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C's part is in the documentation.
    fence!(unsafe {
        begin(hello, list, |hello| Rest::Authorities(hello.certificate_authorities()))
    })
}

/// The versions that the client offers, in its order: those of supported_versions, or without that
/// extension the one of legacy_version. Each item is a number, GREASE included, without octets.
///
/// hello: not NULL.
/// list: where to; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_versions(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { begin(hello, list, |hello| Rest::Numbers(hello.versions())) })
}

/// The cipher suites that the client offers, in its order. Each item is a number, GREASE included,
/// without octets.
///
/// hello: not NULL.
/// list: where to; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_cipher_suites(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { begin(hello, list, |hello| Rest::Numbers(hello.cipher_suites())) })
}

/// All extensions, in the client's order. Each item is a number and octets, the extension's body.
///
/// hello: not NULL.
/// list: where to; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_extensions(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { begin(hello, list, |hello| Rest::Extensions(hello.extensions())) })
}

/// The next item of a list.
///
/// list: not NULL.
/// number: NULL, or where to put the item's number.
/// octets: NULL, or where to put the item's octets, which are those of the hello.
///
/// Returns: REXT_YES; REXT_NO at the end, and then neither is written; or a mistake of the caller.
///
/// Threads: one at a time per list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_list_next(
    list: *mut rext_list,
    number: *mut u16,
    octets: *mut rext_bytes,
) -> rext_status {
    fence!({
        // SAFETY: C's part is in the documentation.
        let number = unsafe { out_if(number) }?;
        // SAFETY: likewise.
        let octets = unsafe { out_if(octets) }?;
        // SAFETY: likewise.
        let list = unsafe { borrow_mut(list) }?;
        // SAFETY: likewise.
        let item = match unsafe { list.get() }? {
            Rest::Protocols(names) => names.next().map(|name| (0, name.into())),
            Rest::Authorities(names) => names.next().map(|name| (0, name.into())),
            Rest::Numbers(numbers) => numbers.next().map(|number| (number, rext_bytes::NONE)),
            Rest::Extensions(list) => list.next().map(|(number, body)| (number, body.into())),
        };
        let Some(item) = item else {
            return Ok(REXT_NO);
        };
        if let Some(number) = number {
            number.set(item.0);
        }
        if let Some(octets) = octets {
            octets.set(item.1);
        }
        Ok(REXT_YES)
    })
}
