//! Open connections whose certificates no longer verify after a reload.

use std::net::SocketAddr;

use rustls_ext::http::server::ConnectionInfo;
use rustls_ext::rustls::pki_types::UnixTime;
use rustls_ext::{Live, explain};
use tokio::sync::watch as signal;
use tracing::warn;

/// Tells open connections that the files have been loaded again.
#[derive(Clone, Debug)]
pub(super) struct Reloads(Option<signal::Sender<()>>);

/// The reloads since one time.
#[derive(Debug)]
pub(super) struct Seen(Option<signal::Receiver<()>>);

impl Reloads {
    /// Connections are verified again only if `enabled`.
    pub(super) fn new(enabled: bool) -> Self {
        Self(enabled.then(|| signal::channel(()).0))
    }

    /// Tells all connections about a reload.
    pub(super) fn announce(&self) {
        if let Some(sender) = &self.0 {
            sender.send_replace(());
        }
    }

    /// Returns the reloads from now on. Call it before the handshake, which is under the policy of
    /// its beginning.
    pub(super) fn since_now(&self) -> Seen {
        Seen(self.0.as_ref().map(signal::Sender::subscribe))
    }
}

impl Seen {
    /// Returns when a reload has made a certificate of the connection invalid. The client is not
    /// authenticated any more then.
    pub(super) async fn unverified(self, info: ConnectionInfo, live: Live, peer: SocketAddr) {
        let Some(mut reloads) = self.0 else { return std::future::pending().await };
        loop {
            if reloads.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Err(unverified) = info.verify_again(&live, UnixTime::now()) {
                return warn!(%peer, scope = unverified.scope(), subject = unverified.subject(),
                    reason = explain(unverified.reason()), "a certificate of an open connection no longer \
                    verifies after a reload; ending the connection");
            }
        }
    }
}
