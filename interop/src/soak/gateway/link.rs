//! The connections of a job, and the choice of HTTP/2 where HTTP/3 is not available.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustls_ext::rustls::ClientConfig;

use super::client::{self, ConnectError, Connection, Unavailable};
use super::plan::{Job, Protocol, Visit};
use super::state::State;
use super::world::World;

/// A connection, and the conditions of its handshake.
#[derive(Clone, Debug)]
pub struct Link {
    /// The connection, or why there is none.
    pub connection: Result<Connection, ConnectError>,
    /// Its version of HTTP.
    pub protocol: Protocol,
    /// Whether the policy was the changed one; both, if it was being changed.
    pub policies: Vec<bool>,
    /// True if no request has been sent on it.
    pub is_fresh: bool,
    /// The states of the policy and of the gateway's process before the handshake.
    before: (u8, Option<u8>),
}

impl Link {
    /// Connects the client of a job. If the gateway does not serve HTTP/3, it uses HTTP/2, as clients do
    /// whose alternative service fails (RFC 7838 section 2.4).
    pub async fn open(world: &World, job: &Job, visit: &Visit, config: &ClientConfig) -> Self {
        let policy = world.policy.now();
        let takeover = takeover(world, visit);
        let addr = world.nodes.get(visit.node).copied().unwrap_or(world.nodes[0]);
        let address = client::address(job);
        let open = |config: ClientConfig| Connection::open(config, job.host, address, addr);
        let (mut config, mut protocol) = (config.clone(), job.protocol);
        let mut connection = open(config.clone()).await;
        if let Err(ConnectError::Unavailable(reason)) = connection {
            let taken_over = world.takeovers.get(visit.node).zip(takeover);
            let since = taken_over.map(|(state, from)| state.since(from));
            world.fallbacks.add(reason, since == Some(vec![false, true]), || {
                format!("{reason:?} by gateway {}, for the request {}", visit.node, job.first)
            });
            protocol = Protocol::Http2;
            config.alpn_protocols = vec![client::alpn(protocol).to_vec()];
            connection = open(config).await;
        }
        world.counts.connections.fetch_add(1, Ordering::Relaxed);
        let (policies, before) = (world.policy.since(policy), (policy, takeover));
        Self { connection, protocol, policies, is_fresh: true, before }
    }

    /// The state of the policy from which on it may have decided about a request, which began at
    /// `from`. A process that was replaced is not reloaded any more, so the connections that it still
    /// has keep its policy.
    pub fn policy_of_request(&self, world: &World, visit: &Visit, from: u8) -> u8 {
        let (policy, process) = self.before;
        if takeover(world, visit) == process { from } else { policy }
    }
}

/// The state of the process of the gateway.
fn takeover(world: &World, visit: &Visit) -> Option<u8> {
    world.takeovers.get(visit.node).map(State::now)
}

/// The HTTP/3 connections that were not possible.
#[derive(Debug, Default)]
pub struct Fallbacks {
    refused: AtomicU64,
    unanswered: AtomicU64,
    /// Those while no new process took the gateway over.
    unexplained: Mutex<Vec<String>>,
}

impl Fallbacks {
    fn add(&self, reason: Unavailable, is_explained: bool, text: impl FnOnce() -> String) {
        let count = match reason {
            Unavailable::Refused => &self.refused,
            Unavailable::Unanswered => &self.unanswered,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if !is_explained {
            self.unexplained.lock().unwrap_or_else(PoisonError::into_inner).push(text());
        }
    }

    /// How many of them there were.
    pub fn count(&self, reason: Unavailable) -> u64 {
        match reason {
            Unavailable::Refused => self.refused.load(Ordering::Relaxed),
            Unavailable::Unanswered => self.unanswered.load(Ordering::Relaxed),
        }
    }

    /// Those that no takeover explains.
    pub fn unexplained(&self) -> Vec<String> {
        self.unexplained.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_that_no_takeover_explains_is_wrong() {
        let fallbacks = Fallbacks::default();
        fallbacks.add(Unavailable::Refused, true, || unreachable!());
        fallbacks.add(Unavailable::Unanswered, true, || unreachable!());
        assert_eq!(fallbacks.unexplained(), [""; 0]);
        fallbacks.add(Unavailable::Refused, false, || "by gateway 1".into());
        assert_eq!(fallbacks.unexplained(), ["by gateway 1"]);
        assert_eq!(fallbacks.count(Unavailable::Refused), 2);
        assert_eq!(fallbacks.count(Unavailable::Unanswered), 1);
    }
}
