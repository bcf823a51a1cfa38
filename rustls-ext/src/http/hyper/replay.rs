use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Empty, Full};
use hyper::body::Buf;

use super::error::BoxError;

/// A body that can tell whether it can be sent again.
pub trait Replay: Sized {
    /// Returns the same body again, from its beginning; `None` if it is not available.
    ///
    /// It is called before the body is sent.
    fn replay(&self) -> Option<Self>;
}

impl<D> Replay for Empty<D> {
    fn replay(&self) -> Option<Self> {
        Some(Self::default())
    }
}

impl<D: Buf + Clone> Replay for Full<D> {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }
}

impl<L: Replay, R: Replay> Replay for Either<L, R> {
    fn replay(&self) -> Option<Self> {
        match self {
            Self::Left(body) => body.replay().map(Self::Left),
            Self::Right(body) => body.replay().map(Self::Right),
        }
    }
}

/// A body that is available only once, such as a stream.
///
/// If a response requires sending it again, the caller gets that response.
// Closed: it is only the body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Once<B>(pub B);

impl<B> Replay for Once<B> {
    fn replay(&self) -> Option<Self> {
        None
    }
}

impl<B: Body + Unpin> Body for Once<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// The requirements for a request's body, which is sent over shared connections.
pub trait RequestBody:
    Replay + http_body::Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static
{
}

impl<B> RequestBody for B where
    B: Replay + http_body::Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static
{
}
