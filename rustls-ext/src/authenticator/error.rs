use std::error::Error;
use std::fmt;

use super::Misfit;
use crate::wire::authenticator::{AuthenticatorError, WriteError};
use crate::wire::rules;

/// Why there are no exported values for authenticators.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExporterError {
    /// The handshake is not complete (EA-1).
    Handshaking,
    /// The connection does not use TLS 1.3, and rustls does not tell whether it has the extended
    /// master secret (EA-12).
    NotTls13,
    /// The connection cannot export.
    Export(rustls::Error),
}

impl ExporterError {
    /// Returns the rule that forbids it, if there is one: see [`rules::find`].
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Handshaking => Some(rules::EA_1.id),
            Self::NotTls13 => Some(rules::EA_12.id),
            Self::Export(_) => None,
        }
    }
}

impl fmt::Display for ExporterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshaking => f.write_str("the handshake is not complete (EA-1)"),
            Self::NotTls13 => f.write_str("authenticators need TLS 1.3 (EA-12)"),
            Self::Export(_) => f.write_str("the connection cannot export"),
        }
    }
}

impl Error for ExporterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Export(error) => Some(error),
            Self::Handshaking | Self::NotTls13 => None,
        }
    }
}

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MakeRequestError {
    /// There is no signature scheme that TLS 1.3 allows (EA-7).
    NoSchemes,
    /// The provider has no random numbers.
    NoRandom,
    /// An extension is too long, not allowed in a request, or there twice.
    Write(WriteError),
}

impl fmt::Display for MakeRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSchemes => f.write_str("no signature scheme of TLS 1.3 is supported (EA-7)"),
            Self::NoRandom => f.write_str("the provider has no random numbers"),
            Self::Write(error) => error.fmt(f),
        }
    }
}

/// It has no source: the text contains that of the inner error.
impl Error for MakeRequestError {}

/// Why there is no authenticator with a certificate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// The certificate does not fit the request: decline, or try another one (EA-6, EA-7).
    Misfit(Misfit),
    /// The key cannot sign.
    Sign(rustls::Error),
    /// A part of it is too long, or the exporters are those of the other side.
    Write(WriteError),
}

impl fmt::Display for AuthenticateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(misfit) => misfit.fmt(f),
            Self::Sign(_) => f.write_str("the key cannot sign"),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl Error for AuthenticateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Sign(error) => Some(error),
            // The text contains that of the inner error.
            Self::Misfit(_) | Self::Write(_) => None,
        }
    }
}

/// Why an authenticator is not a proof of possession.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValidateError {
    /// It is malformed, does not answer the request, or does not belong to the connection.
    Authenticator(AuthenticatorError),
    /// The signature does not verify (EA-8).
    Signature(rustls::Error),
}

impl ValidateError {
    /// Returns the broken rule: see [`rules::find`].
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Authenticator(error) => error.rule(),
            Self::Signature(_) => rules::EA_8.id,
        }
    }
}

impl fmt::Display for ValidateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authenticator(AuthenticatorError::Mac) => f.write_str(
                "the authenticator does not belong to this connection: a proxy between client and \
                 server may terminate TLS (EA-9)",
            ),
            Self::Authenticator(error) => error.fmt(f),
            Self::Signature(_) => f.write_str("the signature does not verify (EA-8)"),
        }
    }
}

impl Error for ValidateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Signature(error) => Some(error),
            // The text contains that of the inner error.
            Self::Authenticator(_) => None,
        }
    }
}
