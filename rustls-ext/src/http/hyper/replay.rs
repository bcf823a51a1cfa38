use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Empty, Full};
use hyper::body::Buf;

use super::error::BoxError;

/// A body that knows whether it can be sent again.
pub trait Replay: Sized {
    /// The same body once more, from its beginning; `None` if that is not at hand.
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

/// A body that comes only once, such as a stream.
///
/// A response that asks for it again goes to the caller, as it is.
// Closed: it is the body.
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

/// What a request's body must be: it goes over connections that others use, too.
pub trait RequestBody:
    Replay + http_body::Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static
{
}

impl<B> RequestBody for B where
    B: Replay + http_body::Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static
{
}
