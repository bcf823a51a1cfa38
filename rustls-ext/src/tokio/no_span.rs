//! In place of `span.rs` without the feature `tracing`: there is no span.

use std::future::Future;
use std::net::SocketAddr;

use super::{AcceptError, AcceptReport};

pub(super) struct HandshakeSpan;

impl HandshakeSpan {
    pub(super) fn new(_: Option<SocketAddr>) -> Self {
        Self
    }

    pub(super) async fn around<F: Future>(&self, future: F) -> F::Output {
        future.await
    }

    pub(super) fn ended(&self, _: Option<&AcceptError>, _: &AcceptReport) {}
}
