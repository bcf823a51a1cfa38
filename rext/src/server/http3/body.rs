use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use h3::server::RequestStream;
use hyper::body::{Body, Buf, Bytes, Frame, SizeHint};
use rustls_ext::http::secondary::http3::Inbound;

use super::fate::Fate;
use super::stream::RecvStream;

/// The body of a request, and its trailers, read no faster than the application reads them.
pub(super) struct RequestBody {
    stream: RequestStream<Inbound<RecvStream>, Bytes>,
    state: State,
    /// A frame that was read before the application wanted one.
    first: Option<Result<Frame<Bytes>, BoxError>>,
    /// How many bytes of the `Content-Length` are missing, if there is one.
    left: Option<u64>,
    fate: Arc<Fate>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Data,
    Trailers,
    Ended,
}

impl RequestBody {
    pub(super) fn new(
        stream: RequestStream<Inbound<RecvStream>, Bytes>,
        length: Option<u64>,
        fate: Arc<Fate>,
    ) -> Self {
        Self { stream, state: State::Data, first: None, left: length, fate }
    }

    /// Waits for the first frame or the end, so that it is known whether there is a body.
    pub(super) async fn wait_for_first(&mut self) {
        self.first = poll_fn(|cx| self.poll_next(cx)).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = ready!(self.poll_stream(cx));
        if !matches!(next, Ok(Some(ref frame)) if frame.is_data()) {
            self.state = State::Ended;
        }
        Poll::Ready(next.transpose())
    }

    fn poll_stream(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        if self.state == State::Data {
            if let Some(mut data) = ready!(self.stream.poll_recv_data(cx))? {
                let data = data.copy_to_bytes(data.remaining());
                return Poll::Ready(self.count(data.len()).map(|()| Some(Frame::data(data))));
            }
            self.state = State::Trailers;
        }
        if self.state == State::Ended {
            return Poll::Ready(Ok(None));
        }
        let trailers = ready!(self.stream.poll_recv_trailers(cx))?;
        if self.left.is_some_and(|left| left > 0) {
            return Poll::Ready(Err(self.malformed("shorter")));
        }
        Poll::Ready(Ok(trailers.map(Frame::trailers)))
    }

    /// Counts data for the `Content-Length` (RFC 9114 section 4.1.2).
    fn count(&mut self, length: usize) -> Result<(), BoxError> {
        let Some(left) = self.left else { return Ok(()) };
        match left.checked_sub(length as u64) {
            Some(left) => self.left = Some(left),
            None => return Err(self.malformed("longer")),
        }
        Ok(())
    }

    fn malformed(&self, how: &str) -> BoxError {
        self.fate.malformed();
        format!("the request's body is {how} than its Content-Length").into()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => self.poll_next(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended && self.first.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(|first| first.as_ref().ok());
        let first = first.and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        match self.left {
            Some(left) => SizeHint::with_exact(left.saturating_add(first)),
            None if self.is_end_stream() => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}
