//! The connections to one server behind: bounded in number, and used again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::body::RequestBody;
use super::config::Protocol;
use super::connect::{ConnectError, Connector, MAX_STREAMS, Sender};

type Http1 = http1::SendRequest<RequestBody>;
type Http2 = http2::SendRequest<RequestBody>;

/// The limits of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// The maximum number of open connections.
    pub(super) connections: u32,
    /// The maximum number of requests that wait for one.
    pub(super) waiting: u32,
    /// How long a request waits at most.
    pub(super) wait: Duration,
    /// How long a connection stays open without a request.
    pub(super) idle: Duration,
}

/// The connections to one server behind.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    limits: Limits,
    /// A permit for each request that may use a connection. An HTTP/1.1 connection carries one
    /// request, and a new one is opened only if none is idle, so permits bound connections, too.
    requests: Arc<Semaphore>,
    waiting: Semaphore,
    open: Mutex<Open>,
    /// Held while an HTTP/2 connection is opened, so that requests share it.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Open {
    /// HTTP/1.1 connections without a request, and since when; the latest last.
    idle: Vec<(Http1, Instant)>,
    shared: Vec<Arc<Shared>>,
    /// True while a task closes idle connections.
    is_swept: bool,
}

/// An HTTP/2 connection.
#[derive(Debug)]
struct Shared {
    sender: Http2,
    /// The number of its requests.
    requests: AtomicU32,
    last: Mutex<Instant>,
}

/// Why a request got no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    /// All are in use, and no more requests may wait, or the wait was too long.
    Busy,
    /// A new one could not be opened.
    Failed(ConnectError),
}

/// A connection for one request.
pub(super) struct Checkout {
    pub(super) sender: Sender,
    pub(super) lease: Lease,
}

/// The right to use a connection for one request. The request ends when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Pool>,
    permit: Option<OwnedSemaphorePermit>,
    shared: Option<Arc<Shared>>,
}

impl Pool {
    /// Returns the maximum number of open connections.
    pub(super) fn max_connections(&self) -> usize {
        usize::try_from(self.limits.connections).unwrap_or(usize::MAX)
    }

