//! Code that the benchmarks share: ClientHellos of real clients, parsers, and handshakes.
#![deny(unsafe_code)]

pub mod accepting;
#[allow(unsafe_code)]
pub mod bound;
pub mod contender;
pub mod contenders;
pub mod corpus;
pub mod handshake;
pub mod load;
#[cfg(feature = "peers")]
#[allow(unsafe_code)]
pub mod peers;
pub mod report;
pub mod requests;
pub mod row;
pub mod secondary;
pub mod small;

/// Whether to measure only the most important cases: `BENCH_QUICK=1`.
pub fn quick() -> bool {
    std::env::var_os("BENCH_QUICK").is_some_and(|value| value == "1")
}

/// How many handshakes each count of instructions covers, to average out random differences.
pub const HANDSHAKES: u32 = 100;

/// How many bytes each download has whose instructions are counted.
pub const DOWNLOADED: u64 = 16 << 20;

/// The time for which this process has run on a processor. Unlike time on the clock, it does not include the turns
/// of other programs.
pub fn processor_time() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    std::time::Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
