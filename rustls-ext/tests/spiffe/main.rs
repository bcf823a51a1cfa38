//! Servers and clients whose certificates and trust bundles come from a SPIFFE Workload API, which
//! runs in the test and speaks gRPC over a Unix domain socket.
#![cfg(all(unix, feature = "spiffe", feature = "ring", feature = "tokio"))]

mod api;
mod client;
mod domain;
mod renewal;
mod server;
mod setting;
