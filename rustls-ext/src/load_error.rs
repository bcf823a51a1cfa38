use std::error::Error;
use std::{fmt, io};

use crate::{FileError, PolicyError, with_causes};

/// Any error that made a load fail, for [`Live::load`](crate::Live::load) and
/// [`Live::reload`](crate::Live::reload).
///
/// It has the text and the causes of the error that it was made of, and adds nothing. Use
/// [`downcast_ref`](Self::downcast_ref) to look for a particular type, such as [`FileError`], and
/// [`with_causes`] to show it to people, as `Debug` does, with which `main` prints errors.
///
/// `?` converts the errors of this crate, of rustls and of parsers, a text, and any boxed error.
/// For other errors, such as `anyhow::Error`, use [`new`](Self::new):
///
/// ```
/// # use rustls_ext::{Files, LoadError};
/// fn is_open(files: &mut Files) -> Result<bool, LoadError> {
///     let text = String::from_utf8(files.read("open")?)?;
///     text.trim().parse().map_err(LoadError::new) // a ParseBoolError
/// }
/// # assert!(is_open(&mut Files::new()).unwrap_err().is::<rustls_ext::FileError>());
/// ```
///
/// `LoadError` is an error itself, so `?` also converts it to a `Box<dyn Error>` or an
/// `anyhow::Error`.
pub struct LoadError(Box<dyn Error + Send + Sync>);

impl LoadError {
    /// Makes a `LoadError` of any error, or of a text.
    pub fn new(err: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match err.into().downcast() {
            Ok(err) => *err,
            Err(err) => Self(err),
        }
    }

    /// Returns the error that it was made of.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// Returns the error that it was made of, by value.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }

    /// Returns true if it was made of an error of this type.
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.0.is::<E>()
    }

    /// Returns the error that it was made of, if it has this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// Returns the error that it was made of, by value, if it has this type.
    ///
    /// # Errors
    /// The same `LoadError`, if it was made of an error of another type.
    pub fn downcast<E: Error + 'static>(self) -> Result<E, Self> {
        self.0.downcast().map(|err| *err).map_err(Self)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

/// Text and source are those of the error that it was made of.
impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// The types that `?` converts to a [`LoadError`]. An implementation for every error is not
/// possible: a `LoadError` is an error, too.
macro_rules! from {
    ($($(#[$attribute:meta])* $error:ty),* $(,)?) => {$(
        $(#[$attribute])*
        impl From<$error> for LoadError {
            fn from(err: $error) -> Self {
                Self::new(err)
            }
        }
    )*};
}

from! {
    Box<dyn Error + Send + Sync>,
    FileError,
    PolicyError,
    crate::ProviderError,
    crate::AnchorError,
    crate::BadUsage,
    crate::CrlError,
    crate::tickets::TicketKeyError,
    #[cfg(feature = "http")]
    crate::http::ChallengeError,
    #[cfg(any(feature = "hyper", feature = "reqwest"))]
    crate::http::client::IdentityError,
    #[cfg(all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs")))]
    crate::quic::ConfigError,
    #[cfg(feature = "spiffe")]
    crate::spiffe::WorkloadError,
    rustls::Error,
    rustls::server::VerifierBuilderError,
    rustls::pki_types::InvalidDnsNameError,
    io::Error,
    std::net::AddrParseError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    String,
    &str,
}
