//! Bodies that the gateway passes on.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::Body;
use http::{HeaderMap, HeaderName, StatusCode, header};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use rustls_ext::{causes, with_causes};
use tokio::sync::watch;
use tokio::time::Instant;

use super::fields::Fields;
use super::pool::Lease;
use crate::server::Stalled;

/// Which trailers the next connection can transport.
#[derive(Clone, Debug)]
pub(super) enum Trailers {
    /// All.
    All,
    /// Only those that the field `Trailer` announces, as hyper writes them in HTTP/1.1. Others make
    /// the body fail, since they would be lost without notice.
    Announced(Arc<HashSet<HeaderName>>),
    /// None: the client has not asked for them, so they may be dropped (RFC 9110 section 6.5.1).
    Dropped,
}

impl Trailers {
    /// Those that a message with these fields announces (RFC 9110 section 6.6.2).
    pub(super) fn announced(fields: &HeaderMap) -> Self {
        let names =
            fields.get_all(header::TRAILER).into_iter().filter_map(|line| line.to_str().ok());
        let names = names.flat_map(|line| line.split(','));
        Self::Announced(Arc::new(names.filter_map(|name| name.trim().parse().ok()).collect()))
    }

    fn check(&self, trailers: &HeaderMap) -> Result<(), UnannouncedTrailer> {
        let Self::Announced(names) = self else { return Ok(()) };
        match trailers.keys().find(|name| !names.contains(*name)) {
            Some(name) => Err(UnannouncedTrailer(name.clone())),
            None => Ok(()),
        }
    }
}

/// The error of a body whose trailers cannot be passed on: HTTP/1.1 needs their names in the field
/// `Trailer`, before the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnannouncedTrailer(HeaderName);

impl fmt::Display for UnannouncedTrailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the trailer {} is not announced in the field Trailer, as HTTP/1.1 needs", self.0)
    }
}

impl std::error::Error for UnannouncedTrailer {}

/// The body of a request, which can be sent again as long as none of it has been read.
#[derive(Debug)]
pub(super) struct RequestBody {
    shared: Arc<Shared>,
    trailers: Trailers,
}

/// The body of a request, and how it is read.
#[derive(Debug)]
pub(super) struct Shared {
    body: Mutex<Body>,
    progress: Progress,
    /// Why the client's body failed, and the status for the client.
    fault: OnceLock<(StatusCode, String)>,
    fields: Arc<Fields>,
}

/// The progress of a body.
#[derive(Debug)]
struct Progress(watch::Sender<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    last: Instant,
    is_awaited: bool,
    has_begun: bool,
}

impl Shared {
    pub(super) fn new(body: Body, fields: Arc<Fields>) -> Arc<Self> {
        let state = State { last: Instant::now(), is_awaited: false, has_begun: false };
        let progress = Progress(watch::Sender::new(state));
        let (body, fault) = (Mutex::new(body), OnceLock::new());
        Arc::new(Self { body, progress, fault, fields })
    }

    /// Returns a body for a request. Only one may be read.
    pub(super) fn reader(self: &Arc<Self>, trailers: Trailers) -> RequestBody {
        RequestBody { shared: self.clone(), trailers }
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the body, if nothing is to be sent any more.
    pub(super) fn take(&self) -> Body {
        std::mem::take(&mut *self.body())
    }

    /// Returns why the client's body failed, if it did, and the status for the client. The error of
    /// the exchange does not always tell.
    pub(super) fn fault(&self) -> Option<(StatusCode, String)> {
        self.fault.get().cloned()
    }

    fn record_fault(&self, err: &(dyn Error + 'static)) {
        let status = if causes(err).any(|err| err.is::<Stalled>()) {
            StatusCode::REQUEST_TIMEOUT
        } else {
            StatusCode::BAD_REQUEST
        };
        let _ = self.fault.set((status, with_causes(err)));
    }

    /// Returns true if the request has no body.
    pub(super) fn is_empty(&self) -> bool {
        self.body().is_end_stream()
    }

    /// Returns true if some of the body has been read, so that it cannot be sent again.
    pub(super) fn has_begun(&self) -> bool {
        self.progress.0.borrow().has_begun
    }

    /// The time at which the last part of the body arrived.
    pub(super) fn last(&self) -> Instant {
        self.progress.0.borrow().last
    }

    /// Returns true if a reader waits for the next part.
    pub(super) fn is_awaited(&self) -> bool {
        self.progress.0.borrow().is_awaited
    }

    /// Returns when no reader waits any more.
    pub(super) async fn no_longer_awaited(&self) {
        let _ = self.progress.0.subscribe().wait_for(|state| !state.is_awaited).await;
    }
}

impl Progress {
    fn set(&self, is_awaited: bool, has_begun: bool) {
        self.0.send_modify(|state| {
            state.is_awaited = is_awaited;
            state.has_begun |= has_begun;
            if !is_awaited {
                state.last = Instant::now();
            }
        });
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut frame = Pin::new(&mut *self.shared.body()).poll_frame(cx);
        self.shared.progress.set(frame.is_pending(), matches!(frame, Poll::Ready(Some(_))));
        if let Some(trailers) = trailers_of(&mut frame) {
            self.shared.fields.clean_trailers(trailers);
            if let Err(err) = self.trailers.check(trailers) {
                self.shared.record_fault(&err);
                return Poll::Ready(Some(Err(err.into())));
            }
        }
        if let Poll::Ready(Some(Err(err))) = &frame {
            self.shared.record_fault(err);
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.shared.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.shared.body().size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.shared.progress.set(false, false);
    }
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct ResponseBody {
    body: Incoming,
    trailers: Trailers,
    fields: Arc<Fields>,
    /// Ends with the body.
    _lease: Lease,
}

impl ResponseBody {
    pub(super) fn new(
        body: Incoming,
        trailers: Trailers,
        fields: Arc<Fields>,
        lease: Lease,
    ) -> Self {
        Self { body, trailers, fields, _lease: lease }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let mut frame = Pin::new(&mut this.body).poll_frame(cx);
        if let Some(trailers) = trailers_of(&mut frame) {
            this.fields.clean_trailers(trailers);
            if let Err(err) = this.trailers.check(trailers) {
                return Poll::Ready(Some(Err(err.into())));
            }
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
/// Returns the trailers, if this part of a body is that.
fn trailers_of<E>(frame: &mut Poll<Option<Result<Frame<Bytes>, E>>>) -> Option<&mut HeaderMap> {
    match frame {
        Poll::Ready(Some(Ok(frame))) => frame.trailers_mut(),
        _ => None,
    }
}
