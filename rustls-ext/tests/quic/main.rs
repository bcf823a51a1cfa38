//! The offer, the demand and the status over real endpoints of an unmodified quinn, on loopback.
#![cfg(all(feature = "quic", feature = "ring"))]

#[path = "../common/mod.rs"]
mod common;
mod configs;
mod exporters;
mod harness;
mod metrics;
mod offers;
mod resumption;
mod transport;
