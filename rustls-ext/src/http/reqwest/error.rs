use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rustls::AlertDescription;

use crate::alert::is_about_certificate;
use crate::{alert_name, causes};

/// Why there is no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// reqwest refuses this configuration.
    Build(reqwest::Error),
    /// The URL's host is not a name that a certificate can contain.
    BadName(String),
    /// The URL has no host, or is neither `http` nor `https`.
    BadUrl(String),
    /// The server refused the connection with an alert, which may be about something other than the
    /// certificate: see [`is_about_certificate`](Self::is_about_certificate).
    Refused {
        /// The alert.
        alert: AlertDescription,
        /// The identity of that connection.
        identity: Option<Arc<str>>,
        /// The error of reqwest.
        error: reqwest::Error,
    },
    /// The connection broke off after the server had requested the certificate there, before a
    /// response or a ticket arrived.
    ///
    /// A refusal whose alert was lost looks like this, and so does a server that crashed.
    LikelyRefused {
        /// The identity of that connection.
        identity: Option<Arc<str>>,
        /// The error of reqwest.
        error: reqwest::Error,
    },
    /// Any other error of reqwest.
    Request(reqwest::Error),
}

impl Error {
    /// The error for a connection with this identity; `silent` is true if the server requested the
    /// certificate and then sent nothing.
    pub(super) fn of(error: reqwest::Error, identity: Option<Arc<str>>, silent: bool) -> Self {
        if let Some(alert) = alert_in(&error) {
            Self::Refused { alert, identity, error }
        } else if silent && !error.is_timeout() && !error.is_redirect() && !is_own_fault(&error) {
            Self::LikelyRefused { identity, error }
        } else {
            Self::Request(error)
        }
    }

    /// Returns the alert with which the server refused the connection, if it was received.
    pub fn alert(&self) -> Option<AlertDescription> {
        match self {
            Self::Refused { alert, .. } => Some(*alert),
            _ => None,
        }
    }

    /// Returns true if the server refused the connection with an alert that is about the client's
    /// certificate, or about a missing one (RFC 8446 section 6.2).
    pub fn is_about_certificate(&self) -> bool {
        self.alert().is_some_and(is_about_certificate)
    }
}

/// Returns true if the request itself failed, such as the stream of its body.
fn is_own_fault(err: &(dyn StdError + 'static)) -> bool {
    causes(err).filter_map(|err| err.downcast_ref()).any(hyper::Error::is_user)
}

/// The alert that ended the connection, if it is among the causes of `err`.
fn alert_in(err: &(dyn StdError + 'static)) -> Option<AlertDescription> {
    causes(err).find_map(|err| match err.downcast_ref() {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(_) => f.write_str("reqwest does not accept this configuration"),
            Self::BadName(host) => {
                write!(f, "{host:?} is not a name that a server certificate can contain")
            }
            Self::BadUrl(url) => write!(f, "{url} is not an http or https URL with a host"),
            Self::Refused { alert, .. } => {
                write!(f, "the server refused the connection: {}", alert_name(*alert))
            }
            Self::LikelyRefused { .. } => f.write_str(
                "the connection broke off after the server had requested the certificate: probably \
                 a refusal",
            ),
            Self::Request(_) => f.write_str("no response"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::BadName(_) | Self::BadUrl(_) => None,
            Self::Build(error)
            | Self::Refused { error, .. }
            | Self::LikelyRefused { error, .. }
            | Self::Request(error) => Some(error),
        }
    }
}
