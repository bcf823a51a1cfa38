//! Counts the round trips on each connection of the server, up to the last response.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::count_io::Counter;

/// The connections of a server, with their flights. They are counted at the server, since clients
/// send a ChangeCipherSpec for middleboxes (RFC 8446 appendix D.4) while they still read.
#[derive(Clone, Debug, Default)]
pub struct CountedConnections(Arc<Mutex<Vec<Arc<AtomicU32>>>>);

/// A connection of a server, with its flights.
#[derive(Clone, Debug)]
pub(super) struct CountedConnection {
    counter: Counter,
    /// The flights up to the last response, included.
    answered: Arc<AtomicU32>,
}

impl CountedConnections {
    /// Adds a connection.
    pub(super) fn add(&self, counter: Counter) -> CountedConnection {
        let answered = Arc::<AtomicU32>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(answered.clone());
        CountedConnection { counter, answered }
    }

    /// The number of connections, and the sum of their round trips so far.
    pub(super) fn so_far(&self) -> (u32, u32) {
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The first flight of each connection is the client's.
        let round_trips =
            connections.iter().map(|flights| flights.load(Ordering::SeqCst) / 2).sum();
        (u32::try_from(connections.len()).unwrap_or(u32::MAX), round_trips)
    }
}

impl CountedConnection {
    /// Records that a request has arrived, so that the response is the next flight. Later flights,
    /// such as close_notify, do not count.
    pub(super) fn answers(&self) {
        self.answered.store(self.counter.so_far().flights + 1, Ordering::SeqCst);
    }
}
