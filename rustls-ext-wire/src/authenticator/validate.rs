//! Parses and validates authenticators.

use core::fmt;
use core::hint::black_box;
use core::iter::FusedIterator;

use super::allowed::{in_certificate, is_allowed_scheme};
use super::error::{AuthenticatorError, Field, ValidateError};
use super::read::Reader;
use super::request::Request;
use super::{CERTIFICATE, CERTIFICATE_VERIFY, Connection, FINISHED, SignedMessage, empty_mac, mac};
use crate::scan::{Extensions, Flaw, bodies, known};

/// The content of an authenticator whose structure has been checked, and nothing else: see
/// [`Request::validate`].
///
/// Parse one to learn the context, and by it the request that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticator<'a> {
    /// `None` in an empty authenticator.
    content: Option<Content<'a>>,
    finished: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content<'a> {
    /// Certificate and CertificateVerify, with their headers.
    messages: &'a [u8],
    /// The first of the two.
    certificate: &'a [u8],
    context: &'a [u8],
    entries: &'a [u8],
    scheme: u16,
    signature: &'a [u8],
}

impl<'a> Authenticator<'a> {
    /// Reads Certificate, CertificateVerify and Finished, or Finished alone, and nothing behind it
    /// (EA-2).
    ///
    /// # Errors
    /// [`AuthenticatorError`] if a message has another type or does not parse, or if a Certificate
    /// has no entries (EA-10).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AuthenticatorError> {
        let mut rest = Reader(bytes);
        if bytes.first() == Some(&FINISHED) {
            let finished = last(&mut rest)?;
            return Ok(Self { content: None, finished });
        }
        let (body, certificate) = message(&mut rest, CERTIFICATE, Field::Certificate)?;
        let (context, entries) = certificate_body(body)?;
        let (body, _) = message(&mut rest, CERTIFICATE_VERIFY, Field::CertificateVerify)?;
        let messages = bytes.get(..bytes.len() - rest.0.len()).unwrap_or_default();
        let (scheme, signature) =
            verify_body(body).map_err(|flaw| malformed(Field::CertificateVerify, flaw))?;
        let finished = last(&mut rest)?;
        let content = Content { messages, certificate, context, entries, scheme, signature };
        Ok(Self { content: Some(content), finished })
    }

    /// Returns the context of the request that is answered; `None` in an empty authenticator, which
    /// has none.
    #[must_use]
    pub const fn context(&self) -> Option<&'a [u8]> {
        match &self.content {
            Some(content) => Some(content.context),
            None => None,
        }
    }
}

/// The outcome of a valid authenticator.
// Closed: a caller must handle both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof<'a> {
    /// The sender has the key of the first certificate. This is not yet an identity: the chain must
    /// be verified.
    Possession {
        /// The certificates, the sender's first.
        certificates: Certificates<'a>,
        /// The scheme of the signature.
        scheme: u16,
    },
    /// The sender has no certificate for this request, or does not want to show it: an empty
    /// authenticator (EA-10).
    Declined,
}

/// A signature to verify.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Signed<'a> {
    /// The signature scheme: one of the request that TLS 1.3 allows (EA-7).
    pub scheme: u16,
    /// The message that is signed (EA-8).
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
    /// The certificates; the key is that of the first.
    pub certificates: Certificates<'a>,
}

/// The entries of a Certificate, each as the bytes of a certificate (one or more, not checked to be
/// DER) and its extensions.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Certificates<'a>(&'a [u8]);

impl<'a> Iterator for Certificates<'a> {
    type Item = (&'a [u8], Extensions<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = Reader(self.0);
        let certificate = rest.vector::<3>().ok()?;
        let extensions = rest.vector::<2>().ok()?;
        self.0 = rest.0;
        Some((certificate, Extensions(extensions)))
    }
}

impl FusedIterator for Certificates<'_> {}

