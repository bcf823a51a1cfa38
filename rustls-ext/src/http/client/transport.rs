use std::future::Future;
use std::sync::Arc;

use http::{Extensions, HeaderMap, StatusCode};
use rustls::ProtocolVersion;
use rustls::client::ClientAuthStatus;

use super::identity::Identity;
use super::origin::Origin;

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) path: String,
    /// Whether there is a `Host` field that is about something else.
    pub(crate) other_host: bool,
}

/// What a transport knows of the connection on which a response came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) status: ClientAuthStatus,
    pub(crate) tls_version: Option<ProtocolVersion>,
    /// Where the response is from, if the transport followed a redirect.
    pub(crate) redirected: Option<Target>,
}

/// Why there is no response, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection would have shown the certificate to everybody, so the request was not sent.
    #[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "reqwest does not tell"))]
    NotConfidential,
    /// The server refused the certificate, and said so.
    Refused,
    /// The connection broke off where a refusal is one possible reason.
    LikelyRefused,
    /// Anything else, among it alerts that are not about the certificate.
    Other,
}

/// What sends requests, over connections that are in lanes: each has one origin, and one identity
/// or none.
pub(crate) trait Transport: Send + Sync {
    type Request: Send;
    type Response: Send;
    type Error: Send;
    type Lane: Send + Sync;

    fn target(&self, request: &Self::Request) -> Result<Target, Self::Error>;

    /// The request once more, if its body is at hand.
    fn copy(request: &Self::Request) -> Option<Self::Request>;

    /// A new lane, without connections yet.
    fn lane(&self, origin: &Origin, identity: Option<&Identity>)
    -> Result<Self::Lane, Self::Error>;

    /// A new lane in place of one whose connections are not to be used again.
    fn lane_anew(
        &self,
        origin: &Origin,
        identity: Option<&Identity>,
    ) -> Result<Self::Lane, Self::Error> {
        self.lane(origin, identity)
    }

    fn send(
        &self,
        lane: &Arc<Self::Lane>,
        request: Self::Request,
    ) -> impl Future<Output = Result<(Self::Response, Facts), Self::Error>> + Send;

    fn failure(error: &Self::Error) -> Failure;

    fn head(response: &Self::Response) -> (StatusCode, &HeaderMap);

    fn extensions(response: &mut Self::Response) -> &mut Extensions;

    /// What to send to where a redirect has led, if that is known.
    fn follow(copy: Self::Request, response: &Self::Response) -> Option<Self::Request> {
        let _ = response;
        Some(copy)
    }
}
