//! The responses of the gateway itself.

use std::error::Error;
use std::io;

use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderValue, Response, StatusCode, Version, header};
use rustls_ext::causes;
use rustls_ext::http::server::Denied;

use super::connect::ConnectError;
use super::routes::NoRoute;
use super::upgrade::UpgradeError;
use super::upstream::SendError;
use crate::observe::Refused;

/// Why a client does not get the response of the server behind.
#[derive(Debug)]
pub(super) enum Rejection {
    /// The client is not authenticated as required, or the request is refused for its host.
    Denied(Denied),
    /// A part of its request is ambiguous or invalid, for this reason.
    Ambiguous(&'static str),
    /// Its length is given twice, in different ways (RFC 9112 section 6.3).
    TwoLengths,
    /// No route is for it.
    NoRoute(NoRoute),
    /// Its method is not passed on.
    Method,
    /// Its upgrade or `CONNECT` is not possible.
    Upgrade(UpgradeError),
    /// Its transfer coding is not passed on; the data after its head is not read.
    Coding,
    /// All connections to the server behind are in use.
    Busy,
    /// There is no response; only the log contains the reason.
    Failed(StatusCode),
    /// The gateway has no routes yet.
    NotReady,
    /// The gateway responds itself.
    Own(Box<Response<Body>>),
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<NoRoute> for Rejection {
    fn from(reason: NoRoute) -> Self {
        Self::NoRoute(reason)
    }
}

impl Rejection {
    /// The status code of the response.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Denied(denied) => denied.status(),
            Self::Own(response) => response.status(),
            Self::Ambiguous(_) | Self::TwoLengths => StatusCode::BAD_REQUEST,
            Self::NoRoute(reason) => reason.status(),
            Self::Method | Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Upgrade(err) => err.status(),
            Self::Busy | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(status) => *status,
        }
    }

    /// Makes the response to a request of this version.
    pub(super) fn into_response_to(self, version: Version) -> Response<Body> {
        let closes = matches!(self, Self::Coding | Self::TwoLengths)
            && matches!(version, Version::HTTP_10 | Version::HTTP_11);
        let is_busy = matches!(self, Self::Busy);
        let failed = matches!(self, Self::Failed(_));
        let status = self.status();
        let line = match self {
            Self::Denied(denied) => return denied.into_response(),
            Self::Own(response) => return *response,
            Self::NoRoute(reason) => {
                let mut response = (status, format!("{reason}\n")).into_response();
                response.extensions_mut().insert(Refused(reason.to_string().into()));
                return response;
            }
            Self::Ambiguous(reason) => reason,
            Self::TwoLengths => "a request may not have both Content-Length and Transfer-Encoding",
            Self::Method => "this proxy does not pass on TRACE",
            Self::Upgrade(err) => err.reason(),
            Self::Coding => "this proxy supports no transfer coding other than chunked",
            Self::Busy => "the server behind is busy",
            Self::NotReady => "the gateway is starting",
            Self::Failed(status) => status.canonical_reason().unwrap_or_default(),
        };
        let mut response = (status, format!("{line}\n")).into_response();
        let reason = if failed { "the server behind sent no response" } else { line };
        response.extensions_mut().insert(Refused(reason.into()));
        if closes {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        if is_busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Returns the status for a client whose request got no response.
pub(super) fn status_of(err: &SendError) -> StatusCode {
    let timed_out = |err: &(dyn Error + 'static)| {
        let err: Option<&io::Error> = err.downcast_ref();
        err.is_some_and(|err| err.kind() == io::ErrorKind::TimedOut)
    };
    match err {
        SendError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        SendError::Invalid => StatusCode::BAD_REQUEST,
        SendError::Connect(ConnectError::TimedOut(_)) => StatusCode::GATEWAY_TIMEOUT,
        err if causes(err).any(timed_out) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}
