//! Limits on the connections of a listener.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts the open connections of each client address, and limits them.
#[derive(Clone, Debug)]
pub(super) struct PerAddress {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl PerAddress {
    /// Allows at most this many connections for each address.
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// Counts one more connection of this address, until the returned guard is dropped. Returns
    /// `None` if the address has as many as it may have.
    pub(super) fn begin(&self, addr: IpAddr) -> Option<AddressPlace> {
        let addr = counted(addr);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(addr).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(AddressPlace { addr, open: self.open.clone() })
    }
}

/// The address that connections are counted for: for IPv6, the network of 64 bits, all of which one
/// client can use (RFC 6177, RFC 7421).
fn counted(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(addr) => IpAddr::V6(Ipv6Addr::from_bits(addr.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// A connection that counts for its address until this is dropped.
#[derive(Debug)]
pub(super) struct AddressPlace {
    addr: IpAddr,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.addr) {
            match count.get().saturating_sub(1) {
                0 => drop(count.remove()),
                left => *count.get_mut() = left,
            }
        }
    }
}

/// Limits how often an event is logged, and counts it.
#[derive(Debug)]
pub(super) struct BoundedLog(Mutex<Events>);

#[derive(Debug)]
struct Events {
    logged: Option<Instant>,
    since: u64,
}

impl BoundedLog {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Events { logged: None, since: 0 }))
    }

    /// The shortest time between two lines.
    const INTERVAL: Duration = Duration::from_secs(10);

    /// Counts an event that happens `now`. If it should be logged, returns the number of events
    /// since the last line, with this one.
    pub(super) fn count(&self, now: Instant) -> Option<u64> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.since += 1;
        let recent = |last: Instant| now.saturating_duration_since(last) < Self::INTERVAL;
        if events.logged.is_some_and(recent) {
            return None;
        }
        events.logged = Some(now);
        Some(std::mem::take(&mut events.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_count_for_an_ipv4_address_or_an_ipv6_network_of_64_bits() {
        let limit = PerAddress::new(2);
        let begin = |addr: &str| limit.begin(addr.parse().unwrap());
        let _one = begin("192.0.2.1").unwrap();
        let two = begin("::ffff:192.0.2.1").unwrap();
        assert!(begin("192.0.2.1").is_none());
        let _other = begin("192.0.2.2").unwrap();
        drop(two);
        let _two = begin("192.0.2.1").unwrap();

        let first = begin("2001:db8::1").unwrap();
        let second = begin("2001:db8::ffff:0:0:1").unwrap();
        assert!(begin("2001:db8::2").is_none());
        let _other = begin("2001:db8:0:1::1").unwrap();
        // Nothing is kept of addresses without connections.
        drop((first, second));
        assert_eq!(limit.open.lock().unwrap().len(), 3);
    }

    #[test]
    fn a_line_is_logged_every_ten_seconds_with_the_number_of_events() {
        let (log, start) = (BoundedLog::new(), Instant::now());
        let at = |seconds| log.count(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(1), at(9), at(10), at(11), at(30)],
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }
}
