use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::response::IntoResponse;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::{Bytes, Frame, SizeHint};
use rustls_ext::http::server::Denied;
use tower::{Service, ServiceExt};
use tracing::{Instrument, debug_span, info, warn};

use super::activity::{Activity, Underway};
use super::framing::{self, LengthTwice};
use super::memory::{Admitted, Budget};
use super::timed::{Timed, timed};
use crate::observe::{Observer, Refused};

/// The requests of one connection, over TCP or QUIC: makes their responses, records their activity,
/// limits how long their bodies may stall, and logs those that are refused.
#[derive(Clone, Debug)]
pub(super) struct Requests<S> {
    service: S,
    facts: Arc<Facts>,
    activity: Activity,
    budget: Option<Arc<Budget>>,
    observer: Option<Observer>,
}

/// What is logged about a connection.
#[derive(Debug)]
struct Facts {
    peer: SocketAddr,
    server_name: Option<String>,
    idle: Duration,
}

/// The future of an application's response. It is boxed, since HTTP libraries move the future that it
/// is a part of several times.
type Responding = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Requests<S> {
    /// `service` has a [`CallerLayer`](rustls_ext::http::server::CallerLayer). A body may stall for
    /// `idle`.
    pub(super) fn new(
        service: S,
        peer: SocketAddr,
        server_name: Option<&str>,
        idle: Duration,
    ) -> Self {
        let facts = Arc::new(Facts { peer, server_name: server_name.map(str::to_owned), idle });
        Self { service, facts, activity: Activity::new(idle), budget: None, observer: None }
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
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    /// Responds to a request. It is unfinished until the response's body is dropped.
    pub(super) fn respond<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Response<ServedBody>> + Send + use<S, B>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let span = debug_span!("request", method = %request.method(), version = ?request.version());
        let (request, exchange) = Observer::begin(self.observer.as_ref(), request);
        let facts = self.facts.clone();
        // Not in the future, so that the head of a request that is not admitted is dropped at once.
        let admitted = self.admit(&request).map(|unfinished| {
            let asked = (request.method().clone(), Target::of(&request));
            (unfinished, asked, self.serve(request))
        });
        async move {
            let (response, unfinished) = match admitted {
                Ok((mut unfinished, (method, target), responding)) => {
                    let Ok(response) = responding.await;
                    unfinished.underway.respond();
                    let response = facts.page(response, &target);
                    (without_body_for_head(&method, response), Some(unfinished))
                }
                Err(refusal) => (*refusal, None),
            };
            let response = exchange.respond(response);
            response.map(|body| ServedBody::new(body, facts.idle, unfinished))
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
            Ok(admitted) => Ok(Unfinished { underway, admitted }),
            Err(exhausted) => {
                let Facts { peer, server_name, .. } = &*self.facts;
                let host = Target::of(request).host();
                warn!(%peer, status = 503, host, server_name = server_name.as_deref(),
                    reason = %exhausted, "request refused");
                let text = "this server has no memory for the request now; please try again\n";
                Err(Box::new(without_body_for_head(request.method(), later(text))))
            }
        }
    }

    fn serve<B>(&self, request: Request<B>) -> Responding
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let request = request.map(|body| timed(body, self.facts.idle, &self.activity));
        if request.extensions().get::<LengthTwice>().is_some() {
            return Box::pin(async move { Ok(framing::refuse(request).await) });
        }
        Box::pin(self.service.clone().oneshot(request))
    }
}

impl Facts {
    /// Logs a request that a layer refused, and makes the page.
    fn page(&self, response: Response<Body>, target: &Target) -> Response<Body> {
        // The layer's response has an empty body.
        let denied = response.extensions().get::<Denied>();
        let Some(denied) = denied.filter(|_| response.body().is_end_stream()).cloned() else {
            return response;
        };
        let (Self { peer, server_name, .. }, host) = (self, target.host());
        let (status, server_name) = (denied.status().as_u16(), server_name.as_deref());
        info!(%peer, status, host, server_name, reason = denied.to_string(), "request refused");
        denied.into_response()
    }
}

/// An unfinished request, and its memory.
#[derive(Debug)]
struct Unfinished {
    underway: Underway,
    admitted: Option<Admitted>,
}

/// The body of a response, which fails if it stalls. The request is unfinished until it is dropped.
#[derive(Debug)]
pub(super) struct ServedBody {
    body: Timed<Body>,
    underway: Option<Underway>,
    _admitted: Option<Admitted>,
}

impl ServedBody {
    /// The response to a request that was not admitted is no activity, so that a client cannot keep
    /// a connection open by such requests.
    fn new(body: Body, idle: Duration, unfinished: Option<Unfinished>) -> Self {
        let (underway, admitted) = match unfinished {
            Some(Unfinished { underway, admitted }) => (Some(underway), admitted),
            None => (None, None),
        };
        let activity = underway.as_ref().map(|underway| underway.activity().clone());
        Self { body: Timed::new(body, idle, activity), underway, _admitted: admitted }
    }

    /// Takes the request, if it was admitted. It is unfinished until the result is dropped.
    pub(super) fn take_underway(&mut self) -> Option<Underway> {
        self.underway.take()
    }
}

impl HttpBody for ServedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

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
    response
}

/// The host that a request is for, as its client wrote it. It becomes text only for the log.
#[derive(Debug)]
struct Target {
    authority: Option<Authority>,
    line: Option<HeaderValue>,
}

impl Target {
    fn of<B>(request: &Request<B>) -> Self {
        let authority = request.uri().authority().cloned();
        let line = match authority {
            Some(_) => None,
            None => request.headers().get(header::HOST).cloned(),
        };
        Self { authority, line }
    }

    fn host(&self) -> Option<String> {
        let authority = self.authority.as_ref().map(|authority| authority.as_str().to_owned());
        let line = self.line.as_ref().map(HeaderValue::as_bytes);
        authority.or_else(|| Some(String::from_utf8_lossy(line?).into_owned()))
    }
}
