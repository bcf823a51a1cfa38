use std::fmt;

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use super::HostProblem;
use crate::http::Challenge;

/// Why a request is refused, with the status of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// The host that the request is for cannot be determined: 400 (RFC 9112 section 3.2).
    Host(HostProblem),
    /// The policy requests a certificate for the request's host that was not requested on this
    /// connection; or the client proved the scope on the open connection for another host, and the
    /// policy never requests it for this host; or the connection required a certificate that no
    /// longer verifies ([`verify_again`](super::ConnectionInfo::verify_again)): 421 (RFC 9110
    /// section 15.5.20), so that the client opens another connection.
    Misdirected,
    /// The client is not authenticated, but can be if it repeats the request with a certificate:
    /// 401.
    Unauthenticated {
        /// The certificates that are accepted.
        challenge: Box<Challenge>,
    },
    /// The client is authenticated in another scope: 403.
    OtherScope,
    /// The client proved on the open connection that it has the key of a certificate, which does not
    /// count in the scope: 403. [`ConnectionInfo::refusal`](super::ConnectionInfo::refusal) has the
    /// reason.
    Refused,
    /// The client is not authenticated, and the policy never requests a certificate of this scope
    /// from it on a connection to this host: 403.
    NeverAsked,
    /// The client is authenticated in the scope, but its certificate has no SPIFFE ID, or several URIs:
    /// 403.
    NoSpiffeId,
    /// The request has not come through a [`CallerLayer`](super::CallerLayer): 500.
    ///
    /// In axum, call `.layer(CallerLayer::new(…))` after the routes that need it.
    NoCaller,
    /// The [`CallerLayer`](super::CallerLayer) does not know the connection of the request: 500.
    ///
    /// Serve with `into_make_service_with_connect_info::<ConnectionInfo>()`, or give the layer the
    /// connection with [`with_connection()`](super::CallerLayer::with_connection).
    NoConnection,
    /// The policy has no scope of this name, so no client can ever be authenticated in it: 500.
    UnknownScope {
        /// The name that was asked for.
        scope: String,
    },
}

impl Denied {
    /// Returns the status code of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Host(_) => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::OtherScope | Self::Refused | Self::NeverAsked | Self::NoSpiffeId => {
                StatusCode::FORBIDDEN
            }
            Self::NoCaller | Self::NoConnection | Self::UnknownScope { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Makes the response. It contains the challenge if there is one. Its extensions contain this
    /// value, so that an outer layer can replace the body.
    ///
    /// A denial with status 500 is a mistake in the program. With the feature `tracing`, it is an event
    /// at level `ERROR` that says what to write.
    pub fn response<B>(self, body: B) -> Response<B> {
        #[cfg(feature = "tracing")]
        if self.status() == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("request denied: {self}");
        }
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        if let Self::Unauthenticated { challenge } = &self {
            response.headers_mut().insert(WWW_AUTHENTICATE, field(challenge));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Returns the value of the field. A scope may have more anchors than fit into a field. Then they
/// are not named, and the challenge accepts any certificate.
fn field(challenge: &Challenge) -> HeaderValue {
    let short = || {
        let realm = challenge.realm().unwrap_or_default();
        Challenge::new().with_realm(realm).and_then(|short| short.to_value())
    };
    let bare = || HeaderValue::from_static(crate::http::SCHEME);
    challenge.to_value().or_else(|_| short()).unwrap_or_else(|_| bare())
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(problem) => problem.fmt(f),
            Self::Misdirected => f.write_str("this host needs another connection"),
            Self::Unauthenticated { .. } => f.write_str("a client certificate is required"),
            Self::OtherScope => f.write_str("your certificate is for another scope"),
            Self::Refused => f.write_str("your certificate is not accepted here"),
            Self::NeverAsked => {
                f.write_str("the policy never requests the required certificate for this host")
            }
            Self::NoSpiffeId => f.write_str("your certificate has no SPIFFE ID"),
            Self::NoCaller => f.write_str(
                "the server has no CallerLayer around this handler: add the layer after the routes",
            ),
            Self::NoConnection => f.write_str(
                "the server's CallerLayer does not know the connection: serve with \
                 into_make_service_with_connect_info::<ConnectionInfo>()",
            ),
            Self::UnknownScope { scope } => {
                write!(f, "the server's policy has no scope {scope:?}")
            }
        }
    }
}

impl std::error::Error for Denied {}
