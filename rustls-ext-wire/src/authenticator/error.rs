//! Faults in requests and authenticators, and mistakes in making them.

use core::error::Error;
use core::fmt;

use super::MIN_CONTEXT;
use super::allowed::SIGNATURE_ALGORITHMS;
use crate::rules;
use crate::scan::{Flaw, Part};

const EXPORTER_LENGTH: &str =
    "the exported handshake context or the MAC is not as long as the output of the hash";

/// A fault in an authenticator request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestError {
    /// The message has another type (EA-2).
    UnexpectedMessage {
        /// The expected handshake type: 13 of a server, 17 of a client.
        expected: u8,
        /// Its handshake type.
        found: u8,
    },
    /// A field does not have the required format: EA-4 for `signature_algorithms`, otherwise EA-2.
    Malformed {
        /// The field.
        field: Field,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// `signature_algorithms` is missing (EA-4).
    NoSchemes,
    /// An extension type occurs twice, known or not (EA-4).
    DuplicateExtension {
        /// The extension type.
        extension: u16,
    },
    /// TLS 1.3 does not allow this extension in a request (EA-4).
    ForbiddenExtension {
        /// The extension type.
        extension: u16,
    },
}

impl RequestError {
    /// Returns the broken rule: see [`rules::find`](crate::rules::find).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Malformed { field: Field::Extension(SIGNATURE_ALGORITHMS), .. }
            | Self::NoSchemes
            | Self::DuplicateExtension { .. }
            | Self::ForbiddenExtension { .. } => rules::EA_4.id,
            Self::UnexpectedMessage { .. } | Self::Malformed { .. } => rules::EA_2.id,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed authenticator request: ")?;
        match self {
            Self::UnexpectedMessage { expected, found } => {
                write!(f, "the handshake message has type {found}, not {expected}")?;
            }
            Self::Malformed { field, flaw } => write!(f, "{field}: {flaw}")?,
            Self::NoSchemes => f.write_str("signature_algorithms is missing")?,
            Self::DuplicateExtension { extension } => {
                write!(f, "{} occurs twice", Field::Extension(*extension))?;
            }
            Self::ForbiddenExtension { extension } => {
                write!(f, "{} is not allowed in it", Field::Extension(*extension))?;
            }
        }
        write!(f, " ({})", self.rule())
    }
}

impl Error for RequestError {}

/// A fault in an authenticator, other than a signature that does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthenticatorError {
    /// A message has another type (EA-2).
    UnexpectedMessage {
        /// The expected handshake type: 11 (Certificate), 15 (CertificateVerify) or 20 (Finished).
        expected: u8,
        /// Its handshake type.
        found: u8,
    },
    /// A field does not have the required format (EA-2).
    Malformed {
        /// The field.
        field: Field,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Certificate has no entries (EA-10).
    NoCertificate,
    /// An empty authenticator, but there is no request (EA-5).
    EmptyWithoutRequest,
    /// The context is not that of the request (EA-6).
    Context,
    /// The MAC in Finished is wrong: the authenticator belongs to another connection, direction or
    /// request, or was changed; or a proxy between client and server terminates TLS (EA-9).
    Mac,
    /// Certificate has an extension that the request did not have (EA-6).
    UnsolicitedExtension {
        /// The extension type.
        extension: u16,
    },
    /// TLS 1.3 does not allow this extension in Certificate (EA-6).
    ForbiddenExtension {
        /// The extension type.
        extension: u16,
    },
    /// An entry of Certificate has an extension twice (EA-6).
    DuplicateExtension {
        /// The extension type.
        extension: u16,
    },
    /// The request does not list the signature scheme (EA-7).
    SchemeNotRequested {
        /// The scheme of CertificateVerify.
        scheme: u16,
    },
    /// TLS 1.3 does not allow the signature scheme (EA-7).
    SchemeNotAllowed {
        /// The scheme of CertificateVerify.
        scheme: u16,
    },
    /// The exported handshake context or the MAC is not as long as the output of the hash (EA-1).
    /// This is a mistake of the TLS stack.
    ExporterLength,
}

impl AuthenticatorError {
    /// Returns the broken rule: see [`rules::find`](crate::rules::find).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::ExporterLength => rules::EA_1.id,
            Self::UnexpectedMessage { .. } | Self::Malformed { .. } => rules::EA_2.id,
            Self::EmptyWithoutRequest => rules::EA_5.id,
            Self::Context
            | Self::UnsolicitedExtension { .. }
            | Self::ForbiddenExtension { .. }
            | Self::DuplicateExtension { .. } => rules::EA_6.id,
            Self::SchemeNotRequested { .. } | Self::SchemeNotAllowed { .. } => rules::EA_7.id,
            Self::Mac => rules::EA_9.id,
            Self::NoCertificate => rules::EA_10.id,
        }
    }
}

