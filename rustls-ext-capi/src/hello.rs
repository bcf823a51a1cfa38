//! A view of a ClientHello.

use core::mem::MaybeUninit;

use rustls_ext_wire::{ClientHello, Ech};

use crate::bytes::rext_bytes;
use crate::fence::{borrow, fence, octets, out};
use crate::flags::yes_or_no;
use crate::refusal::{Misuse, Refusal};
use crate::rules::rext_version_number;
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// A view of a ClientHello whose structure holds (RFC 8446 section 4.1.2). The caller makes room
/// for it, and a scan fills it; set to zero, it is a view of nothing, which is REXT_ERR_UNSET.
///
/// It points into the octets that were scanned, or into the buffer in which they were put together:
/// neither may change or go away while the view, or what it has shown, is used. It owns nothing and
/// may be copied. What a client says is shown as it came, GREASE included.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_hello {
    /// Not for others to read or change.
    pub opaque: [MaybeUninit<u64>; 12],
}

/// What [`rext_hello`] has in it.
#[repr(C)]
struct View<'a> {
    mark: u64,
    hello: MaybeUninit<ClientHello<'a>>,
}

/// No view that was made elsewhere, or of zeros, has it.
const MARK: u64 = u64::from_be_bytes(*b"rext\0hi\x01");

const _: () = assert!(size_of::<View<'_>>() <= size_of::<rext_hello>());
const _: () = assert!(align_of::<View<'_>>() <= align_of::<rext_hello>());

impl rext_hello {
    /// The octets that the view borrows are the caller's to keep.
    pub(crate) fn of(hello: ClientHello<'_>) -> Self {
        let mut view = Self { opaque: [MaybeUninit::new(0); 12] };
        let place = (&raw mut view).cast::<View<'_>>();
        // SAFETY: there is room for it, by the assertions above.
        unsafe { place.write(View { mark: MARK, hello: MaybeUninit::new(hello) }) };
        view
    }

    /// # Safety
    /// The struct is as a function of this library left it, or begins with another number than
    /// [`MARK`]; and the octets that it was made of are as they were, during `'a`.
    unsafe fn get<'a>(&self) -> Result<ClientHello<'a>, Misuse> {
        // SAFETY: it has at least the size and alignment, and each part may be of any octets.
        let view = unsafe { &*(&raw const *self).cast::<View<'a>>() };
        match view.mark {
            // SAFETY: with the mark comes the rest, as of this function.
            MARK => Ok(unsafe { view.hello.assume_init() }),
            _ => Err(Misuse::Unset),
        }
    }
}

/// The hello at `from`.
///
/// # Safety
/// As C's part in the documentation of [`rext_hello`].
pub(crate) unsafe fn hello<'a>(from: *const rext_hello) -> Result<ClientHello<'a>, Misuse> {
    // SAFETY: as of this function.
    let view = unsafe { borrow(from) }?;
    // SAFETY: likewise.
    unsafe { view.get() }
}

/// What to show of a hello, if it is there.
///
/// # Safety
/// As C's part in the documentation of [`rext_hello`]; `to` as of [`out`].
unsafe fn show(
    from: *const rext_hello,
    to: *mut rext_bytes,
    what: impl FnOnce(&ClientHello<'static>) -> Option<&'static [u8]>,
) -> Result<rext_status, Refusal> {
    // SAFETY: as of this function.
    let to = unsafe { out(to) }?;
    // SAFETY: likewise; nothing is kept beyond what C may keep.
    let hello = unsafe { hello(from) }?;
    match what(&hello) {
        Some(octets) => {
            to.set(octets.into());
            Ok(REXT_YES)
        }
        None => {
            to.set(rext_bytes::NONE);
            Ok(REXT_NO)
        }
    }
}

/// The host name that the client wants to talk to (RFC 6066 section 3), as it came: one octet or
/// more, not NUL-terminated, and perhaps no good name.
///
/// hello: not NULL.
/// name: where to; not NULL. The octets are those of the hello.
///
/// Returns: REXT_YES; REXT_NO, and no octets, without one; or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_server_name(
    hello: *const rext_hello,
    name: *mut rext_bytes,
) -> rext_status {
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { show(hello, name, |hello| hello.server_name()) })
}

/// Whether the client speaks an application protocol, by ALPN (RFC 7301). rext_hello_alpn() has
/// them all.
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
        // SAFETY: C's part is in the documentation.
        let name = unsafe { octets(name, length) }?;
        // SAFETY: likewise.
        let hello = unsafe { self::hello(hello) }?;
        Ok(yes_or_no(hello.alpn().any(|offered| offered == name)))
    })
}

/// Whether the client offers a version: in supported_versions, or without that extension by
/// legacy_version, which stands for itself and what is older, but never for TLS 1.3 (RFC 8446
/// section 4.2.1). rext_hello_versions() has them as they came.
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
        // SAFETY: C's part is in the documentation.
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

/// Which hello of Encrypted Client Hello it is (RFC 9849 section 5), one of REXT_ECH_...; 0 or above.
pub type rext_ech = i32;

/// Encrypted Client Hello: none; the hello is what it seems.
pub const REXT_ECH_NONE: rext_ech = 0;
/// Encrypted Client Hello: the outer one. Another is in it that only the server can read, or seems to be (GREASE). If it
/// is, server name and the like are not what the client is after.
pub const REXT_ECH_OUTER: rext_ech = 1;
/// Encrypted Client Hello: the inner one, which a server that decrypted it passes on. No client sends it in the open.
pub const REXT_ECH_INNER: rext_ech = 2;

/// Which hello of Encrypted Client Hello it is.
///
/// hello: not NULL.
///
/// Returns: one of REXT_ECH_...; or a mistake of the caller, below 0.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_ech(hello: *const rext_hello) -> rext_ech {
    fence!({
        // SAFETY: C's part is in the documentation.
        let hello = unsafe { self::hello(hello) }?;
        Ok(match hello.ech() {
            None => REXT_ECH_NONE,
            Some(Ech::Outer) => REXT_ECH_OUTER,
            Some(Ech::Inner) => REXT_ECH_INNER,
        })
    })
}

/// Whether the client has a key in common with the server, most often from an earlier session
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
        // SAFETY: C's part is in the documentation.
        let hello = unsafe { self::hello(hello) }?;
        Ok(yes_or_no(hello.has_pre_shared_key()))
    })
}

/// The body of the extension with a number, whichever it is. It takes time linear in the number of
/// extensions.
///
/// hello: not NULL.
/// number: the extension's.
/// body: where to; not NULL. The octets are those of the hello; there may be none.
///
/// Returns: REXT_YES; REXT_NO, and no octets, without that extension; or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_hello_extension(
    hello: *const rext_hello,
    number: u16,
    body: *mut rext_bytes,
) -> rext_status {
    // SAFETY: C's part is in the documentation.
    fence!(unsafe { show(hello, body, |hello| hello.extension(number)) })
}

/// The fields of the message that are not extensions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_hello_fields {
    /// legacy_version: 0x0303 with TLS 1.2 and 1.3, less with what is older.
    pub legacy_version: u16,
    /// random, 32 octets of the hello.
    pub random: rext_bytes,
    /// legacy_session_id, 0 to 32 octets of the hello.
    pub session_id: rext_bytes,
    /// The message, without the four octets of its header.
    pub body: rext_bytes,
}

/// The fields of the message that are not extensions.
///
/// hello: not NULL.
/// fields: where to; not NULL. The octets are those of the hello.
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
        // SAFETY: C's part is in the documentation.
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
