use std::error::Error;
use std::{fmt, io};

use crate::{FileError, PolicyError, with_causes};

/// Why something could not be loaded, for [`Live::load`](crate::Live::load) and
/// [`Live::reload`](crate::Live::reload): any error.
///
/// It has the text and the causes of the error that it was made of, and adds nothing. Use
/// [`downcast_ref`](Self::downcast_ref) to look for a [`FileError`], say, and
/// [`with_causes`] to show it to people, as `Debug` does, with which `main` prints errors.
///
/// `?` makes one of the errors of this crate, of rustls and of parsing what was read, of a text, and of
/// any boxed error. For others, such as `anyhow::Error`, there is [`new`](Self::new):
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
/// It is an error itself, so `?` also makes it a `Box<dyn Error>` or an `anyhow::Error`.
pub struct LoadError(Box<dyn Error + Send + Sync>);

impl LoadError {
    /// Makes one of any error, or of a text.
    pub fn new(err: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match err.into().downcast() {
            Ok(err) => *err,
            Err(err) => Self(err),
        }
    }

    /// The error that it was made of.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// The error that it was made of, as its owner.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }

    /// Returns true if it was made of an error of this type.
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.0.is::<E>()
    }

    /// The error that it was made of, if that is of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// The error that it was made of, as its owner.
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

/// What `?` makes a [`LoadError`] of. An implementation for every error cannot be: a `LoadError` is
/// one, too.
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
    #[cfg(feature = "http")]
    crate::http::ChallengeError,
    #[cfg(any(feature = "hyper", feature = "reqwest"))]
    crate::http::client::IdentityError,
    #[cfg(all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs")))]
    crate::quic::ConfigError,
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
