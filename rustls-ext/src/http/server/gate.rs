use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Denied, ReadUnread, read_unread};

/// Says which requests get through a [`Gate`].
pub trait Judge {
    /// Let a request through, or not.
    fn judge(&self, request: &mut Parts) -> Result<(), Denied>;
}

/// The service of a layer that lets only some requests through.
#[derive(Clone, Debug)]
pub struct Gate<J, S> {
    judge: J,
    inner: S,
}

impl<J, S> Gate<J, S> {
    pub(super) fn new(judge: J, inner: S) -> Self {
        Self { judge, inner }
    }
}

impl<J, S, B, R> Service<Request<B>> for Gate<J, S>
where
    J: Judge,
    S: Service<Request<B>, Response = Response<R>>,
    B: Body,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match self.judge.judge(&mut parts) {
            Ok(()) => {
                let answer = self.inner.call(Request::from_parts(parts, body));
                Answer { answer: Some(answer), denied: None, unread: None }
            }
            Err(denied) => {
                let unread = Some(read_unread(&parts.headers, body));
                Answer { answer: None, denied: Some(denied), unread }
            }
        }
    }
}

pin_project! {
    /// The answer of a service, or a denial, once some of the request's body has been read.
    #[derive(Debug)]
    pub struct Answer<F, B> {
        #[pin]
        answer: Option<F>,
        denied: Option<Denied>,
        // Kept until the answer is there. Over HTTP/2, the stream is reset without it.
        #[pin]
        unread: Option<ReadUnread<B>>,
    }
}

impl<F, B, R, E> Future for Answer<F, B>
where
    F: Future<Output = Result<Response<R>, E>>,
    B: Body,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.answer.as_pin_mut() {
            Some(answer) => Poll::Ready(ready!(answer.poll(cx))),
            // Only a future that is polled after its end has neither.
            None => {
                if let Some(unread) = this.unread.as_pin_mut() {
                    ready!(unread.poll(cx));
                }
                let denied = this.denied.take().unwrap_or(Denied::NoCaller);
                Poll::Ready(Ok(denied.response(R::default())))
            }
        }
    }
}
