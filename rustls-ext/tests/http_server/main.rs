//! What HTTP services are told of their callers, and whom they are kept from: real servers of
//! hyper, axum, tonic and h3 on loopback, and both ends asserted.
#![cfg(all(feature = "axum", feature = "tokio", feature = "ring"))]

#[path = "../common/mod.rs"]
mod common;

mod callers;
mod certificates;
mod client_cert;
mod denied;
mod guide;
#[cfg(feature = "quic")]
mod h3;
mod hosts;
mod listener;
mod raw;
mod site;
mod statuses;
mod tonic;
mod unread;
