//! Bodies that the proxy passes on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

use super::fields::Fields;

/// A body that is passed on, without the trailers that only a proxy may send.
#[derive(Debug)]
pub(super) struct Relayed<B> {
    body: B,
    fields: Arc<Fields>,
    progress: Option<Arc<Progress>>,
}

/// The progress of a body.
#[derive(Debug)]
pub(super) struct Progress(watch::Sender<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    last: Instant,
    is_awaited: bool,
}

impl<B> Relayed<B> {
    pub(super) fn new(body: B, fields: &Arc<Fields>) -> Self {
        Self { body, fields: fields.clone(), progress: None }
    }

    pub(super) fn with_progress(body: B, fields: &Arc<Fields>) -> (Self, Arc<Progress>) {
        let state = State { last: Instant::now(), is_awaited: false };
        let progress = Arc::new(Progress(watch::Sender::new(state)));
        (Self { body, fields: fields.clone(), progress: Some(progress.clone()) }, progress)
    }
}

impl Progress {
    /// The time at which the last part of the body arrived.
    pub(super) fn last(&self) -> Instant {
        self.0.borrow().last
    }

    /// Returns true if a reader waits for the next part.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.borrow().is_awaited
    }

    /// Returns when no reader waits any more.
    pub(super) async fn no_longer_awaited(&self) {
        let _ = self.0.subscribe().wait_for(|state| !state.is_awaited).await;
    }

    fn set(&self, is_awaited: bool) {
        self.0.send_modify(|state| {
            state.is_awaited = is_awaited;
            if !is_awaited {
                state.last = Instant::now();
            }
        });
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Relayed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(progress) = &self.progress {
            progress.set(frame.is_pending());
        }
        if let Poll::Ready(Some(Ok(frame))) = &mut frame {
            if let Some(trailers) = frame.trailers_mut() {
                self.fields.clean_trailers(trailers);
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Relayed<B> {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.set(false);
        }
    }
}
