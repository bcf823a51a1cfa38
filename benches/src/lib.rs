//! What the benchmarks share: hellos of real clients, and everyone who reads them.
#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod bound;
pub mod contender;
pub mod contenders;
pub mod corpus;
pub mod handshake;
#[cfg(feature = "peers")]
#[allow(unsafe_code)]
pub mod peers;
pub mod report;
pub mod row;
pub mod small;

/// Whether only the most telling cases are to be measured: `BENCH_QUICK=1`.
pub fn quick() -> bool {
    std::env::var_os("BENCH_QUICK").is_some_and(|value| value == "1")
}

/// How many handshakes each count of instructions is over, so that what is random evens out.
pub const HANDSHAKES: u32 = 100;
