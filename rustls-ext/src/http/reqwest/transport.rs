use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, StatusCode, header};
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Request, Response};
use rustls::ClientConfig;

use super::connections::Connections;
use super::error::Error;
use super::lane::{Lane, Sent};
use super::redirect;
use crate::http::client::{
    ClientIdentity, Confined, Credentials, Failure, Limits, Moved, Origin, ResponseContext, Target,
    Transport,
};

pub(super) type Configure = dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync;

/// Sends requests with reqwest clients.
pub(super) struct Reqwest {
    tls: ClientConfig,
    credentials: Credentials,
    limits: Limits,
    redirect: Arc<Policy>,
    configure: Box<Configure>,
    /// The client without authentication.
    plain: reqwest::Client,
}

impl Reqwest {
    pub(super) fn new(
        tls: ClientConfig,
        credentials: Credentials,
        limits: Limits,
        redirect: Policy,
        configure: Box<Configure>,
    ) -> Result<Self, Error> {
        let redirect = Arc::new(redirect);
        let plain = plain(&tls, &limits, &redirect, &configure)?;
        Ok(Self { tls, credentials, limits, redirect, configure, plain })
    }

    pub(super) fn plain(&self) -> &reqwest::Client {
        &self.plain
    }

    fn authenticated(&self, origin: &Origin, identity: &ClientIdentity) -> Result<Lane, Error> {
        let name = origin.server_name().ok_or_else(|| Error::BadName(origin.host().into()))?;
        let certificate = Confined::new(identity.key().clone(), name);
        let tls = self.credentials.authenticated(&self.tls, &certificate);
        let connections = Connections::new(certificate);
        let client = builder(&self.limits, &self.configure)
            .tls_backend_preconfigured(tls)
            .connector_layer(connections.clone())
            .https_only(true)
            .redirect(redirect::within(Some(origin.clone()), self.redirect.clone()))
            .build()
            .map_err(Error::Build)?;
        let (name, connect_timeout) = (identity.shared_name(), self.limits.connect_timeout);
        Ok(Lane::authenticated(client, name, origin.clone(), connections, connect_timeout))
    }
}

/// A client without authentication.
fn plain(
    tls: &ClientConfig,
    limits: &Limits,
    redirect: &Arc<Policy>,
    configure: &Configure,
) -> Result<reqwest::Client, Error> {
    builder(limits, configure)
        .tls_backend_preconfigured(Credentials::plain(tls))
        .redirect(redirect::within(None, redirect.clone()))
        .build()
        .map_err(Error::Build)
}

/// The `Host` fields of a request.
fn hosts(request: &Request) -> HeaderMap {
    let hosts = request.headers().get_all(header::HOST).into_iter();
    hosts.map(|host| (header::HOST, host.clone())).collect()
}

/// The settings that all clients share.
fn builder(limits: &Limits, configure: &Configure) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .http2_keep_alive_interval(limits.keep_alive_interval)
        .http2_keep_alive_timeout(limits.keep_alive_timeout)
        .connect_timeout(limits.connect_timeout)
        .pool_idle_timeout(limits.idle_timeout)
        .pool_max_idle_per_host(limits.connections_per_space);
    configure(builder)
}

impl Transport for Reqwest {
    type Request = Request;
    type Response = Response;
    type Error = Error;
    type Lane = Lane;
    type Connection = Infallible;

    fn target(&self, request: &Request) -> Result<Target, Error> {
        let origin = redirect::origin(request.url())
            .ok_or_else(|| Error::BadUrl(request.url().to_string()))?;
        let other_host = !origin.is_host_of(request.headers());
        Ok(Target { origin, path: request.url().path().into(), other_host })
    }

    fn copy(request: &Request) -> Option<Request> {
        request.try_clone()
    }

    fn lane(&self, origin: &Origin, identity: Option<&Arc<ClientIdentity>>) -> Result<Lane, Error> {
        match identity {
            None => Ok(Lane::plain(self.plain.clone())),
            Some(identity) => self.authenticated(origin, identity),
        }
    }

    fn lane_anew(
        &self,
        origin: &Origin,
        identity: Option<&Arc<ClientIdentity>>,
    ) -> Result<Lane, Error> {
        match identity {
            // The shared client has the connections that must not be used again.
            None => {
                let anew = plain(&self.tls, &self.limits, &self.redirect, &self.configure)?;
                Ok(Lane::plain(anew))
            }
            Some(_) => self.lane(origin, identity),
        }
    }

    fn take_moved(_: &Lane) -> Option<Moved<Infallible>> {
        None
    }

    fn adopt(_: &Lane, connection: Infallible) {
        match connection {}
    }

    async fn send(
        &self,
        lane: &Arc<Lane>,
        request: Request,
    ) -> Result<(Response, ResponseContext), Error> {
        // reqwest sends the same `Host` to every target of a redirect.
        let hosts = hosts(&request);
        let Sent { response, redirected, status } = lane.send(request).await?;
        let origin = redirect::origin(response.url()).filter(|_| redirected);
        let redirected = origin.map(|origin| Target {
            other_host: !origin.is_host_of(&hosts),
            path: response.url().path().into(),
            origin,
        });
        let context = ResponseContext { status, redirected, ..ResponseContext::default() };
        Ok((response, context))
    }

    fn failure(error: &Error) -> Failure {
        match error {
            err if err.is_about_certificate() => Failure::Refused,
            Error::LikelyRefused { .. } => Failure::LikelyRefused,
            _ => Failure::Other,
        }
    }

    fn head(response: &Response) -> (StatusCode, &HeaderMap) {
        (response.status(), response.headers())
    }

    fn extensions(response: &mut Response) -> &mut Extensions {
        response.extensions_mut()
    }

    fn follow(copy: Request, response: &Response) -> Option<Request> {
        redirect::follow(copy, response)
    }
}

impl fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reqwest").finish_non_exhaustive()
    }
}
