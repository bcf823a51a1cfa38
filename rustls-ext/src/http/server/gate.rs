use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Denied, ReadUnread, read_unread};

/// Decides which requests pass through a [`Gate`].
pub trait Check {
    /// Accepts a request, or denies it.
    fn check(&self, request: &mut Parts) -> Result<(), Denied>;
}

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
    S: Service<Request<B>, Response = Response<R>>,
    B: Body,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<S::Future, D, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let respond = self.denied.clone();
        match self.check.check(&mut parts) {
            Ok(()) => {
                let answer = self.inner.call(Request::from_parts(parts, body));
                Answer { answer: Some(answer), denied: None, respond, unread: None }
            }
            Err(denied) => {
                let unread = Some(read_unread(&parts.headers, body));
                Answer { answer: None, denied: Some(denied), respond, unread }
            }
        }
    }
}

pin_project! {
    /// The future of the inner service's response, or of a denial once some of the request's body
    /// has been read.
    #[derive(Debug)]
    pub struct Answer<F, D, B> {
        #[pin]
        answer: Option<F>,
        denied: Option<Denied>,
        respond: D,
        // Kept until the response is ready. Over HTTP/2, dropping it would reset the stream.
        #[pin]
        unread: Option<ReadUnread<B>>,
    }
}

impl<F, D, B, R, E> Future for Answer<F, D, B>
where
    F: Future<Output = Result<Response<R>, E>>,
    D: DeniedResponse<R>,
    B: Body,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.answer.as_pin_mut() {
            Some(answer) => {
                Poll::Ready(ready!(answer.poll(cx)).map(|response| this.respond.pass(response)))
            }
            // Only a future that is polled after it has finished has neither.
            None => {
                if let Some(unread) = this.unread.as_pin_mut() {
                    ready!(unread.poll(cx));
                }
                let denied = this.denied.take().unwrap_or(Denied::NoCaller);
                Poll::Ready(Ok(this.respond.deny(denied)))
            }
        }
    }
}
