//! Bodies whose bytes are counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use hyper::body::{Body as HttpBody, Buf, Bytes, Frame, SizeHint};
use rustls_ext::metrics::Metric;

use super::exchange::Record;

/// After how many bytes a metric is updated, so that a long body is seen before its end.
const STEP: u64 = 256 * 1024;

/// The bytes of one body, or of one direction of a connection.
#[derive(Debug)]
pub(crate) struct Tally {
    metric: &'static Metric,
    /// The value of the metric's label; empty if it has none.
    label: &'static str,
    total: Arc<AtomicU64>,
    unreported: u64,
}

impl Tally {
    pub(crate) fn new(metric: &'static Metric, label: &'static str) -> Self {
        Self { metric, label, total: Arc::default(), unreported: 0 }
    }

    /// The same, which also adds its bytes to `total`.
    pub(super) fn with_total(mut self, total: Arc<AtomicU64>) -> Self {
        self.total = total;
        self
    }

    /// Counts these bytes.
    pub(crate) fn add(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.total.fetch_add(bytes, Ordering::Relaxed);
        self.unreported = self.unreported.saturating_add(bytes);
        if self.unreported >= STEP {
            self.report();
        }
    }

    fn report(&mut self) {
        if self.unreported > 0 {
            self.metric.add(std::mem::take(&mut self.unreported), &[self.label]);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.report();
    }
}

/// The body of a request, whose bytes are counted as they are read.
#[derive(Debug)]
pub(crate) struct Counted<B> {
    body: B,
    /// `None` if nothing is recorded.
    tally: Option<Tally>,
}

impl<B> Counted<B> {
    pub(super) fn new(body: B, tally: Option<Tally>) -> Self {
        Self { body, tally }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let (Some(tally), Some(Ok(frame))) = (&mut self.tally, &frame) {
            tally.add(frame.data_ref().map_or(0, Buf::remaining));
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

/// The body of a response. When it ends or is dropped, the request is recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    body: Body,
    tally: Tally,
    record: Box<Record>,
}

impl Recorded {
    pub(super) fn new(body: Body, tally: Tally, record: Box<Record>) -> Self {
        Self { body, tally, record }
    }
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                self.tally.add(bytes);
            }
            Some(Err(_)) => {}
            None => self.record.completed(),
        }
        // The HTTP library does not poll a body that has ended.
        if self.body.is_end_stream() && !matches!(frame, Some(Err(_))) {
            self.record.completed();
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
