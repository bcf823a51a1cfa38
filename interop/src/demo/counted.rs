//! Which of the connections of an agent carried its answer, and what had passed on each by then.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::count_io::Counter;

/// The connections of a server. Clients count other flights: they send what is for compatibility
/// with middleboxes (RFC 8446 appendix D.4) while they still read.
#[derive(Clone, Debug, Default)]
pub struct CountedConnections(Arc<Mutex<Vec<Arc<AtomicU32>>>>);

/// A connection of a server.
#[derive(Clone, Debug)]
pub(super) struct CountedConnection {
    counter: Counter,
    /// The flights up to the last answer, that included.
    answered: Arc<AtomicU32>,
}

impl CountedConnections {
    /// One more, with its count.
    pub(super) fn add(&self, counter: Counter) -> CountedConnection {
        let answered = Arc::<AtomicU32>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(answered.clone());
        CountedConnection { counter, answered }
    }

    /// How many there are, and the round trips on all of them so far.
    pub(super) fn so_far(&self) -> (u32, u32) {
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Each begins with what the client sends.
        let round_trips =
            connections.iter().map(|flights| flights.load(Ordering::SeqCst) / 2).sum();
        (u32::try_from(connections.len()).unwrap_or(u32::MAX), round_trips)
    }
}

impl CountedConnection {
    /// Note that a request is there, and its answer goes next. What comes behind the last one, as
    /// goodbyes do, does not count.
    pub(super) fn answers(&self) {
        self.answered.store(self.counter.so_far().flights + 1, Ordering::SeqCst);
    }
}
