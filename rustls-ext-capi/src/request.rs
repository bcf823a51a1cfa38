//! Authenticator requests.

use core::mem::MaybeUninit;

use rustls_ext_wire::authenticator::{Endpoint, Request};

use crate::bytes::rext_bytes;
use crate::error::rext_error;
use crate::fence::{array, borrow, bytes, each, fence, out, room};
use crate::hello::{hello, rext_hello};
use crate::list::{Rest, rext_list};
use crate::refusal::{Misuse, Refusal};
use crate::status::{REXT_NO, REXT_OK, REXT_YES, rext_status};

/// One of the two sides of a connection, one of REXT_ENDPOINT_....
pub type rext_endpoint = i32;

/// Endpoint: the client.
pub const REXT_ENDPOINT_CLIENT: rext_endpoint = 1;
/// Endpoint: the server.
pub const REXT_ENDPOINT_SERVER: rext_endpoint = 2;

/// The minimum length in bytes of a context that this side chooses (EA-3).
pub const REXT_CONTEXT_MIN: usize = 16;

const _: () = assert!(REXT_CONTEXT_MIN == rustls_ext_wire::authenticator::MIN_CONTEXT);

/// A view of an authenticator request whose structure was checked (EA-2, EA-4); or, for a server's
/// authenticator without a request, of the ClientHello in its place. The caller provides the
/// struct, and rext_request_write(), rext_request_parse() or rext_request_spontaneous() fills it.
/// With a struct of zeros, functions return REXT_ERR_UNSET.
///
/// It points into the bytes of the request, or into the context and the ClientHello. They must not
/// change or be freed while the view, or a result of it, is used. It owns nothing, and may be
/// copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_request {
    /// Private to this library.
    pub opaque: [MaybeUninit<u64>; 12],
}

/// The content of a [`rext_request`].
#[repr(C)]
struct View<'a> {
    mark: u64,
    request: MaybeUninit<Request<'a>>,
}

/// A mark that only views of this library have. A struct of zeros does not have it.
const MARK: u64 = u64::from_be_bytes(*b"rext\0rq\x01");

