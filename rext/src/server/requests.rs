use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::response::IntoResponse;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Bytes;
use rustls_ext::http::server::Denied;
use tower::{Service, ServiceExt};
use tracing::{Instrument, debug_span, info, warn};

use super::activity::{Activity, Underway};
use super::framing::{self, LengthTwice};
use super::memory::{Admitted, Budget};
use super::timed::timed;
use crate::observe::{Observer, Refused};

/// The requests of one connection, over TCP or QUIC: makes their responses, records their activity,
/// limits how long their bodies may stall, and logs those that are refused.
#[derive(Clone, Debug)]
pub(super) struct Requests<S> {
    service: S,
    peer: SocketAddr,
    server_name: Option<Arc<str>>,
    idle: Duration,
    activity: Activity,
    budget: Option<Arc<Budget>>,
    observer: Option<Observer>,
}

impl<S> Requests<S> {
    /// `service` has a [`CallerLayer`](rustls_ext::http::server::CallerLayer). A body may stall for
    /// `idle`.
    pub(super) fn new(
        service: S,
        peer: SocketAddr,
        server_name: Option<&str>,
        idle: Duration,
    ) -> Self {
        let server_name = server_name.map(Arc::from);
        Self {
            service,
            peer,
            server_name,
            idle,
            activity: Activity::new(idle),
            budget: None,
            observer: None,
        }
    }

    /// Returns the same, with a limit on their memory.
    pub(super) fn with_budget(mut self, budget: Arc<Budget>) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Returns the same, which records each request.
    pub(super) fn with_observer(mut self, observer: Option<Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Returns the activity of the connection: its requests, and the progress of their bodies.
    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }
}

impl<S> Requests<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    /// Responds to a request. It is unfinished until the response's body is dropped.
    pub(super) fn respond<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<S, B>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let span = debug_span!("request", method = %request.method(), version = ?request.version());
        let (request, exchange) = Observer::begin(self.observer.as_ref(), request);
        // Not in the future, so that the head of a request that is not admitted is dropped at once.
        let admitted = self.admit(&request).map(|admitted| (admitted, self.clone(), request));
        async move {
            let response = match admitted {
                Ok((admitted, this, request)) => this.serve(request, admitted).await?,
                Err(refusal) => *refusal,
            };
            Ok(exchange.respond(response))
        }
        .instrument(span)
    }

    /// Admits a request, or makes the response for one that does not fit.
    fn admit<B: HttpBody>(&self, request: &Request<B>) -> Result<Unfinished, Box<Response<Body>>> {
        let underway = self.activity.begin();
        let Some(underway) = underway else {
            let text = "this connection is closing; please use another one\n";
            return Err(Box::new(without_body_for_head(request.method(), later(text))));
        };
        let length = match request.body() {
            body if body.is_end_stream() => Some(0),
            body => body.size_hint().upper(),
        };
        let admitted = self.budget.as_ref().map(|it| it.admit(request.headers(), length));
        match admitted.transpose() {
            Ok(admitted) => Ok(Unfinished { underway, _admitted: admitted }),
            Err(exhausted) => {
                let Self { peer, server_name, .. } = self;
                warn!(%peer, status = 503, host = host(request), server_name = server_name.as_deref(),
                    reason = %exhausted, "request refused");
                let text = "this server has no memory for the request now; please try again\n";
                Err(Box::new(without_body_for_head(request.method(), later(text))))
            }
        }
    }

    async fn serve<B>(
        self,
        request: Request<B>,
        mut unfinished: Unfinished,
    ) -> Result<Response<Body>, Infallible>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let Self { service, peer, server_name, idle, activity, .. } = self;
        let host = host(&request);
        let method = request.method().clone();
        let request = request.map(|body| timed(body, idle, &activity, None));
        let mut response = if request.extensions().get::<LengthTwice>().is_some() {
            framing::refuse(request).await
        } else {
            service.oneshot(request).await?
        };
        unfinished.underway.respond();
        // The layer's response has an empty body.
        let denied = response.extensions().get::<Denied>().cloned();
        if let Some(denied) = denied.filter(|_| response.body().is_end_stream()) {
            let status = denied.status().as_u16();
            let server_name = server_name.as_deref();
            info!(%peer, status, host, server_name, reason = denied.to_string(), "request refused");
            response = denied.into_response();
        }
        let response = without_body_for_head(&method, response);
        Ok(response.map(|body| timed(body, idle, &activity, Some(unfinished))))
    }
}

/// An unfinished request, and its memory.
#[derive(Debug)]
pub(super) struct Unfinished {
    underway: Underway,
    _admitted: Option<Admitted>,
}

/// In the extensions of a response to a request that was not admitted: it is no activity, so that a
/// client cannot keep a connection open by such requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotAdmitted;
/// Removes the body of a response to HEAD: over HTTP/2, hyper would send it, and clients reset the stream
/// (RFC 9110 section 9.3.2, RFC 9113 section 8.1.1).
fn without_body_for_head(method: &Method, response: Response<Body>) -> Response<Body> {
    if *method == Method::HEAD { response.map(|_| Body::empty()) } else { response }
}

/// The response to a request that may be sent again later.
fn later(text: &'static str) -> Response<Body> {
    let retry = [(header::RETRY_AFTER, "1")];
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, retry, text).into_response();
    response.extensions_mut().insert(Refused(text.trim_end().into()));
    response.extensions_mut().insert(NotAdmitted);
    response
}

/// The host that a request is for, as its client wrote it.
fn host<B>(request: &Request<B>) -> Option<String> {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    authority.or_else(|| {
        let line = request.headers().get(header::HOST)?;
        Some(String::from_utf8_lossy(line.as_bytes()).into_owned())
    })
}
