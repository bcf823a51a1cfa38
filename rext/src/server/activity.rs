use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How much of a body must be read or written before that is activity, in bytes, if there is more
/// of it. Otherwise a client could keep a connection open by reading a byte at a time.
pub(super) const PROGRESS: usize = 1024;

/// How many more requests than it lets finish a client may cancel before their responses begin, as
/// in the attack "rapid reset" (CVE-2023-44487).
const MAX_CANCELLED: usize = 500;

/// The activity on a connection. Connections without activity are closed.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    idle: Duration,
    state: Mutex<State>,
    /// Tells the task that waits for the time to close the connection that this comes earlier.
    earlier: Notify,
    /// Tells tasks that the first request has begun.
    first: Notify,
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
    /// Until when [`Activity::close_reason`] waits, and its time for the first request; `None` if it
    /// is not waiting.
    waiting: Option<(Instant, Duration)>,
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
            waiting: None,
        };
        Self(Arc::new(Shared {
            idle,
            state: Mutex::new(state),
            earlier: Notify::new(),
            first: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while this is locked.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state. A task that waits for the time to close the connection is woken only if
    /// that time comes earlier now: otherwise it checks again at the time until which it waits.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let had_request = state.had_request;
        let changed = change(&mut state);
        let is_earlier = state.waiting.is_some_and(|(until, first_request)| {
            state.deadline(first_request, self.0.idle).0 < until
        });
        let is_first = state.had_request != had_request;
        drop(state);
        if is_earlier {
            self.0.earlier.notify_waiters();
        }
        if is_first {
            self.0.first.notify_waiters();
        }
        changed
    }

    /// Records a request, which ends when the returned guard is dropped.
    ///
    /// Returns `None`, and records nothing, if the client had time to learn that it should send no
    /// further request: otherwise it could keep the connection open with new ones.
    pub(super) fn begin(&self) -> Option<Underway> {
        let begun = self.change(|state| {
            let now = Instant::now();
            if state.stopped.is_some_and(|stopped| now >= stopped + self.0.idle) {
                return false;
            }
            state.requests += 1;
            state.had_request = true;
            state.last = now;
            true
        });
        begun.then(|| Underway { activity: self.clone(), responded: false })
    }

    /// Records that a response begins, which is unfinished until the returned guard is dropped.
    pub(super) fn sending(&self) -> Underway {
        self.change(|state| state.requests += 1);
        Underway { activity: self.clone(), responded: true }
    }

    /// Records that the client was told to send no further request.
    pub(super) fn stop(&self) {
        self.change(|state| {
            state.stopped.get_or_insert_with(Instant::now);
        });
    }

    /// Waits until the first request has begun.
    pub(super) async fn first_request(&self) {
        loop {
            // It counts notifications from here on.
            let begun = self.0.first.notified();
            if self.state().had_request {
                return;
            }
            begun.await;
        }
    }

    /// Records that a part of a body was received or sent.
    pub(super) fn record_data(&self) {
        // The connection may stay open longer, so no task needs to check.
        self.state().last = Instant::now();
    }

    /// Waits until the connection should be closed: no first request arrived within
    /// `first_request`, or there was no activity for the idle time after it. Only one task of a
    /// connection waits for it at a time.
    ///
    /// If a request is unfinished, it waits for twice that time, so that the reader of the request's
    /// body can report the timeout first.
    pub(super) async fn close_reason(&self, first_request: Duration) -> CloseReason {
        loop {
            // It counts notifications from here on.
            let earlier = pin!(self.0.earlier.notified());
            let deadline = {
                let mut state = self.state();
                let (deadline, reason) = state.deadline(first_request, self.0.idle);
                if deadline <= Instant::now() {
                    return reason;
                }
                state.waiting = Some((deadline, first_request));
                deadline
            };
            // Returns when the deadline comes earlier, or at the deadline.
            let _ = timeout_at(deadline, earlier).await;
        }
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a task that waits for the time to close is woken by `change`.
    fn wakes(activity: &Activity, first_request: Duration, change: impl FnOnce()) -> usize {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut waiting = pin!(activity.close_reason(first_request));
        assert_eq!(waiting.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
        change();
        woken.0.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waits_for_the_end_is_woken_only_if_it_comes_earlier() {
        let activity = Activity::new(60 * SECOND);
        let whole = || drop((activity.begin(), activity.sending()));
        assert_eq!(wakes(&activity, 10 * SECOND, whole), 0);
        // The end of the idle time stays.
        assert_eq!(wakes(&activity, 10 * SECOND, || activity.record_data()), 0);
        // A request may last twice as long as a pause; with its end, the shorter time counts.
        let request = activity.begin();
        assert_eq!(wakes(&activity, 10 * SECOND, || drop(request)), 1);

        // The time of a request without data is shorter than that for the first one.
        let activity = Activity::new(SECOND);
        let mut request = None;
        assert_eq!(wakes(&activity, 10 * SECOND, || request = activity.begin()), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_at_the_time_that_its_last_change_leads_to() {
        let activity = Activity::new(20 * SECOND);
        let begin = Instant::now();
        let later = activity.clone();
        tokio::spawn(async move {
            // After the time for the first request, which had no effect.
            tokio::time::sleep(9 * SECOND).await;
            let request = later.begin();
            tokio::time::sleep(6 * SECOND).await;
            drop(request);
        });
        assert_eq!(activity.close_reason(10 * SECOND).await, CloseReason::Idle);
        assert_eq!(begin.elapsed(), 35 * SECOND);

        let (activity, begin) = (Activity::new(3 * SECOND), Instant::now());
        assert_eq!(activity.close_reason(10 * SECOND).await, CloseReason::NoRequest);
        assert_eq!(begin.elapsed(), 10 * SECOND);
        let _request = activity.begin();
        assert_eq!(activity.close_reason(10 * SECOND).await, CloseReason::Stalled);
        assert_eq!(begin.elapsed(), 16 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_is_noticed_before_and_after_it_begins() {
        let activity = Activity::new(SECOND);
        let waiting = tokio::spawn({
            let activity = activity.clone();
            async move { activity.first_request().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let _request = activity.begin();
        waiting.await.unwrap();
        activity.first_request().await;
    }
}
