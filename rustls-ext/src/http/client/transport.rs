use std::future::Future;
use std::sync::Arc;

use http::{Extensions, HeaderMap, StatusCode};
use rustls::ProtocolVersion;
use rustls::client::ClientAuthOfferStatus;

use super::identity::ClientIdentity;
use super::origin::Origin;
use super::report::{NotShown, Shown};

/// The destination of a request.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) path: String,
    /// True if there is a `Host` field that names another host.
    pub(crate) other_host: bool,
}

/// ResponseContext about the connection on which a response arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponseContext {
    pub(crate) status: ClientAuthOfferStatus,
    pub(crate) tls_version: Option<ProtocolVersion>,
    /// What was shown on the open connection, so far.
    pub(crate) open: OpenConnection,
    /// The source of the response, if the transport followed a redirect.
    pub(crate) redirected: Option<Target>,
}

/// The server's requests for certificates on an open connection, and their answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenConnection {
    /// The identity that was proved on a connection without authentication.
    pub(crate) proved: Option<Arc<ClientIdentity>>,
    /// The paths for which the server requested it, where they are not recorded yet.
    pub(crate) paths: Vec<Arc<str>>,
    pub(crate) shown: Vec<Shown>,
    pub(crate) declined: Vec<NotShown>,
}

/// A connection that has left the lane without authentication, because an identity was proved on
/// it.
pub(crate) struct Moved<C> {
    pub(crate) connection: C,
    pub(crate) identity: Arc<ClientIdentity>,
    /// The paths for which the server requested it.
    pub(crate) paths: Vec<Arc<str>>,
}

/// Why there is no response, as far as it matters for later requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The certificate would have been sent unencrypted, so the request was not sent.
    #[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "reqwest does not tell"))]
    NotConfidential,
    /// The server refused the certificate with an alert.
    Refused,
    /// The connection broke off when a refusal is one possible reason.
    LikelyRefused,
    /// Anything else, including alerts that are not about the certificate.
    Other,
}

/// Sends requests over the connections of lanes. Each lane has one origin, and one identity or
/// none.
pub(crate) trait Transport: Send + Sync {
    type Request: Send;
    type Response: Send;
    type Error: Send;
    type Lane: Send + Sync;
    /// A connection that can move from one lane to another.
    type Connection: Send;

    fn target(&self, request: &Self::Request) -> Result<Target, Self::Error>;

    /// A copy of the request, if its body is available.
    fn copy(request: &Self::Request) -> Option<Self::Request>;

    /// A new lane without connections.
    fn lane(
        &self,
        origin: &Origin,
        identity: Option<&Arc<ClientIdentity>>,
    ) -> Result<Self::Lane, Self::Error>;

    /// A new lane in place of one whose connections must not be used again.
    fn lane_anew(
        &self,
        origin: &Origin,
        identity: Option<&Arc<ClientIdentity>>,
    ) -> Result<Self::Lane, Self::Error> {
        self.lane(origin, identity)
    }

    /// Returns true if identities can be proved on open connections without authentication.
    fn has_secondary(&self) -> bool {
        false
    }

    /// A new lane without authentication, on which no identity can be proved later.
    fn silent_lane(&self, origin: &Origin) -> Result<Self::Lane, Self::Error> {
        self.lane(origin, None)
    }

    /// Takes out a connection of a lane without authentication on which an identity was proved.
    fn take_moved(lane: &Self::Lane) -> Option<Moved<Self::Connection>>;

    /// Adds a connection that was taken from another lane.
    fn adopt(lane: &Self::Lane, connection: Self::Connection);

    fn send(
        &self,
        lane: &Arc<Self::Lane>,
        request: Self::Request,
    ) -> impl Future<Output = Result<(Self::Response, ResponseContext), Self::Error>> + Send;

    fn failure(error: &Self::Error) -> Failure;

    fn head(response: &Self::Response) -> (StatusCode, &HeaderMap);

    fn extensions(response: &mut Self::Response) -> &mut Extensions;

    /// The request to send to the target of a redirect, if it is known.
    fn follow(copy: Self::Request, response: &Self::Response) -> Option<Self::Request> {
        let _ = response;
        Some(copy)
    }
}
