//! The callers that HTTP services see, and the requests that are denied: real servers of hyper,
//! axum, tonic and h3 on loopback, with assertions at client and server.
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
