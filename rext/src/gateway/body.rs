//! Bodies that the gateway passes on.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::Body;
use http::{HeaderMap, HeaderName, StatusCode, header};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use rustls_ext::{causes, with_causes};
use tokio::sync::Notify;
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
    Announced(Option<Arc<HashSet<HeaderName>>>),
    /// None: the client has not asked for them, so they may be dropped (RFC 9110 section 6.5.1).
    Dropped,
}

impl Trailers {
    /// Those that a message with these fields announces (RFC 9110 section 6.6.2).
    pub(super) fn announced(fields: &HeaderMap) -> Self {
        if !fields.contains_key(header::TRAILER) {
            return Self::Announced(None);
        }
        let names =
            fields.get_all(header::TRAILER).into_iter().filter_map(|line| line.to_str().ok());
        let names = names.flat_map(|line| line.split(','));
        let names = names.filter_map(|name| name.trim().parse().ok()).collect();
        Self::Announced(Some(Arc::new(names)))
    }

    fn check(&self, trailers: &HeaderMap) -> Result<(), UnannouncedTrailer> {
        let Self::Announced(names) = self else { return Ok(()) };
        let is_announced =
            |name: &HeaderName| names.as_ref().is_some_and(|names| names.contains(name));
        match trailers.keys().find(|name| !is_announced(name)) {
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
    state: Mutex<State>,
    /// Notified when a reader no longer waits.
    no_longer_awaited: Notify,
    /// Why the client's body failed, and the status for the client.
    fault: OnceLock<(StatusCode, String)>,
    fields: Arc<Fields>,
}

#[derive(Debug)]
struct State {
    body: Body,
    last: Instant,
    is_awaited: bool,
    has_begun: bool,
}

impl Shared {
    pub(super) fn new(body: Body, fields: Arc<Fields>) -> Arc<Self> {
        let state = State { body, last: Instant::now(), is_awaited: false, has_begun: false };
        let (no_longer_awaited, fault) = (Notify::new(), OnceLock::new());
        Arc::new(Self { state: Mutex::new(state), no_longer_awaited, fault, fields })
    }

    /// Returns a body for a request. Only one may be read.
    pub(super) fn reader(self: &Arc<Self>, trailers: Trailers) -> RequestBody {
        RequestBody { shared: self.clone(), trailers }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the body, if nothing is to be sent any more.
    pub(super) fn take(&self) -> Body {
        std::mem::take(&mut self.state().body)
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
        self.state().body.is_end_stream()
    }

    /// Returns true if some of the body has been read, so that it cannot be sent again.
    pub(super) fn has_begun(&self) -> bool {
        self.state().has_begun
    }

    /// The time at which the last part of the body arrived.
    pub(super) fn last(&self) -> Instant {
        self.state().last
    }

    /// Returns true if a reader waits for the next part.
    pub(super) fn is_awaited(&self) -> bool {
        self.state().is_awaited
    }

    /// Returns when no reader waits any more.
    pub(super) async fn no_longer_awaited(&self) {
        loop {
            let mut notified = pin!(self.no_longer_awaited.notified());
            // From here on, no notification is missed.
            notified.as_mut().enable();
            if !self.is_awaited() {
                return;
            }
            notified.await;
        }
    }

    /// Records that a reader waits, or no longer does.
    fn set_awaited(&self, state: &mut State, is_awaited: bool) {
        if !is_awaited {
            state.last = Instant::now();
        }
        if std::mem::replace(&mut state.is_awaited, is_awaited) && !is_awaited {
            self.no_longer_awaited.notify_waiters();
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.shared.state();
        let mut frame = Pin::new(&mut state.body).poll_frame(cx);
        state.has_begun |= matches!(frame, Poll::Ready(Some(_)));
        self.shared.set_awaited(&mut state, frame.is_pending());
        drop(state);
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
        self.shared.state().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.shared.state().body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.shared.set_awaited(&mut self.shared.state(), false);
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
