use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::body::Ending;
use super::connect::About;
use super::error::ConnectError;
use crate::http::client::Limits;

/// The connections of a lane.
pub(super) struct Pool<B> {
    state: Mutex<State<B>>,
    /// One for each HTTP/1.1 request whose response has not been read to its end.
    pub(super) slots: Arc<Semaphore>,
    pub(super) ending: Arc<Ending>,
    idle_timeout: Duration,
}

pub(super) struct State<B> {
    http2: Option<Shared<B>>,
    /// Connections on which an identity was proved: they get no more requests of this lane.
    moved: Vec<Shared<B>>,
    /// True if all connections of the lane have an identity, so that they stay.
    reserved: bool,
    /// In order of use, the most recent last.
    idle: Vec<Idle<B>>,
    /// True if the server is known to use HTTP/1.1, so that connections are not shared.
    pub(super) is_http1: bool,
    /// The result of the connection that all requests wait for.
    pub(super) awaited: Option<watch::Receiver<Connected<B>>>,
    /// True if there is a task that closes idle connections.
    reaped: bool,
}

/// The result of making a connection, once there is one. Over HTTP/2 it can be used at once.
pub(super) type Connected<B> = Option<Result<Shareable<B>, Arc<ConnectError>>>;

/// A connection, and what sends requests on it if it is one over HTTP/2.
pub(super) type Shareable<B> = (Arc<About>, Option<http2::SendRequest<B>>);

/// A connection over HTTP/2.
struct Shared<B> {
    sender: http2::SendRequest<B>,
    about: Arc<About>,
    used: Instant,
}

impl<B> Shared<B> {
    fn is_good(&self) -> bool {
        !self.sender.is_closed() && !self.about.activity.is_in_doubt()
    }
}

/// A connection over HTTP/1.1 without a request.
struct Idle<B> {
    sender: http1::SendRequest<B>,
    about: Arc<About>,
    since: Instant,
}

/// A connection for one request.
pub(super) enum Ticket<B> {
    Http1(http1::SendRequest<B>, OwnedSemaphorePermit),
    Http2(http2::SendRequest<B>),
}

impl<B> State<B> {
    /// The connection over HTTP/2, if there is one that is not in doubt.
    pub(super) fn shared(&mut self) -> Option<(Ticket<B>, Arc<About>)> {
        self.set_moved_aside();
        let shared = self.http2.as_mut().filter(|shared| shared.is_good());
        let Some(shared) = shared else {
            self.http2 = None;
            return None;
        };
        shared.used = Instant::now();
        Some((Ticket::Http2(shared.sender.clone()), shared.about.clone()))
    }

    /// A connection on which an identity was proved leaves the lane without authentication.
    fn set_moved_aside(&mut self) {
        let is_leaving = !self.reserved;
        self.moved.extend(self.http2.take_if(|shared| is_leaving && shared.about.has_moved()));
    }

    fn take_idle(&mut self) -> Option<(http1::SendRequest<B>, Arc<About>)> {
        loop {
            let idle = self.idle.pop()?;
            if idle.sender.is_ready() {
                return Some((idle.sender, idle.about));
            }
        }
    }

    /// Closes connections that have been idle for too long, and returns when the next one is due.
    fn close_idle(&mut self, limit: Duration) -> Option<Instant> {
        let now = Instant::now();
        // Without a representable end, nothing is closed.
        let end = |used: Instant| used.checked_add(limit);
        let over = |used: Instant| end(used).is_some_and(|end| end <= now);
        self.idle.retain(|idle| !over(idle.since));
        self.http2.take_if(|shared| over(shared.used));
        self.moved.retain(|shared| !over(shared.used));
        let used = self.http2.iter().chain(&self.moved).map(|shared| shared.used);
        used.chain(self.idle.iter().map(|idle| idle.since)).filter_map(end).min()
    }
}

impl<B: Send + 'static> Pool<B> {
    pub(super) fn new(limits: &Limits, is_http1: bool, reserved: bool) -> Arc<Self> {
        let slots = limits.connections_per_space.clamp(1, Semaphore::MAX_PERMITS);
        let state = State {
            http2: None,
            moved: Vec::new(),
            reserved,
            idle: Vec::new(),
            is_http1,
            awaited: None,
            reaped: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            slots: Arc::new(Semaphore::new(slots)),
            ending: Arc::default(),
            idle_timeout: limits.idle_timeout,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<B>> {
        // Nothing can panic while this is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, all requests share this connection.
    pub(super) fn share(self: &Arc<Self>, sender: http2::SendRequest<B>, about: Arc<About>) {
        let mut state = self.lock();
        state.is_http1 = false;
        state.set_moved_aside();
        state.http2 = Some(Shared { sender, about, used: Instant::now() });
        self.reap(&mut state);
    }

    /// Takes out a connection on which an identity was proved.
    pub(super) fn take_moved(&self) -> Option<(http2::SendRequest<B>, Arc<About>)> {
        let mut state = self.lock();
        state.set_moved_aside();
        let moved = state.moved.pop()?;
        Some((moved.sender, moved.about))
    }

    /// Makes this connection available to the next request.
    pub(super) fn put(self: &Arc<Self>, sender: http1::SendRequest<B>, about: Arc<About>) {
        let mut state = self.lock();
        state.is_http1 = true;
        state.idle.push(Idle { sender, about, since: Instant::now() });
        self.reap(&mut state);
    }

    /// Returns an HTTP/1.1 connection that has no request, or soon has none.
    ///
    /// Waits for at most `limit`: a server can keep a connection busy after its response was
    /// read, by not reading the request.
    pub(super) async fn idle(
        &self,
        limit: Duration,
    ) -> Option<(http1::SendRequest<B>, Arc<About>)> {
        let look = async {
            loop {
                let changed = self.ending.changed.notified();
                let idle = self.lock().take_idle();
                if idle.is_some() || !self.ending.any() {
                    return idle;
                }
                changed.await;
            }
        };
        timeout(limit, look).await.ok().flatten()
    }

    /// A connection that failed is not used again.
    pub(super) fn forget(&self, about: &Arc<About>) {
        let is = |shared: &mut Shared<B>| Arc::ptr_eq(&shared.about, about);
        let mut state = self.lock();
        state.http2.take_if(is);
        state.moved.retain_mut(|moved| !is(moved));
    }

    /// Ensures that idle connections are closed in time.
    fn reap(self: &Arc<Self>, state: &mut State<B>) {
        if state.reaped {
            return;
        }
        state.reaped = true;
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(pool) = pool.upgrade() {
                let next = {
                    let mut state = pool.lock();
                    let next = state.close_idle(pool.idle_timeout);
                    state.reaped = next.is_some();
                    next
                };
                // Dropped, so that waiting does not keep the pool alive.
                drop(pool);
                match next {
                    None => return,
                    Some(next) => sleep_until(next).await,
                }
            }
        });
    }
}
