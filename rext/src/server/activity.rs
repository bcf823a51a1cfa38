use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The activity on a connection, used to end connections without any.
#[derive(Clone, Debug)]
pub(super) struct Activity(watch::Sender<State>);

#[derive(Debug)]
struct State {
    /// How many requests are unfinished.
    requests: usize,
    /// True if there was at least one request.
    was_asked: bool,
    /// When the last activity was.
    last: Instant,
}

/// Why a connection should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There was no request at all.
    Silent,
    /// There are no requests any more.
    Idle,
    /// There are requests, but nothing is read or written.
    Stalled,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State { requests: 0, was_asked: false, last: Instant::now() }))
    }

    /// Records a request, which ends when the returned guard is dropped.
    pub(super) fn begin(&self) -> Underway {
        self.0.send_modify(|state| {
            state.requests += 1;
            state.was_asked = true;
            state.last = Instant::now();
        });
        Underway(self.clone())
    }

    /// Records that a part of a body was received or sent.
    pub(super) fn moved(&self) {
        self.0.send_if_modified(|state| {
            state.last = Instant::now();
            // Waiting tasks check again when their time is up.
            false
        });
    }

    /// Waits until there was no first request within `patience`, or no activity after it for
    /// `idle`.
    ///
    /// An unfinished request without activity gets twice that time, so that the reader of its body
    /// can report the timeout first.
    pub(super) async fn end(&self, patience: Duration, idle: Duration) -> End {
        let mut changes = self.0.subscribe();
        loop {
            let (deadline, end) = {
                let state = changes.borrow_and_update();
                match (state.requests, state.was_asked) {
                    (0, false) => (state.last + patience, End::Silent),
                    (0, true) => (state.last + idle, End::Idle),
                    _ => (state.last + 2 * idle, End::Stalled),
                }
            };
            if deadline <= Instant::now() {
                return end;
            }
            // Either the state has changed, or the time may be up.
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
