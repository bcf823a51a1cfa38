//! Exported authenticators (RFC 9261) over connections of rustls.
#![cfg(feature = "ring")]

#[path = "../common/mod.rs"]
mod common;
mod connections;
mod proofs;
mod requests;
mod world;