impl fmt::Debug for Certificates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Request<'_> {
    /// Validates the peer's answer to this request.
    ///
    /// The checks are in this order: structure, context, MAC, extensions, scheme, and then
    /// `verify`, the most expensive one. So an authenticator of another connection costs one HMAC
    /// (EA-9). Before that, use up the request in [`Contexts`](super::Contexts): see
    /// [`answered`](super::Contexts::answered) and, without a request,
    /// [`spontaneous`](super::Contexts::spontaneous).
    ///
    /// `verify` must check the signature with the key of the first certificate. For RSASSA-PSS, the
    /// scheme must fit the OID of the key, and the salt is as long as the hash.
    ///
    /// # Errors
    /// [`ValidateError`] with the first fault, in that order.
    pub fn validate<'b, C: Connection, E>(
        &self,
        connection: &C,
        authenticator: &'b [u8],
        verify: impl FnOnce(Signed<'_>) -> Result<(), E>,
    ) -> Result<Proof<'b>, ValidateError<E>> {
        let sender = self.by().peer();
        let Authenticator { content, finished } = Authenticator::parse(authenticator)?;
        let Some(content) = content else {
            if self.is_spontaneous() {
                return Err(AuthenticatorError::EmptyWithoutRequest.into());
            }
            let expected = empty_mac(connection, sender, self.bytes(), self.context());
            check_mac(expected, finished)?;
            return Ok(Proof::Declined);
        };
        if content.context != self.context() {
            return Err(AuthenticatorError::Context.into());
        }
        check_mac(mac(connection, sender, self.bytes(), content.messages), finished)?;

        let certificates = Certificates(content.entries);
        for (_, extensions) in certificates.clone() {
            self.check_extensions(&extensions)?;
        }
        let Content { scheme, signature, .. } = content;
        if !self.lists_scheme(scheme) {
            return Err(AuthenticatorError::SchemeNotRequested { scheme }.into());
        }
        if !is_allowed_scheme(scheme) {
            return Err(AuthenticatorError::SchemeNotAllowed { scheme }.into());
        }
        let message = SignedMessage::new(connection, sender, self.bytes(), content.certificate)
            .ok_or(AuthenticatorError::ExporterLength)?;
        let certificates_to_verify = certificates.clone();
        verify(Signed {
            scheme,
            message: message.bytes(),
            signature,
            certificates: certificates_to_verify,
        })
        .map_err(ValidateError::Signature)?;
        Ok(Proof::Possession { certificates, scheme })
    }

    /// Checks the extensions of one entry (EA-6).
    ///
    /// The time is linear in the entry: the first extension that is not in the request, or is there
    /// for the second time, ends it.
    fn check_extensions(&self, extensions: &Extensions<'_>) -> Result<(), AuthenticatorError> {
        for (place, (extension, _)) in extensions.clone().enumerate() {
            if self.extension(extension).is_none() {
                return Err(AuthenticatorError::UnsolicitedExtension { extension });
            }
            if !in_certificate(extension) {
                return Err(AuthenticatorError::ForbiddenExtension { extension });
            }
            if extensions.clone().take(place).any(|(earlier, _)| earlier == extension) {
                return Err(AuthenticatorError::DuplicateExtension { extension });
            }
        }
        Ok(())
    }
}

/// Compares the MAC in constant time (EA-9).
fn check_mac<T: AsRef<[u8]>>(
    expected: Option<T>,
    finished: &[u8],
) -> Result<(), AuthenticatorError> {
    let expected = expected.ok_or(AuthenticatorError::ExporterLength)?;
    let expected = expected.as_ref();
    bodies::fills(expected.len(), finished).map_err(|flaw| malformed(Field::Finished, flaw))?;
    // `black_box`, so that the compiler does not end the loop at the first difference.
    let difference = expected.iter().zip(finished).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    if difference == 0 { Ok(()) } else { Err(AuthenticatorError::Mac) }
}

/// The next message, which must be of this type: its body, and all of it.
fn message<'a>(
    rest: &mut Reader<'a>,
    expected: u8,
    field: Field,
) -> Result<(&'a [u8], &'a [u8]), AuthenticatorError> {
    // The type first: the length of another message does not matter.
    match rest.0.first() {
        Some(found) if *found != expected => {
            return Err(AuthenticatorError::UnexpectedMessage { expected, found: *found });
        }
        _ => {}
    }
    let (_, body, whole) = rest.message().map_err(|flaw| malformed(field, flaw))?;
    Ok((body, whole))
}

/// The body of Finished, which must be the last message.
fn last<'a>(rest: &mut Reader<'a>) -> Result<&'a [u8], AuthenticatorError> {
    let (finished, _) = message(rest, FINISHED, Field::Finished)?;
    rest.end().map_err(|flaw| malformed(Field::Authenticator, flaw))?;
    Ok(finished)
}

/// The context and the entries of a Certificate (RFC 8446 section 4.4.2).
fn certificate_body(body: &[u8]) -> Result<(&[u8], &[u8]), AuthenticatorError> {
    let mut rest = Reader(body);
    let context = rest.vector::<1>().map_err(|flaw| malformed(Field::Context, flaw))?;
    let list = |flaw| malformed(Field::CertificateList, flaw);
    let entries = rest.vector::<3>().map_err(list)?;
    rest.end().map_err(list)?;
    if entries.is_empty() {
        return Err(AuthenticatorError::NoCertificate);
    }
    let mut rest = Reader(entries);
    while !rest.0.is_empty() {
        if rest.vector::<3>().map_err(list)?.is_empty() {
            return Err(list(Flaw::EmptyItem));
        }
        let mut extensions = rest.vector::<2>().map_err(list)?;
        while !extensions.is_empty() {
            let next = known::extension(extensions);
            (.., extensions) = next.ok_or(malformed(Field::Extensions, Flaw::Truncated))?;
        }
    }
    Ok((context, entries))
}

/// The scheme and the signature of a CertificateVerify (RFC 8446 section 4.4.3).
fn verify_body(body: &[u8]) -> Result<(u16, &[u8]), Flaw> {
    let mut rest = Reader(body);
    let scheme = rest.u16()?;
    let signature = rest.vector::<2>()?;
    rest.end()?;
    Ok((scheme, signature))
}

const fn malformed(field: Field, flaw: Flaw) -> AuthenticatorError {
    AuthenticatorError::Malformed { field, flaw }
}
