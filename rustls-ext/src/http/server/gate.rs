use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Denied, ReadUnread, read_unread};
use crate::record;

/// Decides which requests pass through a [`Gate`].
pub trait Check {
    /// Accepts a request, or denies it, or tells later.
    fn check(&self, request: &mut Parts) -> Checked;

    /// The scope for which it denies requests, if there is one.
    fn scope(&self) -> Option<&str> {
        None
    }
}

/// The decision about a request.
pub enum Checked {
    /// The request passes.
    Accepted,
    /// It does not.
    Denied(Denied),
    /// It waits for this decision.
    Later(Later),
}

type Later = Pin<Box<dyn Future<Output = Result<(), Denied>> + Send>>;

/// Makes the responses to denied requests, with bodies of type `B`.
///
/// Implemented by [`EmptyBody`], and for functions by [`OnDenied`].
pub trait DeniedResponse<B> {
    /// Makes the response to a request that this layer denies.
    fn deny(&self, denied: Denied) -> Response<B>;

    /// Converts a response of the inner service.
    fn pass(&self, response: Response<B>) -> Response<B> {
        response
    }
}

/// Denies requests without a body in the response: the default of the layers.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyBody;

impl<B: Default> DeniedResponse<B> for EmptyBody {
    fn deny(&self, denied: Denied) -> Response<B> {
        denied.response(B::default())
    }
}

/// Denies requests with the responses that a function makes: see
/// [`CallerLayer::on_denied`](super::CallerLayer::on_denied).
#[derive(Clone, Copy, Debug)]
pub struct OnDenied<F>(F);

impl<F> OnDenied<F> {
    pub(super) fn new(page: F) -> Self {
        Self(page)
    }
}

/// In the extensions of a response that an [`OnDenied`] has made, so that no outer layer replaces
/// it.
#[derive(Clone, Copy, Debug)]
struct Made;

impl<F: Fn(Denied) -> Response<B>, B> DeniedResponse<B> for OnDenied<F> {
    fn deny(&self, denied: Denied) -> Response<B> {
        let mut response = (self.0)(denied.clone());
        // For outer layers that count or log denials.
        response.extensions_mut().insert(denied);
        response.extensions_mut().insert(Made);
        response
    }

    fn pass(&self, mut response: Response<B>) -> Response<B> {
        if response.extensions().get::<Made>().is_some() {
            return response;
        }
        match response.extensions_mut().remove::<Denied>() {
            Some(denied) => self.deny(denied),
            None => response,
        }
    }
}

/// The service of a layer that lets only some requests through.
#[derive(Clone, Debug)]
pub struct Gate<C, D, S> {
    check: C,
    denied: D,
    inner: S,
}

impl<C, D, S> Gate<C, D, S> {
    pub(super) fn new(check: C, denied: D, inner: S) -> Self {
        Self { check, denied, inner }
    }
}

impl<C, D, S, B, R> Service<Request<B>> for Gate<C, D, S>
where
    C: Check,
    D: DeniedResponse<R> + Clone,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    B: Body,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<S, D, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let respond = self.denied.clone();
        let state = match self.check.check(&mut parts) {
            Checked::Accepted => {
                State::Inner { answer: self.inner.call(Request::from_parts(parts, body)) }
            }
            Checked::Denied(denied) => {
                record::denied(&denied, self.check.scope());
                State::denied(denied, &parts, body)
            }
            Checked::Later(later) => {
                // The service that is ready goes with the request.
                let next = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, next);
                let request = Some((inner, Request::from_parts(parts, body)));
                State::Waiting { later, request }
            }
        };
        Answer { state, respond }
    }
}

pin_project! {
    /// The future of the inner service's response, or of a denial once some of the request's body
    /// has been read.
    pub struct Answer<S, D, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
        respond: D,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Waiting { later: Later, request: Option<(S, Request<B>)> },
        Inner { #[pin] answer: S::Future },
        Denied {
            denied: Option<Denied>,
            // Kept until the response is ready. Over HTTP/2, dropping it would reset the stream.
            #[pin]
            unread: ReadUnread<B>,
        },
    }
}

impl<S: Service<Request<B>>, B: Body> State<S, B> {
    fn denied(denied: Denied, parts: &Parts, body: B) -> Self {
        Self::Denied { denied: Some(denied), unread: read_unread(&parts.headers, body) }
    }
}

impl<S, D, B, R> Future for Answer<S, D, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    D: DeniedResponse<R>,
    B: Body,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Waiting { later, request } => {
                    let checked = ready!(later.as_mut().poll(cx));
                    // Only a future that is polled after it has finished has none.
                    let Some((mut inner, request)) = request.take() else { return Poll::Pending };
                    match checked {
                        Ok(()) => State::Inner { answer: inner.call(request) },
                        Err(denied) => {
                            let (parts, body) = request.into_parts();
                            State::denied(denied, &parts, body)
                        }
                    }
                }
                StateProjection::Inner { answer } => {
                    let response = ready!(answer.poll(cx));
                    return Poll::Ready(response.map(|response| this.respond.pass(response)));
                }
                StateProjection::Denied { denied, unread } => {
                    ready!(unread.poll(cx));
                    // Only a future that is polled after it has finished has none.
                    let denied = denied.take().unwrap_or(Denied::NoCaller);
                    return Poll::Ready(Ok(this.respond.deny(denied)));
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, D, B> fmt::Debug for Answer<S, D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}
