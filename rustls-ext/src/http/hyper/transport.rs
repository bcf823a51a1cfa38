use std::sync::Arc;

use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use rustls::ClientConfig;

use super::body::ResponseBody;
use super::connect::{Connect, Recipe};
use super::error::{ConnectError, Error};
use super::lane::Lane;
use super::replay::RequestBody;
use crate::http::client::{
    ClientIdentity, Confined, Credentials, Failure, Limits, Origin, ResponseContext, Target,
    Transport,
};

/// Sends requests over this crate's own connections.
pub(super) struct Hyper<B> {
    tls: ClientConfig,
    plain: Arc<ClientConfig>,
    credentials: Credentials,
    limits: Limits,
    connect: Connect,
    body: std::marker::PhantomData<fn(B)>,
}

impl<B> Hyper<B> {
    pub(super) fn new(
        tls: ClientConfig,
        credentials: Credentials,
        limits: Limits,
        connect: Connect,
    ) -> Self {
        let plain = Arc::new(Credentials::plain(&tls));
        Self { tls, plain, credentials, limits, connect, body: std::marker::PhantomData }
    }
}

impl<B: RequestBody> Transport for Hyper<B> {
    type Request = Request<B>;
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Lane = Lane<B>;

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

    fn lane(&self, origin: &Origin, identity: Option<&ClientIdentity>) -> Result<Lane<B>, Error> {
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
            identity: identity.map(ClientIdentity::shared_name),
            confidential: identity.is_some() && !self.credentials.allow_tls12(),
            limits: self.limits.clone(),
        }))
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
