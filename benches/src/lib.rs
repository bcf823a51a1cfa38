//! What the benchmarks share: hellos of real clients, and everyone who reads them.
#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod bound;
pub mod contenders;
pub mod corpus;
#[cfg(feature = "peers")]
#[allow(unsafe_code)]
pub mod peers;
