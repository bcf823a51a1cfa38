use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use hyper::body::{Bytes, Incoming};
use tokio::sync::Notify;

use super::activity::Waiting;

/// The body of a response, in the type of hyper.
#[derive(Debug)]
pub struct ResponseBody {
    body: Incoming,
    /// Over HTTP/1.1 the connection becomes available again when this is dropped.
    end: Option<Reading>,
    /// Over HTTP/2 the connection is in doubt if the reader gives up waiting for the rest.
    waiting: Option<Waiting>,
}

impl ResponseBody {
    pub(super) fn http1(body: Incoming, end: Reading) -> Self {
        let mut body = Self { body, end: Some(end), waiting: None };
        body.note_end();
        body
    }

    pub(super) fn http2(body: Incoming, waiting: Waiting) -> Self {
        Self { body, end: None, waiting: Some(waiting) }
    }

    fn note_end(&mut self) {
        if self.body.is_end_stream() {
            self.end = None;
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(waiting) = &mut self.waiting {
            match &frame {
                Poll::Pending => waiting.again(),
                Poll::Ready(_) => waiting.is_over(),
            }
        }
        let frame = ready!(frame);
        match &frame {
            Some(Ok(_)) => self.note_end(),
            Some(Err(_)) | None => self.end = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Connections that will soon be available: requests that need a connection wait for these rather
/// than open another.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// How many responses have been read whose connections have not been returned yet.
    count: AtomicUsize,
    pub(super) changed: Notify,
}

impl Ending {
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Two guards: one that the reader of a response holds until its end, and one for its
    /// connection.
    pub(super) fn response(self: &Arc<Self>) -> (Reading, Busy) {
        let response = Arc::new(One { ending: self.clone(), phase: AtomicU8::new(READING) });
        (Reading(response.clone()), Busy(response))
    }
}

const READING: u8 = 0;
const READ: u8 = 1;
const BACK: u8 = 2;

#[derive(Debug)]
struct One {
    ending: Arc<Ending>,
    phase: AtomicU8,
}

/// Dropped when a response has been read to its end, or the rest is not needed.
#[derive(Debug)]
pub(super) struct Reading(Arc<One>);

impl Drop for Reading {
    fn drop(&mut self) {
        let One { ending, phase } = &*self.0;
        // Counted before the response can be seen as read, so before the count is decreased.
        ending.count.fetch_add(1, Ordering::AcqRel);
        if phase.compare_exchange(READING, READ, Ordering::AcqRel, Ordering::Acquire).is_err() {
            ending.count.fetch_sub(1, Ordering::AcqRel);
            ending.changed.notify_waiters();
        }
    }
}

/// Dropped when a connection is returned to the pool, or has ended.
#[derive(Debug)]
pub(super) struct Busy(Arc<One>);

impl Drop for Busy {
    fn drop(&mut self) {
        let One { ending, phase } = &*self.0;
        if phase.swap(BACK, Ordering::AcqRel) == READ {
            ending.count.fetch_sub(1, Ordering::AcqRel);
        }
        ending.changed.notify_waiters();
    }
}
