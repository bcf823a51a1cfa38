use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How much of a body must be read or written before that is activity, in bytes, if there is more
/// of it. Otherwise a client could keep a connection open by reading a byte at a time.
pub(super) const PROGRESS: usize = 1024;

/// How many more requests than it lets finish a client may cancel before their responses begin, as
/// in the attack "rapid reset" (CVE-2023-44487).
const MAX_CANCELLED: usize = 500;

/// The activity on a connection. Connections without activity are closed. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: watch::Sender<State>,
    idle: Duration,
}

#[derive(Debug)]
struct State {
    /// How many requests are unfinished.
    requests: usize,
    /// True if there was at least one request.
    had_request: bool,
    /// The time of the last activity.
    last: Instant,
    /// The time at which the client was told to send no further request, if it was.
    stopped: Option<Instant>,
    /// How many more requests were cancelled than finished.
    cancelled: usize,
    /// The deadline that a task waits for, and the time limit for the first request.
    awaited: Option<(Instant, Duration)>,
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
    /// The client was told to send no further request, all requests are finished, and it has not
    /// closed the connection.
    NotClosed,
    /// The client cancelled too many requests.
    Cancelled,
}

impl Activity {
    /// A connection may have no activity for `idle`.
    pub(super) fn new(idle: Duration) -> Self {
        let state = State {
            requests: 0,
            had_request: false,
            last: Instant::now(),
            stopped: None,
            cancelled: 0,
            awaited: None,
        };
        Self(Arc::new(Shared { state: watch::Sender::new(state), idle }))
    }

    /// Changes the state. Tasks are woken for the first request, and if the deadline is now before
    /// the one that they wait for. Otherwise they look at the state again at that deadline, so that
    /// a request wakes no task and sets no timer.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let Shared { state, idle } = &*self.0;
        state.send_if_modified(|state| {
            let had_request = state.had_request;
            change(state);
            had_request != state.had_request
                || state.awaited.is_some_and(|(awaited, first_request)| {
                    state.deadline(first_request, *idle).0 < awaited
                })
        });
    }

    /// Records a request, which ends when the returned guard is dropped.
    ///
    /// Returns `None`, and records nothing, if the client had time to learn that it should send no
    /// further request: otherwise it could keep the connection open with new ones.
    pub(super) fn begin(&self) -> Option<Underway> {
        let mut begun = false;
        self.change(|state| {
            let now = Instant::now();
            if state.stopped.is_some_and(|stopped| now >= stopped + self.0.idle) {
                return;
            }
            state.requests += 1;
            state.had_request = true;
            state.last = now;
            begun = true;
        });
        begun.then(|| Underway { activity: self.clone(), responded: false })
    }

    /// Records that the client was told to send no further request.
    pub(super) fn stop(&self) {
        self.change(|state| {
            state.stopped.get_or_insert_with(Instant::now);
        });
    }

    /// Waits until the first request has begun.
    pub(super) async fn first_request(&self) {
        // This is a sender itself.
        let _ = self.0.state.subscribe().wait_for(|state| state.had_request).await;
    }

    /// Records that a part of a body was received or sent.
    pub(super) fn record_data(&self) {
        self.change(|state| state.last = Instant::now());
    }

    /// Returns the time of the last activity.
    pub(super) fn last(&self) -> Instant {
        self.0.state.borrow().last
    }

    /// Waits until the connection should be closed: no first request arrived within
    /// `first_request`, or there was no activity for the idle time after it. Only one task waits.
    ///
    /// If a request is unfinished, it waits for twice that time, so that the reader of the request's
    /// body can report the timeout first.
    pub(super) async fn close_reason(&self, first_request: Duration) -> CloseReason {
        let mut changes = self.0.state.subscribe();
        loop {
            // Before the deadline is taken, so that no later change is missed.
            changes.mark_unchanged();
            let (deadline, reason) = self.deadline(first_request);
            if deadline <= Instant::now() {
                return reason;
            }
            // Returns when the deadline has become an earlier one, or at the deadline.
            let _ = timeout_at(deadline, changes.changed()).await;
        }
    }

    /// Returns the deadline, and records that a task waits for it.
    fn deadline(&self, first_request: Duration) -> (Instant, CloseReason) {
        let mut next = (Instant::now(), CloseReason::Idle);
        self.0.state.send_if_modified(|state| {
            let (deadline, reason) = state.deadline(first_request, self.0.idle);
            state.awaited = Some((deadline, first_request));
            next = (deadline, reason);
            false
        });
        next
    }
}

impl State {
    fn deadline(&self, first_request: Duration, idle: Duration) -> (Instant, CloseReason) {
        match (self.requests, self.stopped) {
            _ if self.cancelled > MAX_CANCELLED => (self.last, CloseReason::Cancelled),
            (0, _) if !self.had_request => (self.last + first_request, CloseReason::NoRequest),
            (0, Some(stopped)) => (stopped.max(self.last) + idle, CloseReason::NotClosed),
            (0, None) => (self.last + idle, CloseReason::Idle),
            _ => (self.last + 2 * idle, CloseReason::Stalled),
        }
    }
}

/// A guard for an unfinished request.
#[derive(Debug)]
pub(super) struct Underway {
    activity: Activity,
    responded: bool,
}

impl Underway {
    /// Returns the activity that the request is a part of.
    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Records that the response begins. If it never does, the client has cancelled the request.
    pub(super) fn respond(&mut self) {
        self.responded = true;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.activity.change(|state| {
            state.requests = state.requests.saturating_sub(1);
            // What was sent of the response is recorded already. That a request fails is no activity:
            // otherwise a client that reads nothing keeps its connection while its requests time out.
            if state.requests == 0 {
                state.last = Instant::now();
            }
            state.cancelled = if self.responded {
                state.cancelled.saturating_sub(1)
            } else {
                state.cancelled + 1
            };
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Waits for the reason to close a connection, and returns it with the time of the wait.
    async fn close_reason(activity: Activity, first_request: Duration) -> (CloseReason, Duration) {
        let start = Instant::now();
        (activity.close_reason(first_request).await, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_becomes_earlier_wakes_the_task_that_waits() {
        let activity = Activity::new(SECOND);
        let waiting = tokio::spawn(close_reason(activity.clone(), 60 * SECOND));
        yield_now().await;
        drop(activity.begin().unwrap());
        assert_eq!(waiting.await.unwrap(), (CloseReason::Idle, SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_becomes_later_is_seen_when_the_earlier_one_has_come() {
        let activity = Activity::new(10 * SECOND);
        let waiting = tokio::spawn(close_reason(activity.clone(), SECOND));
        yield_now().await;
        let underway = activity.begin().unwrap();
        tokio::time::sleep(15 * SECOND).await;
        activity.record_data();
        tokio::time::sleep(15 * SECOND).await;
        drop(underway);
        assert_eq!(waiting.await.unwrap(), (CloseReason::Idle, 40 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_finished_request_makes_up_for_one_that_was_cancelled() {
        let activity = Activity::new(SECOND);
        let waiting = tokio::spawn(close_reason(activity.clone(), SECOND));
        yield_now().await;
        let _open = activity.begin().unwrap();
        let mut finished = activity.begin().unwrap();
        finished.respond();
        for _ in 0..MAX_CANCELLED {
            drop(activity.begin().unwrap());
        }
        drop(finished);
        drop(activity.begin().unwrap());
        yield_now().await;
        assert!(!waiting.is_finished());
        drop(activity.begin().unwrap());
        assert_eq!(waiting.await.unwrap(), (CloseReason::Cancelled, Duration::ZERO));
    }
}
