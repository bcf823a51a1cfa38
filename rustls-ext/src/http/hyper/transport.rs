use std::sync::Arc;

use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use hyper::client::conn::http2;
use rustls::ClientConfig;

use super::body::ResponseBody;
use super::connect::{About, Connect, Recipe};
use super::error::{ConnectError, Error};
use super::lane::Lane;
use super::open::Secondary;
use super::replay::RequestBody;
use crate::http::client::{
    ClientIdentity, Confined, Credentials, Failure, Limits, Moved, Origin, ResponseContext, Target,
    Transport,
};

/// Sends requests over this crate's own connections.
pub(super) struct Hyper<B> {
    tls: ClientConfig,
    plain: Arc<ClientConfig>,
    credentials: Credentials,
    limits: Limits,
    connect: Connect,
    secondary: Option<Arc<Secondary>>,
    body: std::marker::PhantomData<fn(B)>,
}

impl<B> Hyper<B> {
    pub(super) fn new(
        tls: ClientConfig,
        credentials: Credentials,
        limits: Limits,
        connect: Connect,
        secondary: Option<Secondary>,
    ) -> Self {
        let plain = Arc::new(Credentials::plain(&tls));
        let (secondary, body) = (secondary.map(Arc::new), std::marker::PhantomData);
        Self { tls, plain, credentials, limits, connect, secondary, body }
    }
}

impl<B: RequestBody> Transport for Hyper<B> {
    type Request = Request<B>;
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Lane = Lane<B>;
    type Connection = (http2::SendRequest<B>, Arc<About>);

    fn target(&self, request: &Request<B>) -> Result<Target, Error> {
        let uri = request.uri();
        let origin = Origin::of(uri).ok_or_else(|| Error::BadUri(uri.clone()))?;
        let other_host = !origin.is_host_of(request.headers());
        Ok(Target { origin, path: uri.path().into(), other_host })
    }

    fn copy(request: &Request<B>) -> Option<Request<B>> {
        let mut copy = Request::new(request.body().replay()?);
        copy.method_mut().clone_from(request.method());
        copy.uri_mut().clone_from(request.uri());
        *copy.version_mut() = request.version();
        copy.headers_mut().clone_from(request.headers());
        copy.extensions_mut().clone_from(request.extensions());
        Some(copy)
    }

    fn lane(
        &self,
        origin: &Origin,
        identity: Option<&Arc<ClientIdentity>>,
    ) -> Result<Lane<B>, Error> {
        let tls = match (origin.is_https(), identity) {
            (false, _) => None,
            (true, None) => Some(self.plain.clone()),
            (true, Some(identity)) => {
                let name = origin
                    .server_name()
                    .ok_or_else(|| Arc::new(ConnectError::BadName(origin.host().into())))?;
                let certificate = Confined::new(identity.key().clone(), name);
                Some(Arc::new(self.credentials.authenticated(&self.tls, &certificate)))
            }
        };
        Ok(Lane::new(Recipe {
            connect: self.connect.clone(),
            origin: origin.clone(),
            tls,
            identity: identity.cloned(),
            confidential: identity.is_some() && !self.credentials.allow_tls12(),
            secondary: self.secondary.clone(),
            limits: self.limits.clone(),
        }))
    }

    fn has_secondary(&self) -> bool {
        self.secondary.is_some()
    }

    fn silent_lane(&self, origin: &Origin) -> Result<Lane<B>, Error> {
        Ok(Lane::new(Recipe {
            connect: self.connect.clone(),
            origin: origin.clone(),
            tls: origin.is_https().then(|| self.plain.clone()),
            identity: None,
            confidential: false,
            secondary: None,
            limits: self.limits.clone(),
        }))
    }

    fn take_moved(lane: &Lane<B>) -> Option<Moved<Self::Connection>> {
        lane.take_moved()
    }

    fn adopt(lane: &Lane<B>, connection: Self::Connection) {
        lane.adopt(connection);
    }

    async fn send(
        &self,
        lane: &Arc<Lane<B>>,
        request: Request<B>,
    ) -> Result<(Response<ResponseBody>, ResponseContext), Error> {
        lane.send(request).await
    }

    fn failure(error: &Error) -> Failure {
        match error {
            Error::Connect(err) if matches!(**err, ConnectError::NotConfidential) => {
                Failure::NotConfidential
            }
            err if err.refusal().is_some_and(|refusal| refusal.is_about_certificate()) => {
                Failure::Refused
            }
            Error::LikelyRefused { .. } => Failure::LikelyRefused,
            _ => Failure::Other,
        }
    }

    fn head(response: &Response<ResponseBody>) -> (StatusCode, &HeaderMap) {
        (response.status(), response.headers())
    }

    fn extensions(response: &mut Response<ResponseBody>) -> &mut Extensions {
        response.extensions_mut()
    }
}
