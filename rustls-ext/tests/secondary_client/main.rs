//! Clients that servers request certificates of on open connections.
#![cfg(all(feature = "hyper", feature = "ring"))]

#[path = "../common/mod.rs"]
mod common;

mod raw;
mod site;
mod world;

mod answered;
mod broken_rules;
mod declined;
mod fallback;
mod grpc;
mod lanes;
#[cfg(feature = "axum")]
mod real_server;
