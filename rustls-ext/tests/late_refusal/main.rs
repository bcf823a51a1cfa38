//! Refusals that come after the client's handshake, and how the connector reports them: over pipes
//! that the tests script, and over TCP with servers that reset the connection.
#![cfg(feature = "tokio")]

#[path = "../common/mod.rs"]
mod common;

mod loopback;
mod pipe;
mod reports;
mod server;
mod times;
