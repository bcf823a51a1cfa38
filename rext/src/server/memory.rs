//! How much memory connections may use, and how much they use.
//!
//! A connection has a fixed part, and shares for three purposes:
//!
//! | share | of the connection's limit | used by |
//! |---|---|---|
//! | fixed | 1/8, at least 128 KiB | the buffers of TLS and HTTP, and the head that is being decoded |
//! | received | 1/8 | request bodies that the application has not read; also the window of HTTP/2 |
//! | unsent | 1/8 | response bodies that the client has not read |
//! | requests | the rest | heads, the state of each request, and one part of its response |
//!
//! Over HTTP/2, the number of concurrent requests is limited so that each of them has 40 KiB of the
//! last share. A request that needs more than is left is refused.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use http::HeaderMap;

/// What a request needs besides its head and its body, in bytes: its tasks, and the buffers of the
/// connection to the server behind.
const REQUEST: usize = 32 * 1024;
/// The memory of a field besides its name and its value, in bytes.
const FIELD: usize = 128;
/// What the share for requests has for each concurrent request over HTTP/2, in bytes: as measured, with a
/// response that the client does not read, and with what the allocator needs.
const REQUEST_SHARE: usize = 48 * 1024;
/// The maximum number of concurrent requests on an HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// The least that the fixed part of a connection can be, in bytes.
const MIN_FIXED: usize = 128 * 1024;
/// The smallest window of HTTP/2 for a connection (RFC 9113 section 6.9.2), in bytes.
const MIN_WINDOW: usize = 65_535;

/// The limit of a connection, divided into shares, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Used by each connection at all times.
    pub(super) fixed: usize,
    /// For request bodies that are not read yet.
    pub(super) received: usize,
    /// For response bodies that are not sent yet.
    pub(super) unsent: usize,
    /// For requests.
    pub(super) requests: usize,
}

impl Shares {
    /// Divides the limit of a connection, in bytes.
    pub(super) fn of(limit: usize) -> Self {
        let eighth = limit / 8;
        let (fixed, received) = (eighth.max(MIN_FIXED), eighth.max(MIN_WINDOW));
        let requests = limit.saturating_sub(fixed + received + eighth).max(REQUEST_SHARE);
        Self { fixed, received, unsent: eighth, requests }
    }

    /// The maximum number of concurrent requests on an HTTP/2 connection.
    pub(super) fn streams(&self) -> u32 {
        u32::try_from(self.requests / REQUEST_SHARE).unwrap_or(MAX_STREAMS).clamp(1, MAX_STREAMS)
    }

    /// The window of HTTP/2 for the request bodies of a connection, in bytes.
    pub(super) fn connection_window(&self) -> u32 {
        u32::try_from(self.received).unwrap_or(u32::MAX >> 1).min(u32::MAX >> 1)
    }

    /// The window of HTTP/2 for one request body, in bytes: half of the connection's, so that one
    /// request whose body is not read does not stop the others.
    pub(super) fn stream_window(&self) -> u32 {
        self.connection_window() / 2
    }
}

/// The memory of all connections together.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    used: AtomicUsize,
}

/// The memory of a connection or of all connections is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhausted {
    /// That of the connection.
    Connection,
    /// That of all connections.
    All,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "the connection's memory (--connection-memory) is used up",
            Self::All => "the memory for all connections (--memory) is used up",
        })
    }
}

impl std::error::Error for Exhausted {}

impl Memory {
    /// All connections together use `limit` bytes at most.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Returns how many bytes are in use.
    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| Exhausted::All)
    }

    /// Records the use of data that has arrived, whatever the limit.
    fn add(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn is_exhausted(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.limit
    }
}

/// The memory of one connection.
#[derive(Debug)]
pub(super) struct Budget {
    all: Arc<Memory>,
    shares: Shares,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    requests: usize,
    /// The sum of what the requests may still send. The windows of HTTP/2 allow only a part of it.
    expected: usize,
    unsent: usize,
    /// The bodies that wait for space.
    waiting: Vec<Waker>,
}

impl Budget {
    /// Opens the budget of a new connection.
    ///
    /// # Errors
    /// If all connections together use too much.
    pub(super) fn open(all: &Arc<Memory>, shares: Shares) -> Result<Arc<Self>, Exhausted> {
        all.take(shares.fixed)?;
        Ok(Arc::new(Self { all: all.clone(), shares, used: Mutex::default() }))
    }

    /// Returns the shares of the connection.
    pub(super) fn shares(&self) -> Shares {
        self.shares
    }