    pub(super) fn new(connector: Connector, limits: Limits) -> Arc<Self> {
        let per_connection = match connector.protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 => MAX_STREAMS,
        };
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let requests = number(limits.connections).saturating_mul(number(per_connection));
        Arc::new(Self {
            connector,
            limits,
            requests: Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))),
            waiting: Semaphore::new(number(limits.waiting).min(Semaphore::MAX_PERMITS)),
            open: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing can panic while this is locked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a connection for one request, an open one if possible.
    pub(super) async fn checkout(self: &Arc<Self>) -> Result<Checkout, NoConnection> {
        let permit = self.permit().await?;
        match self.connector.protocol {
            Protocol::Http1 => self.http1(permit).await,
            Protocol::Http2 => self.http2(permit).await,
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, NoConnection> {
        if let Ok(permit) = self.requests.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _place = self.waiting.try_acquire().map_err(|_| NoConnection::Busy)?;
        let acquired = self.requests.clone().acquire_owned();
        let permit = Box::pin(timeout(self.limits.wait, acquired)).await;
        permit.map_err(|_| NoConnection::Busy)?.map_err(|_| NoConnection::Busy)
    }

    async fn http1(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Checkout, NoConnection> {
        let lease = Lease { pool: self.clone(), permit: Some(permit), shared: None };
        if let Some(sender) = self.take_idle() {
            return Ok(Checkout { sender: Sender::Http1(sender), lease });
        }
        let sender = self.connect().await?;
        Ok(Checkout { sender, lease })
    }

    async fn connect(&self) -> Result<Sender, NoConnection> {
        // Boxed, since it is large, and few requests open a connection.
        Box::pin(self.connector.connect()).await.map_err(NoConnection::Failed)
    }

    fn take_idle(&self) -> Option<Http1> {
        let mut open = self.open();
        while let Some((sender, since)) = open.idle.pop() {
            if sender.is_ready() && since.elapsed() < self.limits.idle {
                return Some(sender);
            }
        }
        None
    }

    async fn http2(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Checkout, NoConnection> {
        let lease =
            |shared| Lease { pool: self.clone(), permit: Some(permit), shared: Some(shared) };
        let checkout = |shared: Arc<Shared>| Checkout {
            sender: Sender::Http2(shared.sender.clone()),
            lease: lease(shared),
        };
        if let Some(shared) = self.take_shared() {
            return Ok(checkout(shared));
        }
        let _opening = self.opening.lock().await;
        if let Some(shared) = self.take_shared() {
            return Ok(checkout(shared));
        }
        let Sender::Http2(sender) = self.connect().await? else {
            return Err(NoConnection::Failed(ConnectError::NoHttp2));
        };
        let last = Mutex::new(Instant::now());
        let shared = Arc::new(Shared { sender, requests: AtomicU32::new(1), last });
        self.open().shared.push(shared.clone());
        self.sweep_later();
        Ok(checkout(shared))
    }

    /// Returns an HTTP/2 connection that takes one more request, and counts that request.
    fn take_shared(&self) -> Option<Arc<Shared>> {
        let mut open = self.open();
        open.shared.retain(|shared| !shared.sender.is_closed());
        let free = |shared: &&Arc<Shared>| shared.requests.load(Ordering::Relaxed) < MAX_STREAMS;
        let shared = open.shared.iter().find(free)?;
        shared.requests.fetch_add(1, Ordering::Relaxed);
        Some(shared.clone())
    }

    /// Closes connections without requests when they have been idle for too long.
    fn sweep_later(self: &Arc<Self>) {
        if std::mem::replace(&mut self.open().is_swept, true) {
            return;
        }
        let (pool, idle) = (Arc::downgrade(self), self.limits.idle);
        tokio::spawn(async move {
            loop {
                sleep(idle).await;
                if Weak::upgrade(&pool).is_none_or(|pool| pool.sweep()) {
                    return;
                }
            }
        });
    }

    /// Returns true if no connection is left.
    fn sweep(&self) -> bool {
        let mut open = self.open();
        let (idle, now) = (self.limits.idle, Instant::now());
        open.idle.retain(|(sender, since)| sender.is_ready() && now < *since + idle);
        open.shared.retain(|shared| {
            let last = *shared.last.lock().unwrap_or_else(PoisonError::into_inner);
            let is_used = shared.requests.load(Ordering::Relaxed) > 0 || now < last + idle;
            is_used && !shared.sender.is_closed()
        });
        open.is_swept = !(open.idle.is_empty() && open.shared.is_empty());
        !open.is_swept
    }
}

impl Lease {
    /// Keeps an HTTP/1.1 connection for the next request, as soon as this one is complete in both
    /// directions. The lease ends then, or when the connection fails.
    pub(super) fn keep(mut self, mut sender: Http1) {
        if sender.is_ready() {
            return self.put_back(sender);
        }
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                self.put_back(sender);
            }
        });
    }

    fn put_back(&mut self, sender: Http1) {
        self.pool.open().idle.push((sender, Instant::now()));
        self.pool.sweep_later();
    }
}

impl Lease {
    /// A lease that is already over, for a body whose connection is kept elsewhere.
    pub(super) fn over(pool: &Arc<Pool>) -> Self {
        Self { pool: pool.clone(), permit: None, shared: None }
    }

    /// Splits off the part that keeps track of the pool only.
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Takes an HTTP/2 connection out of use: it takes no more requests.
    pub(super) fn retire(&self) {
        if let Some(shared) = &self.shared {
            self.pool.open().shared.retain(|other| !Arc::ptr_eq(other, shared));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            *shared.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            shared.requests.fetch_sub(1, Ordering::Relaxed);
        }
        drop(self.permit.take());
    }
}
