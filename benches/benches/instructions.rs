//! Instructions, counted by valgrind: they are the same on a busy machine, and so they decide.
//!
//! The sides of a handshake are counted apart. `BENCH_QUICK=1` as for the timed ones.

use std::hint::black_box;

use benches::corpus::{self, Hello};
use benches::handshake::{Case, Ends, Pki, Way, ways};
use benches::{HANDSHAKES, quick};
use gungraun::{
    Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use rustls_ext_wire::Scan;

fn ends(case: Case) -> Box<dyn Ends> {
    case.ends(&Pki::new())
}

fn shake(mut ends: Box<dyn Ends>) -> Box<dyn Ends> {
    for _ in 0..HANDSHAKES {
        ends.shake();
    }
    ends // to be dropped uncounted
}

/// Counts in calls of this function alone, wherever they come from.
fn only(function: &str) -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .tool(Callgrind::default().entry_point(EntryPoint::Custom(function.into())))
        .clone()
}

fn config() -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .pass_through_env("BENCH_QUICK")
        .env("LD_BIND_NOW", "1") // looking functions up is not to be counted
        .clone()
}

#[library_benchmark(config = only("benches::handshake::*::client_turn"))]
#[benches::case(iter = Case::all(quick()), setup = ends)]
fn client(ends: Box<dyn Ends>) -> Box<dyn Ends> {
    shake(ends)
}

#[library_benchmark(config = only("benches::handshake::*::server_turn"))]
#[benches::case(iter = Case::all(quick()), setup = ends)]
fn server(ends: Box<dyn Ends>) -> Box<dyn Ends> {
    shake(ends)
}

fn number_of_ways() -> std::ops::Range<usize> {
    0..ways(&Pki::new()).len()
}

fn way(number: usize) -> Way {
    ways(&Pki::new()).swap_remove(number)
}

#[library_benchmark]
#[benches::case(iter = number_of_ways(), setup = way)]
fn both(way: Way) -> Box<dyn Ends> {
    shake(way.ends)
}

#[library_benchmark]
#[benches::case(iter = corpus::read().expect("the corpus"))]
fn scan(hello: Hello) -> Hello {
    black_box(&Scan::default().records(black_box(hello.octets()), &mut []));
    hello // to be dropped uncounted
}

library_benchmark_group!(name = handshake, benchmarks = [client, server]);
library_benchmark_group!(name = other_ways, benchmarks = both);
library_benchmark_group!(name = parse, benchmarks = scan);
main!(config = config(), library_benchmark_groups = [handshake, other_ways, parse]);
