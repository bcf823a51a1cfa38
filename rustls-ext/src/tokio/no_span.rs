//! In place of `span.rs` without the feature `tracing`: there is no span.

use std::future::Future;
use std::net::SocketAddr;

use super::{AcceptError, AcceptReport};

pub(super) struct HandshakeSpan;

impl HandshakeSpan {
    pub(super) fn new(_: Option<SocketAddr>) -> Self {
        Self
    }

    pub(super) fn around<F: Future>(&self, future: F) -> F {
        future
    }

    pub(super) fn ended(&self, _: Option<&AcceptError>, _: &AcceptReport) {}
}
