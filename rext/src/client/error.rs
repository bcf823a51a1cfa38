//! The error for a request without a response.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls_ext::alert_name;
use rustls_ext::explain;
use rustls_ext::rustls::{CertificateError, Error};
use rustls_ext::tokio::{End, LikelyRefusal, Refusal};

use super::LARGEST_BODY;

/// Why a request has no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// Connecting to this address failed.
    Connect(SocketAddr, io::Error),
    /// The server sent an alert.
    ServerRefused(Refusal),
    /// The connection broke off while the server was checking the client's certificate.
    LikelyRefused(LikelyRefusal),
    /// The client ended the connection for this reason.
    WeRefused(Error),
    /// Reading or writing failed.
    Io(io::Error),
    /// The HTTP exchange failed.
    Http(hyper::Error),
    /// The request is invalid.
    Request(http::Error),
    /// The response's body has more than 16 MiB.
    BodyTooLarge,
    /// There was no response in this time.
    Timeout(Duration),
}

impl ClientError {
    /// Returns the alert that ended the connection and its sender, such as
    /// `unknown_ca from server`.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::ServerRefused(refusal) => {
                Some(format!("{} from server", alert_name(refusal.alert)))
            }
            Self::WeRefused(err) => {
                err.alert_sent().map(|alert| format!("{} from client", alert_name(alert)))
            }
            _ => None,
        }
    }
}

impl ClientError {
    /// Returns the error for this end of the connection; `None` if `end` does not explain why the
    /// request failed.
    pub(super) fn from_end(end: &End) -> Option<Self> {
        match end {
            End::Refused(refusal) => Some(Self::ServerRefused(refusal.clone())),
            End::LikelyRefused(refusal) => Some(Self::LikelyRefused(*refusal)),
            End::Tls(err) => Some(Self::WeRefused(err.clone())),
            _ => None,
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(err: io::Error) -> Self {
        if let Some(refusal) = Refusal::in_chain(&err) {
            return Self::ServerRefused(refusal.clone());
        }
        if let Some(refusal) = LikelyRefusal::in_chain(&err) {
            return Self::LikelyRefused(*refusal);
        }
        match err.get_ref().and_then(|reason| reason.downcast_ref::<Error>()) {
            Some(tls) => Self::WeRefused(tls.clone()),
            None => Self::Io(err),
        }
    }
}

impl From<hyper::Error> for ClientError {
    fn from(err: hyper::Error) -> Self {
        Self::Http(err)
    }
}

impl From<http::Error> for ClientError {
    fn from(err: http::Error) -> Self {
        Self::Request(err)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(addr, _) => write!(f, "cannot connect to {addr}"),
            Self::ServerRefused(refusal) => refusal.fmt(f),
            Self::LikelyRefused(refusal) => refusal.fmt(f),
            Self::WeRefused(err) => match err.alert_sent() {
                Some(alert) => write!(
                    f,
                    "we refused the connection: sent alert {} ({})",
                    alert_name(alert),
                    reason(err)
                ),
                None => write!(f, "we refused the connection: {}", reason(err)),
            },
            Self::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the server closed the connection without a TLS alert")
            }
            Self::Io(_) => f.write_str("the connection failed"),
            Self::Http(_) => f.write_str("no response"),
            Self::Request(_) => f.write_str("the request is invalid"),
            Self::BodyTooLarge => {
                write!(f, "the response's body has more than {LARGEST_BODY} bytes")
            }
            Self::Timeout(time) => write!(f, "no response within {} seconds", time.as_secs()),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // This error's own text contains the cause's meaning.
            Self::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => None,
            Self::Connect(_, err) | Self::Io(err) => Some(err),
            Self::Http(err) => Some(err),
            Self::Request(err) => Some(err),
            // This error's own text contains their texts.
            Self::ServerRefused(refusal) => refusal.source(),
            Self::LikelyRefused(refusal) => refusal.source(),
            Self::WeRefused(err) => err.source(),
            Self::BodyTooLarge | Self::Timeout(_) => None,
        }
    }
}

/// Describes an error of the handshake; for errors about validity periods, with the dates.
fn reason(err: &Error) -> String {
    match err {
        Error::InvalidCertificate(
            CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. },
        ) => format!("invalid peer certificate: {}", explain(err)),
        _ => err.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use hyper::body::Bytes;
    use hyper_util::rt::TokioIo;
    use rustls_ext::with_causes;

    use super::*;

    /// The error of a request to a server that closes the connection.
    async fn connection_closed() -> hyper::Error {
        let (near, far) = tokio::io::duplex(1024);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
        drop(far);
        let request = http::Request::get("/").body(Empty::<Bytes>::new()).unwrap();
        let (response, _) = tokio::join!(sender.send_request(request), connection);
        response.unwrap_err()
    }

    #[tokio::test]
    async fn an_error_does_not_repeat_the_text_of_its_source() {
        use ClientError as E;
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        let request = http::Request::get("\0").body(()).unwrap_err();
        let errors = [
            E::Connect(([127, 0, 0, 1], 443).into(), reset()),
            E::WeRefused(Error::DecryptError),
            E::WeRefused(CertificateError::UnknownIssuer.into()),
            E::Io(reset()),
            E::Io(io::ErrorKind::UnexpectedEof.into()),
            E::Io(io::Error::other("other")),
            E::Http(connection_closed().await),
            E::Request(request),
            E::BodyTooLarge,
            E::Timeout(Duration::from_secs(10)),
        ];
        for err in &errors {
            // A new variant must be added to the errors above, except for these two, which only the
            // library can make.
            match err {
                E::ServerRefused(_) | E::LikelyRefused(_) => {}
                E::Connect(..)
                | E::WeRefused(_)
                | E::Io(_)
                | E::Http(_)
                | E::Request(_)
                | E::BodyTooLarge
                | E::Timeout(_) => {}
            }
            let (text, mut line) = (err.to_string(), err.to_string());
            if let Some(cause) = std::error::Error::source(err) {
                assert!(!text.contains(&cause.to_string()), "{text}: {cause}");
                line = format!("{text}: {}", with_causes(cause));
            }
            assert_eq!(with_causes(err), line);
        }
    }
}
