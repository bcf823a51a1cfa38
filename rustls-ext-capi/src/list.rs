//! The lists in a ClientHello, a request or an authenticator, as iterators.

use core::mem::MaybeUninit;

use rustls_ext_wire::authenticator::{Certificates, is_allowed_scheme};
use rustls_ext_wire::secondary::Requests;
use rustls_ext_wire::{Authorities, ClientHello, Extensions, Numbers, OriginIter, Protocols};

use crate::bytes::rext_bytes;
use crate::fence::{borrow_mut, fence, out, out_if};
use crate::hello::{hello, rext_hello};
use crate::refusal::{Misuse, Refusal};
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// An iterator over a list in a ClientHello, an authenticator request or an authenticator. The
/// caller provides the struct, a function such as rext_hello_alpn() fills it, and rext_list_next()
/// returns its items. With a struct of zeros, rext_list_next() returns REXT_ERR_UNSET.
///
/// It is valid as long as the view or the bytes that it was made from. It owns nothing, and may be
/// copied; the copy then has its own position.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_list {
    /// Private to this library.
    pub opaque: [MaybeUninit<u64>; 6],
}

/// The content of a [`rext_list`].
#[repr(C)]
struct State<'a> {
    mark: u64,
    rest: MaybeUninit<Rest<'a>>,
}

pub(crate) enum Rest<'a> {
    Protocols(Protocols<'a>),
    Authorities(Authorities<'a>),
    Numbers(Numbers<'a>),
    Extensions(Extensions<'a>),
    /// The rest of a `signature_algorithms`.
    Schemes(&'a [u8]),
    Requests(Requests<'a>),
    Certificates(Certificates<'a>),
    Origins(Option<OriginIter<'a>>),
}

const MARK: u64 = u64::from_be_bytes(*b"rext\0ls\x01");

const _: () = assert!(size_of::<State<'_>>() <= size_of::<rext_list>());
const _: () = assert!(align_of::<State<'_>>() <= align_of::<rext_list>());
// So a list need not be freed.
const _: () = assert!(!core::mem::needs_drop::<Rest<'_>>());

impl rext_list {
    /// The caller must keep the bytes that the list borrows.
    pub(crate) fn of(rest: Rest<'_>) -> Self {
        let mut list = Self { opaque: [MaybeUninit::new(0); 6] };
        let place = (&raw mut list).cast::<State<'_>>();
        // SAFETY: it fits and is aligned, by the assertions above.
        unsafe { place.write(State { mark: MARK, rest: MaybeUninit::new(rest) }) };
        list
    }

    /// # Safety
    /// The struct was written by a function of this library, or does not begin with [`MARK`]; and
    /// the bytes of the list do not change during `'a`.
    unsafe fn get<'a>(&mut self) -> Result<&mut Rest<'a>, Misuse> {
        // SAFETY: size and alignment suffice, and any bytes are valid for both fields.
        let state = unsafe { &mut *(&raw mut *self).cast::<State<'a>>() };
        match state.mark {
            // SAFETY: with the mark, the rest is initialised; required of this function's caller.
            MARK => Ok(unsafe { state.rest.assume_init_mut() }),
            _ => Err(Misuse::Unset),
        }
    }
}

/// Writes an iterator over a list of a ClientHello to `to`.
///
/// # Safety
/// `from` meets the documented requirements of [`rext_hello`], and `to` those of [`out`].
unsafe fn begin(
    from: *const rext_hello,
    to: *mut rext_list,
    list: impl FnOnce(ClientHello<'static>) -> Rest<'static>,
) -> Result<rext_status, Refusal> {
    // SAFETY: required of this function's caller.
    let to = unsafe { out(to) }?;
    // SAFETY: likewise; the list is valid as long as the view, as documented.
    let hello = unsafe { hello(from) }?;
    to.set(rext_list::of(list(hello)));
    Ok(REXT_OK)
}

/// Returns the client's application protocols (RFC 7301), in its order; an empty list without the
/// extension. Each item has bytes, at least one; its number is 0.
///
/// hello: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_alpn(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { begin(hello, list, |hello| Rest::Protocols(hello.alpn())) })
}

/// Returns the distinguished names of the authorities that the client trusts (RFC 8446 section
/// 4.2.4), in its order; an empty list without the extension. Each item has bytes, the DER as sent;
/// its number is 0.
///
/// hello: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_authorities(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe {
        begin(hello, list, |hello| Rest::Authorities(hello.certificate_authorities()))
    })
}

/// Returns the versions that the client offers, in its order: those of supported_versions, or
/// without that extension the one of legacy_version. Each item is a number without bytes; GREASE is
/// included.
///
/// hello: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_versions(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { begin(hello, list, |hello| Rest::Numbers(hello.versions())) })
}

/// Returns the cipher suites that the client offers, in its order. Each item is a number without
/// bytes; GREASE is included.
///
/// hello: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_cipher_suites(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { begin(hello, list, |hello| Rest::Numbers(hello.cipher_suites())) })
}

/// Returns all extensions, in the client's order. Each item has a number, and bytes: the body.
///
/// hello: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_extensions(
    hello: *const rext_hello,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { begin(hello, list, |hello| Rest::Extensions(hello.extensions())) })
}

/// Returns the next item of a list.
///
/// list: not NULL.
/// number: receives the item's number; may be NULL.
/// bytes: receives the item's bytes, which are valid as long as those that the list was made from;
/// may be NULL.
///
/// Returns: REXT_YES; REXT_NO at the end, which writes neither; or a mistake of the caller.
///
/// Threads: one at a time per list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_list_next(
    list: *mut rext_list,
    number: *mut u16,
    bytes: *mut rext_bytes,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let number = unsafe { out_if(number) }?;
        // SAFETY: likewise.
        let bytes = unsafe { out_if(bytes) }?;
        // SAFETY: likewise.
        let list = unsafe { borrow_mut(list) }?;
        // SAFETY: likewise.
        let item = match unsafe { list.get() }? {
            Rest::Protocols(names) => names.next().map(|name| (0, name.into())),
            Rest::Authorities(names) => names.next().map(|name| (0, name.into())),
            Rest::Numbers(numbers) => numbers.next().map(|number| (number, rext_bytes::NONE)),
            Rest::Extensions(list) => list.next().map(|(number, body)| (number, body.into())),
            Rest::Schemes(rest) => scheme(rest).map(|scheme| (scheme, rext_bytes::NONE)),
            Rest::Requests(list) => list.next().map(|request| (0, request.bytes().into())),
            Rest::Certificates(list) => list.next().map(|(der, _)| (0, der.into())),
            Rest::Origins(list) => list
                .as_mut()
                .and_then(Iterator::next)
                .map(|origin| (0, origin.as_str().as_bytes().into())),
        };
        let Some(item) = item else {
            return Ok(REXT_NO);
        };
        if let Some(number) = number {
            number.set(item.0);
        }
        if let Some(bytes) = bytes {
            bytes.set(item.1);
        }
        Ok(REXT_YES)
    })
}

/// The next signature scheme that an authenticator may have.
fn scheme(rest: &mut &[u8]) -> Option<u16> {
    while let Some((scheme, after)) = rest.split_first_chunk() {
        *rest = after;
        let scheme = u16::from_be_bytes(*scheme);
        if is_allowed_scheme(scheme) {
            return Some(scheme);
        }
    }
    None
}