    /// Takes the memory of a request with these fields, whose body has this length at most.
    ///
    /// # Errors
    /// If it does not fit.
    pub(super) fn admit(
        self: &Arc<Self>,
        fields: &HeaderMap,
        body: Option<u64>,
    ) -> Result<Admitted, Exhausted> {
        let fixed = REQUEST + size(fields);
        let window = self.shares.received / 2;
        let body = body.map_or(window, |len| usize::try_from(len).unwrap_or(window).min(window));
        let mut used = self.used();
        if used.requests + fixed > self.shares.requests {
            return Err(Exhausted::Connection);
        }
        let received = self.received(used.expected + body) - self.received(used.expected);
        self.all.take(fixed + received)?;
        used.requests += fixed;
        used.expected += body;
        Ok(Admitted { budget: self.clone(), fixed, body })
    }

    /// Returns how much of the share for request bodies is in use if so many bytes are expected.
    fn received(&self, expected: usize) -> usize {
        expected.min(self.shares.received)
    }

    /// Returns true if a body that has unsent data may get more; otherwise registers the waker.
    pub(super) fn has_space(&self, waker: &Waker) -> bool {
        let mut used = self.used();
        if used.unsent < self.shares.unsent && !self.all.is_exhausted() {
            return true;
        }
        if !used.waiting.iter().any(|other| other.will_wake(waker)) {
            used.waiting.push(waker.clone());
        }
        false
    }

    /// Records a part of a response.
    pub(super) fn hold(&self, bytes: usize) {
        self.used().unsent += bytes;
        self.all.add(bytes);
    }

    /// Records that it has been sent or dropped.
    pub(super) fn release(&self, bytes: usize) {
        self.all.give_back(bytes);
        let mut used = self.used();
        used.unsent = used.unsent.saturating_sub(bytes);
        if used.unsent < self.shares.unsent {
            used.waiting.drain(..).for_each(Waker::wake);
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        // Nothing can panic while this is locked.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.all.give_back(self.shares.fixed);
    }
}

/// The memory of a request, which is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    budget: Arc<Budget>,
    fixed: usize,
    body: usize,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut used = self.budget.used();
        let before = self.budget.received(used.expected);
        used.requests -= self.fixed;
        used.expected -= self.body;
        let received = before - self.budget.received(used.expected);
        self.budget.all.give_back(self.fixed + received);
    }
}

/// The memory of these fields, in bytes.
fn size(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn the_shares_of_a_connection_are_its_limit() {
        for limit in [MIB, 4 * MIB, 64 * MIB] {
            let Shares { fixed, received, unsent, requests } = Shares::of(limit);
            assert_eq!(fixed + received + unsent + requests, limit);
        }
        let shares = Shares::of(4 * MIB);
        assert_eq!(shares.streams(), 53);
        assert_eq!((shares.connection_window(), shares.stream_window()), (512 * 1024, 256 * 1024));
        assert_eq!(Shares::of(64 * MIB).streams(), 128);
        assert_eq!(Shares::of(MIB).streams(), 13);
    }

    #[test]
    fn requests_are_refused_when_the_connection_or_all_are_used_up_and_all_is_given_back() {
        let (shares, none) = (Shares::of(MIB), HeaderMap::new());
        let all = Memory::new(2 * shares.fixed + 30 * REQUEST);
        let budget = Budget::open(&all, shares).unwrap();
        let requests: Vec<_> = (0..20).map(|_| budget.admit(&none, Some(0)).unwrap()).collect();
        assert_eq!(budget.admit(&none, Some(0)).unwrap_err(), Exhausted::Connection);
        let other = Budget::open(&all, shares).unwrap();
        let others: Vec<_> = (0..10).map(|_| other.admit(&none, Some(0)).unwrap()).collect();
        assert_eq!(other.admit(&none, Some(0)).unwrap_err(), Exhausted::All);
        assert_eq!(Budget::open(&all, shares).unwrap_err(), Exhausted::All);
        drop((requests, others));
        assert_eq!(all.used(), 2 * shares.fixed);
        drop((budget, other));
        assert_eq!(all.used(), 0);
    }

    #[test]
    fn bodies_of_requests_take_no_more_than_their_share_together() {
        let shares = Shares::of(4 * MIB);
        let all = Memory::new(usize::MAX);
        let budget = Budget::open(&all, shares).unwrap();
        let requests: Vec<_> =
            (0..20).map(|_| budget.admit(&HeaderMap::new(), None).unwrap()).collect();
        assert_eq!(all.used(), shares.fixed + shares.received + 20 * REQUEST);
        drop(requests);
        assert_eq!(all.used(), shares.fixed);
    }

    #[test]
    fn large_heads_count() {
        let mut fields = HeaderMap::new();
        for number in 0..1900 {
            fields.append("a", number.into());
        }
        let all = Memory::new(usize::MAX);
        let budget = Budget::open(&all, Shares::of(4 * MIB)).unwrap();
        let admit = |_| budget.admit(&fields, Some(0)).ok();
        let admitted: Vec<_> = (0..100).map_while(admit).collect();
        assert_eq!(admitted.len(), 9);
    }
}
