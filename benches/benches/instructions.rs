//! Instructions, counted by valgrind. Load on the machine does not change them, so the limits are on these.
//!
//! Client and server of a handshake are counted separately. `BENCH_QUICK=1` is as for times. With the feature
//! `peers`, the group `others` has more cases.

use std::hint::black_box;

use benches::accepting;
use benches::contender::Contender;
use benches::contenders;
use benches::corpus::{self, Hello};
use benches::handshake::{Case, Ends, Pki, Way, open_or_new, ways};
use benches::requests;
use benches::secondary::Download;
use benches::small::{self, Small};
use benches::{DOWNLOADED, HANDSHAKES, quick};
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
    ends // dropped without being counted
}

/// Caches are not simulated: this would double the time.
fn callgrind() -> Callgrind {
    Callgrind::with_args(["--cache-sim=no"])
}

/// Counts only inside calls of this function.
fn only(function: &str) -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .tool(callgrind().entry_point(EntryPoint::Custom(function.into())))
        .clone()
}

fn config() -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .tool(callgrind())
        .pass_through_env("BENCH_QUICK")
        .env("LD_BIND_NOW", "1") // do not count symbol lookup
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

fn number_of_servers() -> std::ops::Range<usize> {
    0..accepting::all().len()
}

fn nth_server(number: usize) -> Box<dyn Ends> {
    Box::new(accepting::all().swap_remove(number))
}

#[library_benchmark(config = only("benches::accepting::server_turn"))]
#[benches::case(iter = number_of_servers(), setup = nth_server)]
fn accept(ends: Box<dyn Ends>) -> Box<dyn Ends> {
    shake(ends)
}

#[library_benchmark]
#[benches::case(iter = 0..requests::count(), setup = requests::nth)]
fn request(mut run: Box<dyn FnMut()>) -> Box<dyn FnMut()> {
    run();
    run // dropped without being counted
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

fn nth_open_or_new(number: usize) -> Way {
    open_or_new(&Pki::new()).into_iter().nth(number).expect("a way")
}

#[library_benchmark]
#[benches::case(iter = 0..2, setup = nth_open_or_new)]
fn certificate(way: Way) -> Box<dyn Ends> {
    shake(way.ends)
}

fn downloads(number: usize) -> Download {
    let mut download = Download::in_memory(&Pki::new(), number > 0);
    download.get(DOWNLOADED); // do not count one-time work
    download
}

#[library_benchmark]
#[benches::case(iter = 0..2, setup = downloads)]
fn download(mut download: Download) -> Download {
    download.get(DOWNLOADED);
    download // dropped without being counted
}

#[library_benchmark]
#[benches::case(iter = corpus::read().expect("the corpus"))]
fn scan(hello: Hello) -> Hello {
    black_box(&Scan::default().records(black_box(hello.bytes()), &mut []));
    hello // dropped without being counted
}

/// A parser, and all ClientHellos.
type Reader = (Box<dyn Contender>, Vec<Hello>);

fn number_of_readers() -> std::ops::Range<usize> {
    0..contenders::all().len()
}

fn reader(number: usize) -> Reader {
    let mut reader = (contenders::all().swap_remove(number), corpus::read().expect("the corpus"));
    read_all(&mut reader); // do not count one-time work
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
library_benchmark_group!(name = servers, benchmarks = [accept, request]);
library_benchmark_group!(name = others, benchmarks = [both, read]);
library_benchmark_group!(name = parse, benchmarks = [scan, run]);
library_benchmark_group!(name = secondary, benchmarks = [certificate, download]);
main!(config = config(), library_benchmark_groups = [handshake, others, parse, secondary, servers]);
