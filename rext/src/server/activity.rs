use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// What happens on a connection, so that it can be ended when nothing does.
#[derive(Clone, Debug)]
pub(super) struct Activity(watch::Sender<State>);

#[derive(Debug)]
struct State {
    /// How many requests are not over.
    requests: usize,
    /// Whether there was one.
    was_asked: bool,
    /// When something happened last.
    last: Instant,
}

/// Why a connection should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There was no request at all.
    Silent,
    /// There is none any more.
    Idle,
    /// There are some, and nothing is read or written.
    Stalled,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State { requests: 0, was_asked: false, last: Instant::now() }))
    }

    /// Note a request, which is over when this is dropped.
    pub(super) fn begin(&self) -> Underway {
        self.0.send_modify(|state| {
            state.requests += 1;
            state.was_asked = true;
            state.last = Instant::now();
        });
        Underway(self.clone())
    }

    /// Note that a part of a body has come or gone.
    pub(super) fn moved(&self) {
        self.0.send_if_modified(|state| {
            state.last = Instant::now();
            // Whoever waits looks again when time is up.
            false
        });
    }

    /// Wait until there was no first request within `patience`, or nothing after it for `idle`.
    ///
    /// A request that is underway and does not move is given twice that, so that whoever waits for
    /// a part of its body can tell first.
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
            // Either something has changed, or time may be up.
            let _ = timeout_at(deadline, changes.changed()).await;
        }
    }

    /// Wait until nothing has moved for twice `idle`, whether there are requests or not.
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

/// A request that is not over.
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
