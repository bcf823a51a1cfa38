//! The span of a handshake, for the crate tracing.

use std::future::Future;
use std::net::SocketAddr;

use tracing::field::{Empty, display};
use tracing::{Instrument, Span, debug_span};

use super::{AcceptError, AcceptReport};

/// The span `handshake`.
pub(super) struct HandshakeSpan(Span);

impl HandshakeSpan {
    pub(super) fn new(peer: Option<SocketAddr>) -> Self {
        let peer = peer.map(display);
        Self(debug_span!("handshake", peer, server_name = Empty, scope = Empty, error = Empty))
    }

    /// Runs `future` within the span.
    pub(super) fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.instrument(self.0.clone())
    }

    /// Records the outcome. Text of the peer is recorded as a string, which subscribers escape.
    pub(super) fn ended(&self, error: Option<&AcceptError>, report: &AcceptReport) {
        if self.0.is_disabled() {
            return;
        }
        self.0.record("server_name", report.server_name.as_deref());
        self.0.record("scope", report.scope.as_deref());
        self.0.record("error", error.map(|error| crate::with_causes(error)));
    }
}
