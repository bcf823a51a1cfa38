use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The activity on a connection. Connections without activity are closed.
#[derive(Clone, Debug)]
pub(super) struct Activity(watch::Sender<State>);

#[derive(Debug)]
struct State {
    /// How many requests are unfinished.
    requests: usize,
    /// True if there was at least one request.
    had_request: bool,
    /// The time of the last activity.
    last: Instant,
}

/// Why a connection should be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// There was no request at all.
    NoRequest,
    /// All requests are finished, and no further one has arrived.
    Idle,
    /// Requests are unfinished, but no data is read or written.
    Stalled,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State { requests: 0, had_request: false, last: Instant::now() }))
    }

    /// Records a request, which ends when the returned guard is dropped.
    pub(super) fn begin(&self) -> Underway {
        self.0.send_modify(|state| {
            state.requests += 1;
            state.had_request = true;
            state.last = Instant::now();
        });
        Underway(self.clone())
    }

    /// Waits until the first request has begun.
    pub(super) async fn first_request(&self) {
        // This is a sender itself.
        let _ = self.0.subscribe().wait_for(|state| state.had_request).await;
    }

    /// Records that a part of a body was received or sent.
    pub(super) fn record_data(&self) {
        self.0.send_if_modified(|state| {
            state.last = Instant::now();
            // Waiting tasks need no notification: they check again at their deadline.
            false
        });
    }

    /// Waits until the connection should be closed: no first request arrived within
    /// `first_request`, or there was no activity for `idle` after it.
    ///
    /// If a request is unfinished, it waits for twice `idle`, so that the reader of the request's
    /// body can report the timeout first.
    pub(super) async fn close_reason(
        &self,
        first_request: Duration,
        idle: Duration,
    ) -> CloseReason {
        let mut changes = self.0.subscribe();
        loop {
            let (deadline, reason) = {
                let state = changes.borrow_and_update();
                match (state.requests, state.had_request) {
                    (0, false) => (state.last + first_request, CloseReason::NoRequest),
                    (0, true) => (state.last + idle, CloseReason::Idle),
                    _ => (state.last + 2 * idle, CloseReason::Stalled),
                }
            };
            if deadline <= Instant::now() {
                return reason;
            }
            // Returns when the state changes, or at the deadline.
            let _ = timeout_at(deadline, changes.changed()).await;
        }
    }

    /// Waits until there was no activity for twice `idle`, with or without requests.
    pub(super) async fn stalled(&self, idle: Duration) {
        let mut changes = self.0.subscribe();
        loop {
            let deadline = changes.borrow_and_update().last + 2 * idle;
            if deadline <= Instant::now() {
                return;
            }
            let _ = timeout_at(deadline, changes.changed()).await;
        }
    }
}

/// A guard for an unfinished request.
#[derive(Debug)]
pub(super) struct Underway(Activity);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| {
            state.requests = state.requests.saturating_sub(1);
            state.last = Instant::now();
        });
    }
}
