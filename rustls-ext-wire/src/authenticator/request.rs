//! Authenticator requests.

use core::fmt;

use super::allowed::{
    CERTIFICATE_AUTHORITIES, SIGNATURE_ALGORITHMS, SIGNATURE_ALGORITHMS_CERT, in_request,
    is_allowed_scheme,
};
use super::error::{Field, RequestError};
use super::read::Reader;
use super::{CERTIFICATE_REQUEST, CLIENT_CERTIFICATE_REQUEST, Endpoint};
use crate::scan::numbers::{Exact, Numbers as _};
use crate::scan::{Authorities, ClientHello, Extensions, Flaw, Numbers, bodies, known};

/// An authenticator request, borrowed from its bytes; or, for a server's authenticator without a
/// request, the ClientHello in its place.
///
/// The structure has been checked. A server's request is a CertificateRequest of TLS 1.3, a
/// client's a ClientCertificateRequest of the same structure, each with its handshake header (EA-2,
/// EA-4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    by: Endpoint,
    /// Empty without a request.
    bytes: &'a [u8],
    context: &'a [u8],
    extensions: &'a [u8],
    /// The content of `signature_algorithms`.
    schemes: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a request of the side `by`: one handshake message, and nothing behind it.
    ///
    /// Unknown extensions are kept and not checked.
    ///
    /// # Errors
    /// [`RequestError`] if the message has another type, does not parse, lacks
    /// `signature_algorithms`, or has an extension twice or one that is not allowed in it.
    pub fn parse(by: Endpoint, bytes: &'a [u8]) -> Result<Self, RequestError> {
        let whole = |flaw| RequestError::Malformed { field: Field::Request, flaw };
        let mut reader = Reader(bytes);
        // The type first: the length of another message does not matter.
        let expected = handshake_type(by);
        match bytes.first() {
            Some(found) if *found != expected => {
                return Err(RequestError::UnexpectedMessage { expected, found: *found });
            }
            _ => {}
        }
        let (_, body, _) = reader.message().map_err(whole)?;
        reader.end().map_err(whole)?;
        let mut reader = Reader(body);
        let context = reader
            .vector::<1>()
            .map_err(|flaw| RequestError::Malformed { field: Field::Context, flaw })?;
        let list = |flaw| RequestError::Malformed { field: Field::Extensions, flaw };
        let extensions = reader.vector::<2>().map_err(list)?;
        reader.end().map_err(list)?;
        check(by, extensions)?;
        Self::new(by, bytes, context, extensions)
    }

    /// Makes the basis of a server's authenticator without a request: schemes and extensions are
    /// those of the ClientHello (EA-5).
    ///
    /// The server chooses the context, random and of at least [`MIN_CONTEXT`](super::MIN_CONTEXT)
    /// bytes. The client takes it from the authenticator:
    /// [`Authenticator::context`](super::Authenticator::context). There is no empty authenticator
    /// without a request.
    ///
    /// # Errors
    /// [`RequestError`] if the context has more than 255 bytes, or the ClientHello has no or a
    /// malformed `signature_algorithms`.
    pub fn spontaneous(context: &'a [u8], hello: &ClientHello<'a>) -> Result<Self, RequestError> {
        if context.len() > 255 {
            return Err(RequestError::Malformed { field: Field::Context, flaw: Flaw::TooLong });
        }
        Self::new(Endpoint::Client, &[], context, hello.extensions().0)
    }

    fn new(
        by: Endpoint,
        bytes: &'a [u8],
        context: &'a [u8],
        extensions: &'a [u8],
    ) -> Result<Self, RequestError> {
        let body = find(extensions, SIGNATURE_ALGORITHMS).ok_or(RequestError::NoSchemes)?;
        let flaw = |flaw| malformed(SIGNATURE_ALGORITHMS, flaw);
        let schemes = bodies::list16(body).map_err(flaw)?;
        bodies::numbers(schemes).map_err(flaw)?;
        Ok(Self { by, bytes, context, extensions, schemes })
    }

    /// Returns the side that requests; the other one sends the authenticator.
    #[must_use]
    pub const fn by(&self) -> Endpoint {
        self.by
    }

    /// Returns the bytes of the message, with its header; empty without a request.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns true if there is no request: see [`spontaneous`](Self::spontaneous).
    #[must_use]
    pub const fn is_spontaneous(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns `certificate_request_context`, 0 to 255 bytes.
    #[must_use]
    pub const fn context(&self) -> &'a [u8] {
        self.context
    }

    /// Returns the signature schemes that an authenticator may use, in the order of
    /// `signature_algorithms`, without those that TLS 1.3 does not allow (EA-7).
    pub fn schemes(&self) -> impl Iterator<Item = u16> + use<'a> {
        Numbers(self.schemes).filter(|scheme| is_allowed_scheme(*scheme))
    }

    /// Returns true if the scheme is in `signature_algorithms`, allowed or not.
    pub(super) fn lists_scheme(&self, scheme: u16) -> bool {
        Numbers(self.schemes).any(|listed| listed == scheme)
    }

    /// Returns all extensions, as numbers and bodies.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions(self.extensions)
    }

    /// Returns the distinguished names in `certificate_authorities`, in the order of the request,
    /// each in DER as sent. Empty without the extension.
    pub fn certificate_authorities(&self) -> Authorities<'a> {
        let body = self.extension(CERTIFICATE_AUTHORITIES);
        Authorities(body.and_then(|body| body.get(2..)).unwrap_or_default())
    }

    /// Returns the body of an extension.
    #[must_use]
    pub fn extension(&self, number: u16) -> Option<&'a [u8]> {
        find(self.extensions, number)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("by", &self.by)
            .field("context", &self.context)
            .field("schemes", &Numbers(self.schemes))
            .finish_non_exhaustive()
    }
}

pub(super) const fn handshake_type(by: Endpoint) -> u8 {
    match by {
        Endpoint::Server => CERTIFICATE_REQUEST,
        Endpoint::Client => CLIENT_CERTIFICATE_REQUEST,
    }
}

/// Checks which extensions a request has, and the format of those whose format matters here.
fn check(by: Endpoint, mut list: &[u8]) -> Result<(), RequestError> {
    let mut numbers = Exact::new();
    while !list.is_empty() {
        let flaw = Flaw::Truncated;
        let (number, body, rest) = known::extension(list)
            .ok_or(RequestError::Malformed { field: Field::Extensions, flaw })?;
        if !numbers.is_new(number) {
            return Err(RequestError::DuplicateExtension { extension: number });
        }
        if !in_request(by, number) {
            return Err(RequestError::ForbiddenExtension { extension: number });
        }
        match number {
            CERTIFICATE_AUTHORITIES => bodies::items16(body),
            SIGNATURE_ALGORITHMS_CERT => bodies::list16(body).and_then(bodies::numbers),
            _ => Ok(()),
        }
        .map_err(|flaw| malformed(number, flaw))?;
        list = rest;
    }
    Ok(())
}

fn find(extensions: &[u8], number: u16) -> Option<&[u8]> {
    Extensions(extensions).find(|(found, _)| *found == number).map(|(_, body)| body)
}

const fn malformed(extension: u16, flaw: Flaw) -> RequestError {
    RequestError::Malformed { field: Field::Extension(extension), flaw }
}
