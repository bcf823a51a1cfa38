//! In place of `record.rs` without the feature `metrics`: nothing is recorded.
#![allow(dead_code)] // each feature uses a part

use rustls::server::ClientAuth;
use rustls::{Error, ProtocolVersion};

#[derive(Debug)]
pub(crate) struct Handshake;

impl Handshake {
    pub(crate) fn over_tcp() -> Self {
        Self
    }

    pub(crate) fn over_quic() -> Self {
        Self
    }

    pub(crate) fn accepted(&mut self, _: Option<&ClientAuth>, _: Option<ProtocolVersion>, _: bool) {
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn not_accepted(&mut self, _: &crate::tokio::AcceptError, _: Option<&str>) {}

    pub(crate) fn failed(&mut self, _: &Error) {}

    pub(crate) fn unfinished(&mut self) {}
}

#[cfg(feature = "http")]
pub(crate) fn denied(_: &crate::http::server::Denied, _: Option<&str>) {}

pub(crate) fn open_request(_: &str) {}

#[allow(missing_debug_implementations)]
pub(crate) enum OpenAnswer<'a> {
    Shown,
    Declined,
    Refused(#[allow(dead_code)] &'a Error),
    Invalid,
}

pub(crate) fn open_answer(_: &str, _: OpenAnswer<'_>) {}

pub(crate) fn loaded(_: bool) {}
