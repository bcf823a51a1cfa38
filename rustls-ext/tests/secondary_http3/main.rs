//! Secondary certificates over an unmodified h3 and quinn, on loopback: the setting and the two
//! frames, with payloads that no TLS library has made, and peers that break the rules.
#![cfg(all(feature = "h3", feature = "quic", feature = "ring"))]

#[path = "../common/mod.rs"]
mod common;

mod bad_peers;
mod endings;
mod frames;
mod raw;
mod settings;
mod site;
