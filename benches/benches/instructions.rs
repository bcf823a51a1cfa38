//! Instructions, counted by valgrind: they are the same on a busy machine, and so they decide.
//!
//! The sides of a handshake are counted apart. `BENCH_QUICK=1` as for the timed ones. With the
//! feature `peers`, the group `others` has more in it.

use std::hint::black_box;

use benches::contender::Contender;
use benches::contenders;
use benches::corpus::{self, Hello};
use benches::handshake::{Case, Ends, Pki, Way, ways};
use benches::small::{self, Small};
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

/// Caches are not simulated: that takes as long again.
fn callgrind() -> Callgrind {
    Callgrind::with_args(["--cache-sim=no"])
}

/// Counts in calls of this function alone, wherever they come from.
fn only(function: &str) -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .tool(callgrind().entry_point(EntryPoint::Custom(function.into())))
        .clone()
}

fn config() -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .tool(callgrind())
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
    black_box(&Scan::default().records(black_box(hello.bytes()), &mut []));
    hello // to be dropped uncounted
}

/// Who reads hellos, and all of these.
type Reader = (Box<dyn Contender>, Vec<Hello>);

fn number_of_readers() -> std::ops::Range<usize> {
    0..contenders::all().len()
}

fn reader(number: usize) -> Reader {
    let mut reader = (contenders::all().swap_remove(number), corpus::read().expect("the corpus"));
    read_all(&mut reader); // what is done once is not to be counted
    reader
}

fn read_all((reader, hellos): &mut Reader) {
    for hello in hellos {
        reader.read(black_box(hello));
    }
}

#[library_benchmark]
#[benches::case(iter = number_of_readers(), setup = reader)]
fn read(mut reader: Reader) -> Reader {
    read_all(&mut reader);
    reader
}

fn number_of_small() -> std::ops::Range<usize> {
    0..small::all().len()
}

fn nth_small(number: usize) -> Small {
    small::all().swap_remove(number)
}

#[library_benchmark]
#[benches::case(iter = number_of_small(), setup = nth_small)]
fn run(mut small: Small) -> Small {
    (small.run)();
    small
}

library_benchmark_group!(name = handshake, benchmarks = [client, server]);
library_benchmark_group!(name = others, benchmarks = [both, read]);
library_benchmark_group!(name = parse, benchmarks = [scan, run]);
main!(config = config(), library_benchmark_groups = [handshake, others, parse]);