impl fmt::Display for AuthenticatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid authenticator: ")?;
        match self {
            Self::UnexpectedMessage { expected, found } => {
                write!(f, "a handshake message has type {found}, not {expected}")?;
            }
            Self::Malformed { field, flaw } => write!(f, "{field}: {flaw}")?,
            Self::NoCertificate => f.write_str("Certificate has no entries")?,
            Self::EmptyWithoutRequest => f.write_str("it is empty, but there was no request")?,
            Self::Context => f.write_str("its context is not that of the request")?,
            Self::Mac => f.write_str(
                "its MAC is wrong; it is for another connection or request, or a proxy between \
                 client and server terminates TLS",
            )?,
            Self::UnsolicitedExtension { extension } => {
                write!(f, "the request did not have {}", Field::Extension(*extension))?;
            }
            Self::ForbiddenExtension { extension } => {
                write!(f, "{} is not allowed in Certificate", Field::Extension(*extension))?;
            }
            Self::DuplicateExtension { extension } => {
                write!(f, "{} occurs twice", Field::Extension(*extension))?;
            }
            Self::SchemeNotRequested { scheme } => {
                write!(f, "the request does not list signature scheme {scheme:#06x}")?;
            }
            Self::SchemeNotAllowed { scheme } => {
                write!(f, "TLS 1.3 does not allow signature scheme {scheme:#06x}")?;
            }
            Self::ExporterLength => f.write_str(EXPORTER_LENGTH)?,
        }
        write!(f, " ({})", self.rule())
    }
}

impl Error for AuthenticatorError {}

/// Why an authenticator does not validate. `E` is the error of the closure that verifies the
/// signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Closed: there are no other steps that can fail.
pub enum ValidateError<E> {
    /// The authenticator has a fault.
    Authenticator(AuthenticatorError),
    /// The signature does not verify (EA-8).
    Signature(E),
}

impl<E> ValidateError<E> {
    /// Returns the broken rule: see [`rules::find`](crate::rules::find).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Authenticator(error) => error.rule(),
            Self::Signature(_) => rules::EA_8.id,
        }
    }
}

impl<E> From<AuthenticatorError> for ValidateError<E> {
    fn from(error: AuthenticatorError) -> Self {
        Self::Authenticator(error)
    }
}

impl<E> fmt::Display for ValidateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authenticator(error) => error.fmt(f),
            Self::Signature(_) => {
                write!(f, "invalid authenticator: its signature does not verify ({})", self.rule())
            }
        }
    }
}

impl<E: Error + 'static> Error for ValidateError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Authenticator(_) => None,
            Self::Signature(error) => Some(error),
        }
    }
}

/// Why a request or an authenticator cannot be written. This is a mistake of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// The buffer is too short.
    NoRoom {
        /// The required length in bytes, as far as it is known: with a signature that has not been
        /// made yet, it is the length of the messages before it.
        needed: usize,
    },
    /// A field is longer than its length can say.
    TooLong {
        /// The field.
        field: Field,
    },
    /// The context has less than [`MIN_CONTEXT`] bytes (EA-3).
    ContextTooShort,
    /// A peer would refuse the request.
    Request(RequestError),
    /// There is no request to decline (EA-5).
    NoRequest,
    /// The scheme is not one of [`Request::schemes`](super::Request::schemes) (EA-7).
    Scheme {
        /// The scheme.
        scheme: u16,
    },
    /// The chain has no certificate, or an empty one (EA-10).
    NoCertificate,
    /// The exported handshake context or the MAC is not as long as the output of the hash (EA-1).
    ExporterLength,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { needed } => {
                write!(f, "the buffer is too short: at least {needed} bytes are required")
            }
            Self::TooLong { field } => write!(f, "{field} is too long"),
            Self::ContextTooShort => {
                write!(f, "the context must have at least {MIN_CONTEXT} bytes ({})", rules::EA_3.id)
            }
            Self::Request(error) => error.fmt(f),
            Self::NoRequest => {
                write!(f, "there is no authenticator request to decline ({})", rules::EA_5.id)
            }
            Self::Scheme { scheme } => write!(
                f,
                "signature scheme {scheme:#06x} is not in the request, or TLS 1.3 does not allow \
                 it ({})",
                rules::EA_7.id
            ),
            Self::NoCertificate => write!(
                f,
                "the chain has no certificate: send an empty authenticator ({})",
                rules::EA_10.id
            ),
            Self::ExporterLength => write!(f, "{} ({})", EXPORTER_LENGTH, rules::EA_1.id),
        }
    }
}

impl Error for WriteError {}

/// Why an authenticator cannot be made. `E` is the error of the closure that signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Closed: there are no other steps that can fail.
pub enum MakeError<E> {
    /// It cannot be written.
    Write(WriteError),
    /// The key cannot sign.
    Sign(E),
}

impl<E> From<WriteError> for MakeError<E> {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl<E> fmt::Display for MakeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(error) => error.fmt(f),
            Self::Sign(_) => f.write_str("the key cannot sign the authenticator"),
        }
    }
}

impl<E: Error + 'static> Error for MakeError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write(_) => None,
            Self::Sign(error) => Some(error),
        }
    }
}

/// A field of an authenticator request or an authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The request as a whole.
    Request,
    /// `certificate_request_context`.
    Context,
    /// `extensions`, of a request or of an entry.
    Extensions,
    /// The body of the extension with this type.
    Extension(u16),
    /// The authenticator as a whole.
    Authenticator,
    /// The message Certificate.
    Certificate,
    /// `certificate_list`.
    CertificateList,
    /// The message CertificateVerify.
    CertificateVerify,
    /// The message Finished.
    Finished,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the request",
            Self::Context => "certificate_request_context",
            Self::Extensions => "extensions",
            Self::Extension(number) => return Part::Extension(*number).fmt(f),
            Self::Authenticator => "the authenticator",
            Self::Certificate => "Certificate",
            Self::CertificateList => "certificate_list",
            Self::CertificateVerify => "CertificateVerify",
            Self::Finished => "Finished",
        })
    }
}
