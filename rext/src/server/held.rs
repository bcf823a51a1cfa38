//! Response bodies whose data counts until it is sent.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use axum::BoxError;
use hyper::body::{Body, Buf, Bytes, Frame, SizeHint};

use super::activity::{PROGRESS, Underway};
use super::memory::Budget;

/// A response body. It is read only if all of its data has been sent, or if the budget of its
/// connection has space.
#[derive(Debug)]
pub(super) struct HeldBody<B> {
    body: B,
    unsent: Arc<Unsent>,
}

/// The data of a response that is not sent yet.
#[derive(Debug)]
struct Unsent {
    budget: Arc<Budget>,
    bytes: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
    /// The request, which is unfinished until all of its response has been sent. `None` if the
    /// response is no activity.
    underway: Option<Underway>,
}

impl Unsent {
    /// Registers the reader of the body, for when all is sent.
    fn wait(&self, waker: &Waker) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    fn release(&self, bytes: usize) {
        if self.bytes.fetch_sub(bytes, Ordering::AcqRel) == bytes {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            waiting.map(Waker::wake).unwrap_or_default();
        }
        self.budget.release(bytes);
    }
}

impl<B> HeldBody<B> {
    /// The request of `underway` is unfinished until all of the response has been sent.
    pub(super) fn new(body: B, budget: Arc<Budget>, underway: Option<Underway>) -> Self {
        let (bytes, waiting) = (AtomicUsize::new(0), Mutex::new(None));
        Self { body, unsent: Arc::new(Unsent { budget, bytes, waiting, underway }) }
    }

    /// Returns true if the body may be read; otherwise the reader is woken later.
    fn may_read(&self, cx: &Context<'_>) -> bool {
        let unsent = &self.unsent;
        if unsent.bytes.load(Ordering::Acquire) == 0 || unsent.budget.has_space(cx.waker()) {
            return true;
        }
        unsent.wait(cx.waker());
        // It may have been sent meanwhile.
        unsent.bytes.load(Ordering::Acquire) == 0
    }
}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Body for HeldBody<B> {
    type Data = Held;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Held>, BoxError>>> {
        if !self.may_read(cx) {
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| frame.map_data(|bytes| Held::new(bytes, self.unsent.clone())))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A part of a response, which counts until it is dropped: when it has been written to the socket.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Bytes,
    counted: usize,
    /// How much has been sent since the last activity was recorded, in bytes.
    unrecorded: usize,
    unsent: Arc<Unsent>,
}

impl Held {
    fn new(bytes: Bytes, unsent: Arc<Unsent>) -> Self {
        let counted = bytes.len();
        unsent.bytes.fetch_add(counted, Ordering::AcqRel);
        unsent.budget.hold(counted);
        Self { bytes, counted, unrecorded: 0, unsent }
    }
}

impl Held {
    fn record(&mut self, sent: usize) {
        self.unrecorded += sent;
        if self.unrecorded >= PROGRESS {
            self.unrecorded = 0;
            if let Some(underway) = &self.unsent.underway {
                underway.activity().record_data();
            }
        }
    }
}

impl Buf for Held {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.record(count);
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        self.record(len);
        self.bytes.copy_to_bytes(len)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.counted > 0 {
            self.unsent.release(self.counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use http_body_util::BodyExt;
    use http_body_util::channel::Channel;
    use http_body_util::combinators::MapErr;

    use super::super::activity::Activity;
    use super::super::memory::{Memory, Shares};
    use super::*;

    const MIB: usize = 1024 * 1024;
    const PART: usize = 16 * 1024;

    type Parts = HeldBody<MapErr<Channel<Bytes, Infallible>, fn(Infallible) -> BoxError>>;

    /// A body of many parts, which have all arrived.
    fn body(budget: &Arc<Budget>) -> Parts {
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(100);
        while sender.try_send(Frame::data(Bytes::from(vec![b'x'; PART]))).is_ok() {}
        let body = body.map_err((|err| err.into()) as fn(Infallible) -> BoxError);
        HeldBody::new(body, budget.clone(), Activity::new(Duration::from_secs(1)).begin())
    }

    fn read(body: &mut Parts) -> Option<Held> {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(body).poll_frame(&mut cx) {
            Poll::Ready(frame) => Some(frame.unwrap().unwrap().into_data().unwrap()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn bodies_are_read_until_their_share_is_used_up_and_again_when_their_data_is_sent() {
        let (all, shares) = (Memory::new(usize::MAX), Shares::of(4 * MIB));
        let budget = Budget::open(&all, shares).unwrap();
        let (mut first, mut second) = (body(&budget), body(&budget));
        let mut held: Vec<_> = std::iter::from_fn(|| read(&mut first)).collect();
        assert_eq!(held.len() * PART, shares.unsent);
        // Each body may have one part, so that none of them stops the others.
        let other = read(&mut second).unwrap();
        assert!(read(&mut second).is_none());
        assert_eq!(all.used(), shares.fixed + shares.unsent + PART);
        drop(other);
        assert!(read(&mut first).is_none());
        // A part counts as a whole until all of it has been written.
        held[0].advance(PART - 1);
        assert!(read(&mut first).is_none());
        held.clear();
        assert_eq!(all.used(), shares.fixed);
        assert!(read(&mut first).is_some());
    }

    #[tokio::test]
    async fn each_body_has_one_part_at_most_if_the_memory_of_all_connections_is_used_up() {
        let shares = Shares::of(4 * MIB);
        let all = Memory::new(shares.fixed);
        let budget = Budget::open(&all, shares).unwrap();
        let mut body = body(&budget);
        let part = read(&mut body).unwrap();
        assert!(read(&mut body).is_none());
        drop(part);
        assert!(read(&mut body).is_some());
    }
}
