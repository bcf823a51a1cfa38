//! A view of a ClientHello.

use core::mem::MaybeUninit;

use rustls_ext_wire::{ClientHello, Ech};

use crate::bytes::rext_bytes;
use crate::fence::{borrow, bytes, fence, out};
use crate::flags::yes_or_no;
use crate::refusal::{Misuse, Refusal};
use crate::rules::rext_version_number;
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// A view of a ClientHello whose structure was checked (RFC 8446 section 4.1.2). The caller
/// provides the struct, and a scan fills it. With a struct of zeros, functions return
/// REXT_ERR_UNSET.
///
/// It points into the bytes that were scanned, or into the buffer in which they were assembled.
/// Neither may change or be freed while the view, or a result of it, is used. It owns nothing, and
/// may be copied. All values are as the client sent them, including GREASE.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_hello {
    /// Private to this library.
    pub opaque: [MaybeUninit<u64>; 12],
}

/// The content of a [`rext_hello`].
#[repr(C)]
struct View<'a> {
    mark: u64,
    hello: MaybeUninit<ClientHello<'a>>,
}

/// A mark that only views of this library have. A struct of zeros does not have it.
const MARK: u64 = u64::from_be_bytes(*b"rext\0hi\x01");

const _: () = assert!(size_of::<View<'_>>() <= size_of::<rext_hello>());
const _: () = assert!(align_of::<View<'_>>() <= align_of::<rext_hello>());

impl rext_hello {
    /// The caller must keep the bytes that the view borrows.
    pub(crate) fn of(hello: ClientHello<'_>) -> Self {
        let mut view = Self { opaque: [MaybeUninit::new(0); 12] };
        let place = (&raw mut view).cast::<View<'_>>();
        // SAFETY: it fits and is aligned, by the assertions above.
        unsafe { place.write(View { mark: MARK, hello: MaybeUninit::new(hello) }) };
        view
    }

    /// # Safety
    /// The struct was written by a function of this library, or does not begin with [`MARK`]; and
    /// the bytes that it borrows do not change during `'a`.
    unsafe fn get<'a>(&self) -> Result<ClientHello<'a>, Misuse> {
        // SAFETY: size and alignment suffice, and any bytes are valid for both fields.
        let view = unsafe { &*(&raw const *self).cast::<View<'a>>() };
        match view.mark {
            // SAFETY: with the mark, the rest is initialised; required of this function's caller.
            MARK => Ok(unsafe { view.hello.assume_init() }),
            _ => Err(Misuse::Unset),
        }
    }
}

/// The ClientHello at `from`.
///
/// # Safety
/// `from` meets the documented requirements of [`rext_hello`].
pub(crate) unsafe fn hello<'a>(from: *const rext_hello) -> Result<ClientHello<'a>, Misuse> {
    // SAFETY: required of this function's caller.
    let view = unsafe { borrow(from) }?;
    // SAFETY: likewise.
    unsafe { view.get() }
}

/// Writes a part of a ClientHello to `to`; no bytes if it is absent.
///
/// # Safety
/// `from` meets the documented requirements of [`rext_hello`], and `to` those of [`out`].
unsafe fn show(
    from: *const rext_hello,
    to: *mut rext_bytes,
    part: impl FnOnce(&ClientHello<'static>) -> Option<&'static [u8]>,
) -> Result<rext_status, Refusal> {
    // SAFETY: required of this function's caller.
    let to = unsafe { out(to) }?;
    // SAFETY: likewise; the result is valid as long as the view, as documented.
    let hello = unsafe { hello(from) }?;
    match part(&hello) {
        Some(bytes) => {
            to.set(bytes.into());
            Ok(REXT_YES)
        }
        None => {
            to.set(rext_bytes::NONE);
            Ok(REXT_NO)
        }
    }
}

/// Returns the host name in the extension server_name (RFC 6066 section 3), as sent: one byte or
/// more, not NUL-terminated, and not checked to be a valid name.
///
/// hello: not NULL.
/// name: receives the name; not NULL. It is valid as long as the view.
///
/// Returns: REXT_YES; REXT_NO, and no bytes, without the extension; or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_server_name(
    hello: *const rext_hello,
    name: *mut rext_bytes,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { show(hello, name, |hello| hello.server_name()) })
}

/// Returns REXT_YES if the client offers an application protocol by ALPN (RFC 7301).
/// rext_hello_alpn() lists all of them.
///
/// hello: not NULL.
/// name, length: the protocol, such as "h2" and 2; not NULL unless length is 0.
///
/// Returns: REXT_YES, REXT_NO, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_has_alpn(
    hello: *const rext_hello,
    name: *const u8,
    length: usize,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let name = unsafe { bytes(name, length) }?;
        // SAFETY: likewise.
        let hello = unsafe { self::hello(hello) }?;
        Ok(yes_or_no(hello.alpn().any(|offered| offered == name)))
    })
}

