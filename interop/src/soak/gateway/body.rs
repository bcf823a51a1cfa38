//! The bodies that clients send.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;

use super::backend::TRAILER;
use super::pattern::{Direction, Pattern};
use super::request::{Action, Request};

/// The size of the parts of a body, in bytes.
const PART: usize = 16 * 1024;

/// The body of a request.
#[derive(Debug)]
pub struct SentBody {
    pattern: Pattern,
    at: usize,
    length: usize,
    announces_length: bool,
    trailers: bool,
    /// After how many bytes the client breaks off.
    breaks_at: Option<usize>,
    /// How many bytes the client may send next, in a dialogue.
    permits: Option<UnboundedReceiver<usize>>,
}

impl SentBody {
    /// The body of this request. In a dialogue, it has as many bytes as `permits` gives.
    pub fn new(request: &Request, permits: Option<UnboundedReceiver<usize>>) -> Self {
        let action = request.action;
        let aborts = action == Action::AbortUpload;
        Self {
            pattern: Pattern::new(request.number, Direction::Up),
            at: 0,
            // A tunnel has its bytes later.
            length: if action == Action::WebSocket { 0 } else { request.up },
            announces_length: match action {
                Action::Stream | Action::Trailers | Action::Dialogue => false,
                Action::AbortUpload => request.number % 2 == 0,
                _ => true,
            },
            trailers: action == Action::Trailers,
            breaks_at: aborts.then_some(request.up / 2),
            permits,
        }
    }
}

/// The error of a body that its client breaks off.
#[derive(Clone, Copy, Debug)]
pub struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client breaks off")
    }
}

impl std::error::Error for BrokenOff {}

impl From<Infallible> for BrokenOff {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        if this.breaks_at.is_some_and(|end| this.at >= end) {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        let left = this.breaks_at.unwrap_or(this.length).saturating_sub(this.at);
        if left == 0 {
            let (name, value) = TRAILER;
            let trailers = std::mem::take(&mut this.trailers).then(|| {
                HeaderMap::from_iter([(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )])
            });
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let length = match &mut this.permits {
            None => PART,
            Some(permits) => match ready!(permits.poll_recv(cx)) {
                Some(length) => length,
                None => return Poll::Ready(Some(Err(BrokenOff))),
            },
        };
        let part = this.pattern.part(this.at, length.min(left));
        this.at += part.len();
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.announces_length && self.at == self.length && self.breaks_at.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.length.saturating_sub(self.at) as u64;
        if self.announces_length { SizeHint::with_exact(left) } else { SizeHint::new() }
    }
}
