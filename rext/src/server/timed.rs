//! A body with a time limit for its next part.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::{Activity, PROGRESS};

/// A body that fails if a reader waits too long for its next part.
#[derive(Debug)]
pub(super) struct Timed<B> {
    body: B,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// True while a reader waits.
    waiting: bool,
    /// How much has arrived, in bytes, since the last activity was recorded.
    unrecorded: usize,
    /// `None` if the body is no activity.
    activity: Option<Activity>,
}

impl<B> Timed<B> {
    /// The result fails if nothing arrives for `limit` while a reader waits. What arrives is recorded.
    pub(super) fn new(body: B, limit: Duration, activity: Option<Activity>) -> Self {
        let (timer, waiting, unrecorded) = (None, true, 0);
        Self { body, limit, timer, waiting, unrecorded, activity }
    }
}

/// Wraps the body of a request, for an application.
pub(super) fn timed<B>(body: B, limit: Duration, activity: &Activity) -> Body
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        // Most requests have none.
        return Body::empty();
    }
    Body::new(Timed::new(body, limit, Some(activity.clone())))
}

impl<B> HttpBody for Timed<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let waited = std::mem::take(&mut this.waiting);
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            this.unrecorded += data.map_or(PROGRESS, Bytes::len);
            if waited || this.unrecorded >= PROGRESS {
                this.unrecorded = 0;
                this.activity.iter().for_each(Activity::record_data);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let is_new = this.timer.is_none();
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.limit)));
        if !std::mem::replace(&mut this.waiting, true) && !is_new {
            timer.as_mut().reset(Instant::now() + this.limit);
        }
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(Stalled(this.limit).into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The error of a body that stalled: nothing arrived within this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled(Duration);

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body stalled: no data arrived for {:?}", self.0)
    }
}

impl std::error::Error for Stalled {}
