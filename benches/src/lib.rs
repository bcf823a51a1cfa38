//! Code that the benchmarks share: ClientHellos of real clients, parsers, and handshakes.
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

/// Whether to measure only the most important cases: `BENCH_QUICK=1`.
pub fn quick() -> bool {
    std::env::var_os("BENCH_QUICK").is_some_and(|value| value == "1")
}

/// How many handshakes each count of instructions covers, to average out random differences.
pub const HANDSHAKES: u32 = 100;
