use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::AlertDescription as Alert;

use crate::alert::is_about_certificate;
use crate::{alert_name, causes};

/// The server's refusal of a connection, by an alert.
///
/// An [`io::Error`] of a [`Connector`](super::Connector) or a [`ClientStream`](super::ClientStream)
/// that contains it has the kind [`InvalidData`](io::ErrorKind), and contains it in place of
/// [`rustls::Error::AlertReceived`]. It has no source: its text names the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The alert that the server sent (RFC 8446 section 6.2).
    pub alert: Alert,
    /// True if the client's handshake was complete. With TLS 1.3 that is always so if the server
    /// checked the client's certificate before it refused.
    pub after_handshake: bool,
}

impl Refusal {
    pub(crate) fn new(alert: Alert, after_handshake: bool) -> Self {
        Self { alert, after_handshake }
    }

    /// Returns true if the alert is about the client's certificate, or about a missing one.
    pub fn is_about_certificate(&self) -> bool {
        is_about_certificate(self.alert)
    }

    /// Returns the first refusal among `err` and its causes: see [`causes`].
    pub fn in_chain<'a>(err: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(err).find_map(|err| err.downcast_ref())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.alert {
            Alert::NoCertificate | Alert::CertificateRequired => {
                "the server requires a client certificate"
            }
            Alert::AccessDenied => "the server denied the client access",
            _ if self.is_about_certificate() => "the server refused the client's certificate",
            _ => "the server refused the connection",
        })?;
        write!(f, ": {}", alert_name(self.alert))?;
        if self.after_handshake { f.write_str(", after the client's handshake") } else { Ok(()) }
    }
}

impl StdError for Refusal {}

/// The connection broke off after the server had requested a certificate and the client had
/// answered, before anything came back: no alert, no ticket, no application data.
///
/// A refusal looks like this if its alert was lost with the connection, or never sent. A server
/// that crashed at that moment looks the same, so this type is not a proof of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LikelyRefusal {
    /// The kind of the I/O error.
    pub kind: io::ErrorKind,
}

impl LikelyRefusal {
    pub(crate) fn new(kind: io::ErrorKind) -> Self {
        Self { kind }
    }

    /// Returns the first `LikelyRefusal` among `err` and its causes: see [`causes`].
    pub fn in_chain<'a>(err: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(err).find_map(|err| err.downcast_ref())
    }
}

impl fmt::Display for LikelyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = self.kind;
        write!(
            f,
            "the connection broke off after the client had answered the certificate request, \
             before any response of the server: probably a refusal ({how})"
        )
    }
}

impl StdError for LikelyRefusal {}

/// How a connection ended, as its client saw it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// The server closed its side cleanly.
    Closed,
    /// The server sent an alert.
    Refused(Refusal),
    /// The connection broke off at a moment when a refusal is the likely reason.
    LikelyRefused(LikelyRefusal),
    /// The client ended the connection because of data that the server sent.
    Tls(rustls::Error),
    /// The connection failed with an I/O error of this kind.
    Io(io::ErrorKind),
}

impl End {
    /// The error for every read and write from now on, if TLS has ended.
    pub(super) fn lasting_error(&self) -> Option<io::Error> {
        let reason: Box<dyn StdError + Send + Sync> = match self {
            Self::Refused(refusal) => Box::new(refusal.clone()),
            Self::Tls(err) => Box::new(err.clone()),
            Self::Closed | Self::LikelyRefused(_) | Self::Io(_) => return None,
        };
        Some(io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::LikelyRefused(refusal) => refusal.fmt(f),
            Self::Tls(err) => write!(f, "the client refused the connection: {err}"),
            Self::Io(kind) => write!(f, "the connection failed: {kind}"),
        }
    }
}

/// A handle that returns how a [`ClientStream`](super::ClientStream) ended, even after the stream
/// was handed over to a library.
///
/// Clones share the result. It is set before a read or a write of the stream returns an error, so
/// it is available when an HTTP library reports a failure.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOutcome(Arc<OnceLock<End>>);

impl ConnectionOutcome {
    /// Returns how the connection ended; `None` if it has not ended, or was dropped before it
    /// ended.
    pub fn get(&self) -> Option<&End> {
        self.0.get()
    }

    /// Returns the server's alert, if the connection ended with one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self.get() {
            Some(End::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The first end is kept, since it is the reason of later ones.
    pub(super) fn set(&self, end: End) {
        let _ = self.0.set(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_inside_other_errors() {
        let refusal = Refusal::new(Alert::UnknownCA, true);
        let inner = io::Error::new(io::ErrorKind::InvalidData, refusal.clone());
        assert_eq!(Refusal::in_chain(&inner), Some(&refusal));
        let outer = io::Error::other(inner);
        assert_eq!(Refusal::in_chain(&outer), Some(&refusal));
        assert_eq!(LikelyRefusal::in_chain(&outer), None);
        assert_eq!(Refusal::in_chain(&io::Error::from(io::ErrorKind::BrokenPipe)), None);
    }

    #[test]
    fn the_text_of_a_refusal_depends_on_its_alert() {
        for (alert, text) in [
            (
                Alert::CertificateRequired,
                "the server requires a client certificate: certificate_required",
            ),
            (Alert::UnknownCA, "the server refused the client's certificate: unknown_ca"),
            (Alert::AccessDenied, "the server denied the client access: access_denied"),
            (Alert::HandshakeFailure, "the server refused the connection: handshake_failure"),
        ] {
            assert_eq!(Refusal::new(alert, false).to_string(), text);
            assert_eq!(
                Refusal::new(alert, true).to_string(),
                format!("{text}, after the client's handshake")
            );
        }
    }
}