const _: () = assert!(size_of::<View<'_>>() <= size_of::<rext_request>());
const _: () = assert!(align_of::<View<'_>>() <= align_of::<rext_request>());

impl rext_request {
    /// The caller must keep the bytes that the view borrows.
    fn of(request: Request<'_>) -> Self {
        let mut view = Self { opaque: [MaybeUninit::new(0); 12] };
        let place = (&raw mut view).cast::<View<'_>>();
        // SAFETY: it fits and is aligned, by the assertions above.
        unsafe { place.write(View { mark: MARK, request: MaybeUninit::new(request) }) };
        view
    }

    /// # Safety
    /// The struct was written by a function of this library, or does not begin with [`MARK`]; and
    /// the bytes that it borrows do not change during `'a`.
    pub(crate) unsafe fn get<'a>(&self) -> Result<Request<'a>, Misuse> {
        // SAFETY: size and alignment suffice, and any bytes are valid for both fields.
        let view = unsafe { &*(&raw const *self).cast::<View<'a>>() };
        match view.mark {
            // SAFETY: with the mark, the rest is initialised; required of this function's caller.
            MARK => Ok(unsafe { view.request.assume_init() }),
            _ => Err(Misuse::Unset),
        }
    }
}

/// The request at `from`.
///
/// # Safety
/// `from` meets the documented requirements of [`rext_request`].
pub(crate) unsafe fn request<'a>(from: *const rext_request) -> Result<Request<'a>, Misuse> {
    // SAFETY: required of this function's caller.
    let view = unsafe { borrow(from) }?;
    // SAFETY: likewise.
    unsafe { view.get() }
}

fn endpoint(number: rext_endpoint) -> Result<Endpoint, Misuse> {
    match number {
        REXT_ENDPOINT_CLIENT => Ok(Endpoint::Client),
        REXT_ENDPOINT_SERVER => Ok(Endpoint::Server),
        _ => Err(Misuse::Value("an endpoint REXT_ENDPOINT_...")),
    }
}

/// An extension, to be written.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_extension {
    /// The body.
    pub body: rext_bytes,
    /// The number of the extension.
    pub number: u16,
}

/// Writes an authenticator request: a CertificateRequest of TLS 1.3, or a client's
/// ClientCertificateRequest, with its handshake header (EA-2, EA-4).
///
/// by: the side that requests, one of REXT_ENDPOINT_....
/// context, context_length: random, REXT_CONTEXT_MIN to 255 bytes (EA-3); not NULL. Record it by
/// rext_contexts_record() before the request is sent.
/// schemes, scheme_count: the content of signature_algorithms, at least one; not NULL.
/// extensions, extension_count: all other extensions; NULL and 0 for none.
/// buffer, length: receives the request, at its front. After an error, its content is undefined.
/// request: receives the view, which points into the buffer; not NULL. Written only on REXT_OK.
/// rext_request_fields_of() returns the bytes to send.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE for a field that is
/// too long, or a context that is too short; one of REXT_ERR_REQUEST_... if a peer would refuse the
/// request; REXT_ERR_MEMORY; or another mistake of the caller.
///
/// Threads: any, each with its own buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_write(
    by: rext_endpoint,
    context: *const u8,
    context_length: usize,
    schemes: *const u16,
    scheme_count: usize,
    extensions: *const rext_extension,
    extension_count: usize,
    buffer: *mut u8,
    length: usize,
    request: *mut rext_request,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let request = unsafe { out(request) }?;
        let by = endpoint(by)?;
        // SAFETY: likewise.
        let context = unsafe { bytes(context, context_length) }?;
        // SAFETY: likewise.
        let schemes = unsafe { array(schemes, scheme_count) }?;
        // SAFETY: likewise.
        let extensions = unsafe { array(extensions, extension_count) }?;
        // SAFETY: likewise.
        let body = |bytes: rext_bytes| unsafe { bytes.get() };
        let extensions =
            each(extensions, |extension| Ok((extension.number, body(extension.body)?)))?;
        // SAFETY: likewise.
        let buffer = unsafe { room(buffer, length) }?;
        request.set(rext_request::of(Request::write(by, context, schemes, &extensions, buffer)?));
        Ok(REXT_OK)
    })
}

/// Reads an authenticator request: one handshake message, and nothing behind it (EA-2, EA-4).
/// Unknown extensions are kept and not checked.
///
/// by: the side that requests, one of REXT_ENDPOINT_....
/// bytes, length: the request; NULL and 0 if it is empty.
/// request: receives the view, which points into bytes; not NULL. Written only on REXT_OK.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; one of REXT_ERR_REQUEST_...; or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_parse(
    by: rext_endpoint,
    bytes: *const u8,
    length: usize,
    request: *mut rext_request,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let request = unsafe { out(request) }?;
        let by = endpoint(by)?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        request.set(rext_request::of(Request::parse(by, bytes)?));
        Ok(REXT_OK)
    })
}

/// Makes the basis of a server's authenticator without a request, on either side: schemes and
/// extensions are those of the ClientHello (EA-5). There is no empty authenticator without a
/// request.
///
/// context, length: on the server, chosen by it: random, REXT_CONTEXT_MIN to 255 bytes. On the
/// client, the one of the authenticator: rext_authenticator_context(). Record it by
/// rext_contexts_record().
/// hello: the ClientHello of this connection; not NULL.
/// request: receives the view, which points into context and the bytes of the ClientHello; not
/// NULL. Written only on REXT_OK.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_REQUEST_MALFORMED for a context of more than 255 bytes, or a
/// malformed signature_algorithms; REXT_ERR_REQUEST_NO_SCHEMES without it; or a mistake of the
/// caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_spontaneous(
    context: *const u8,
    length: usize,
    hello: *const rext_hello,
    request: *mut rext_request,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let request = unsafe { out(request) }?;
        // SAFETY: likewise.
        let context = unsafe { bytes(context, length) }?;
        // SAFETY: likewise.
        let hello = unsafe { self::hello(hello) }?;
        request.set(rext_request::of(Request::spontaneous(context, &hello)?));
        Ok(REXT_OK)
    })
}

