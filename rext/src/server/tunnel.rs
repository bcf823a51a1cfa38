//! The limits of a connection, for the tunnels that an application opens on it (`Upgrade`, extended
//! `CONNECT`).

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::activity::{Activity, Underway};

/// Opens tunnels that obey the limits of a connection. Each request of a connection that can be
/// upgraded has one among its extensions.
#[derive(Clone, Debug)]
pub(crate) struct Tunnels {
    activity: Activity,
    idle: Duration,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    must_end: bool,
}

impl Tunnels {
    pub(super) fn new(activity: &Activity, idle: Duration) -> Self {
        Self { activity: activity.clone(), idle, state: watch::Sender::default() }
    }

    /// Opens a tunnel. It counts as an unfinished request until it is dropped.
    pub(crate) fn open(&self) -> Tunnel {
        self.state.send_modify(|state| state.open += 1);
        let mut underway = self.activity.begin();
        underway.iter_mut().for_each(Underway::respond);
        Tunnel { tunnels: self.clone(), _underway: underway }
    }

    /// Makes all tunnels end, now and in the future.
    pub(super) fn end(&self) {
        self.state.send_if_modified(|state| {
            state.must_end = true;
            // Most connections have no tunnel to tell. One that begins now will see it.
            self.state.receiver_count() > 0
        });
    }

    /// Waits until no tunnel is open.
    pub(super) async fn closed(&self) {
        // The sender is `self`, so the channel stays open.
        let _ = self.state.subscribe().wait_for(|state| state.open == 0).await;
    }
}

/// Ends the tunnels of a connection when the connection ends.
#[derive(Debug)]
pub(super) struct EndTunnels(pub(super) Tunnels);

impl Drop for EndTunnels {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// An open tunnel.
#[derive(Debug)]
pub(crate) struct Tunnel {
    tunnels: Tunnels,
    /// `None` if the connection is ending.
    _underway: Option<Underway>,
}

/// Why a tunnel must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TunnelEnd {
    /// Nothing passed through it for the idle timeout.
    Idle,
    /// The connection reached its maximum age, or is closed.
    Connection,
}

impl Tunnel {
    /// Records that data passed through the tunnel.
    pub(crate) fn record_data(&self) {
        self.tunnels.activity.record_data();
    }

    /// Waits until the tunnel must end. `last` returns the time at which data last passed through
    /// it.
    pub(crate) async fn must_end(&self, last: impl Fn() -> Instant) -> TunnelEnd {
        let mut changes = self.tunnels.state.subscribe();
        let ended = async move {
            let _ = changes.wait_for(|state| state.must_end).await;
        };
        let idle = async {
            loop {
                let deadline = last() + self.tunnels.idle;
                if deadline <= Instant::now() {
                    return;
                }
                sleep_until(deadline).await;
            }
        };
        tokio::select! {
            () = ended => TunnelEnd::Connection,
            () = idle => TunnelEnd::Idle,
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.tunnels.state.send_modify(|state| state.open = state.open.saturating_sub(1));
    }
}