/// Returns REXT_YES if the client offers a version: in supported_versions, or without that
/// extension by legacy_version, which means that version and older ones, but never TLS 1.3 (RFC
/// 8446 section 4.2.1). rext_hello_versions() lists them as sent.
///
/// hello: not NULL.
/// version: such as REXT_TLS13, or any other number.
///
/// Returns: REXT_YES, REXT_NO, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_offers_version(
    hello: *const rext_hello,
    version: rext_version_number,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let hello = unsafe { self::hello(hello) }?;
        let listed = hello.extension(SUPPORTED_VERSIONS).is_some();
        let offered = if listed {
            hello.versions().any(|offered| offered == version)
        } else {
            let highest = hello.legacy_version().min(0x0303);
            (0x0300..=highest).contains(&version)
        };
        Ok(yes_or_no(offered))
    })
}

const SUPPORTED_VERSIONS: u16 = 43;

/// The kind of ClientHello, inner or outer, in Encrypted Client Hello (RFC 9849 section 5); one of
/// REXT_ECH_...; 0 or above.
pub type rext_ech = i32;

/// Encrypted Client Hello: not used.
pub const REXT_ECH_NONE: rext_ech = 0;
/// Encrypted Client Hello: the outer one. It contains an encrypted ClientHello that only the server
/// can read, or imitates one (GREASE). If it contains one, the server name and other values are not
/// the ones that the client really wants.
pub const REXT_ECH_OUTER: rext_ech = 1;
/// Encrypted Client Hello: the inner one, which a server that decrypted it passes on. No client
/// sends it unencrypted.
pub const REXT_ECH_INNER: rext_ech = 2;

/// Returns the kind of ClientHello, inner or outer, in Encrypted Client Hello.
///
/// hello: not NULL.
///
/// Returns: one of REXT_ECH_...; or a mistake of the caller, below 0.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_ech(hello: *const rext_hello) -> rext_ech {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let hello = unsafe { self::hello(hello) }?;
        Ok(match hello.ech() {
            None => REXT_ECH_NONE,
            Some(Ech::Outer) => REXT_ECH_OUTER,
            Some(Ech::Inner) => REXT_ECH_INNER,
        })
    })
}

/// Returns REXT_YES if the client offers a pre-shared key, usually from an earlier session
/// (pre_shared_key, RFC 8446 section 4.2.11).
///
/// hello: not NULL.
///
/// Returns: REXT_YES, REXT_NO, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_has_psk(hello: *const rext_hello) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let hello = unsafe { self::hello(hello) }?;
        Ok(yes_or_no(hello.has_pre_shared_key()))
    })
}

/// Returns the body of the extension with a given number, known or not. The time is linear in the
/// number of extensions.
///
/// hello: not NULL.
/// number: the number of the extension.
/// body: receives the body, which may be empty; not NULL. It is valid as long as the view.
///
/// Returns: REXT_YES; REXT_NO, and no bytes, without that extension; or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_extension(
    hello: *const rext_hello,
    number: u16,
    body: *mut rext_bytes,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { show(hello, body, |hello| hello.extension(number)) })
}

/// The fields of a ClientHello other than extensions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_hello_fields {
    /// legacy_version: 0x0303 for TLS 1.2 and 1.3, less for older versions.
    pub legacy_version: u16,
    /// random, 32 bytes.
    pub random: rext_bytes,
    /// legacy_session_id, 0 to 32 bytes.
    pub session_id: rext_bytes,
    /// The message, without the four bytes of its header.
    pub body: rext_bytes,
}

/// Returns the fields of a ClientHello other than extensions.
///
/// hello: not NULL.
/// fields: receives the fields; not NULL. Their bytes are valid as long as the view.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_fields_of(
    hello: *const rext_hello,
    fields: *mut rext_hello_fields,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let fields = unsafe { out(fields) }?;
        // SAFETY: likewise.
        let hello = unsafe { self::hello(hello) }?;
        fields.set(rext_hello_fields {
            legacy_version: hello.legacy_version(),
            random: hello.random().into(),
            session_id: hello.session_id().into(),
            body: hello.body().into(),
        });
        Ok(REXT_OK)
    })
}