/// The fields of an authenticator request other than extensions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_request_fields {
    /// The message with its header, to be sent; no bytes without a request (EA-5).
    pub bytes: rext_bytes,
    /// certificate_request_context, 0 to 255 bytes.
    pub context: rext_bytes,
    /// The side that requests; the other one sends the authenticator.
    pub by: rext_endpoint,
}

/// Returns the fields of an authenticator request other than extensions.
///
/// request: not NULL.
/// fields: receives the fields; not NULL. Their bytes are valid as long as the view.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_fields_of(
    request: *const rext_request,
    fields: *mut rext_request_fields,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let fields = unsafe { out(fields) }?;
        // SAFETY: likewise.
        let request = unsafe { self::request(request) }?;
        fields.set(rext_request_fields {
            bytes: request.bytes().into(),
            context: request.context().into(),
            by: match request.by() {
                Endpoint::Client => REXT_ENDPOINT_CLIENT,
                Endpoint::Server => REXT_ENDPOINT_SERVER,
            },
        });
        Ok(REXT_OK)
    })
}

/// Writes an iterator over a list of a request to `to`.
///
/// # Safety
/// `from` meets the documented requirements of [`rext_request`], and `to` those of [`out`].
unsafe fn begin(
    from: *const rext_request,
    to: *mut rext_list,
    list: impl FnOnce(Request<'static>) -> Rest<'static>,
) -> Result<rext_status, Refusal> {
    // SAFETY: required of this function's caller.
    let to = unsafe { out(to) }?;
    // SAFETY: likewise; the list is valid as long as the view, as documented.
    let request = unsafe { request(from) }?;
    to.set(rext_list::of(list(request)));
    Ok(REXT_OK)
}

/// Returns the signature schemes that an authenticator may use, in the order of
/// signature_algorithms, without those that TLS 1.3 does not allow (EA-7). Each item is a number
/// without bytes.
///
/// request: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_schemes(
    request: *const rext_request,
    list: *mut rext_list,
) -> rext_status {
    let schemes = |request: Request<'static>| {
        let body = request.extension(SIGNATURE_ALGORITHMS).and_then(|body| body.get(2..));
        Rest::Schemes(body.unwrap_or_default())
    };
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { begin(request, list, schemes) })
}

const SIGNATURE_ALGORITHMS: u16 = 13;

/// Returns the distinguished names in certificate_authorities, in the order of the request; an
/// empty list without the extension. Each item has bytes, the DER as sent; its number is 0. An
/// authenticator must have a chain with one of them as an issuer (EA-6).
///
/// request: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_authorities(
    request: *const rext_request,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe {
        begin(request, list, |request| Rest::Authorities(request.certificate_authorities()))
    })
}

/// Returns all extensions of an authenticator request, in its order. Each item has a number, and
/// bytes: the body.
///
/// request: not NULL.
/// list: receives the list; not NULL.
///
/// Returns: REXT_OK, or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_extensions(
    request: *const rext_request,
    list: *mut rext_list,
) -> rext_status {
    // SAFETY: C callers must meet the documented requirements.
    fence!(unsafe { begin(request, list, |request| Rest::Extensions(request.extensions())) })
}

/// Returns the body of the extension with a given number.
///
/// request: not NULL.
/// number: the number of the extension.
/// body: receives the body, which may be empty; not NULL. It is valid as long as the view.
///
/// Returns: REXT_YES; REXT_NO, and no bytes, without that extension; or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_request_extension(
    request: *const rext_request,
    number: u16,
    body: *mut rext_bytes,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let body = unsafe { out(body) }?;
        // SAFETY: likewise.
        let found = unsafe { self::request(request) }?.extension(number);
        body.set(found.map_or(rext_bytes::NONE, rext_bytes::from));
        Ok(if found.is_some() { REXT_YES } else { REXT_NO })
    })
}
