//! Reading hellos: the scan, a bound, and with the feature `peers` other libraries.

use std::hint::black_box;

use benches::contenders::{PARSE, PARSE_AND_FIND};
use benches::{contenders, corpus};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustls_ext::http::{Challenge, Challenges};
use rustls_ext_wire::{Flag, FlagSet};

fn hellos_one_by_one(c: &mut Criterion) {
    let hellos = corpus::read().expect("the corpus");
    let mut all = contenders::all();
    contenders::agree(&hellos, &mut all);
    for hello in &hellos {
        let mut group = c.benchmark_group(format!("parse/{}", hello.name()));
        for contender in &mut all {
            group.bench_function(contender.name(), |b| {
                b.iter(|| contender.read(black_box(hello)));
            });
        }
    }
}

fn hellos_in_random_order(c: &mut Criterion) {
    let hellos = corpus::read().expect("the corpus");
    let mut all = contenders::all();
    contenders::agree(&hellos, &mut all);
    let order = corpus::random_order(hellos.len(), 4096, 1);
    let mut group = c.benchmark_group(PARSE);
    group.throughput(Throughput::Elements(order.len() as u64));
    for contender in &mut all {
        group.bench_function(contender.name(), |b| {
            b.iter(|| {
                for place in &order {
                    contender.read(black_box(&hellos[*place]));
                }
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group(PARSE_AND_FIND);
    group.throughput(Throughput::Elements(order.len() as u64));
    for contender in &mut all {
        group.bench_function(contender.name(), |b| {
            b.iter(|| {
                for place in &order {
                    black_box(contender.find(black_box(&hellos[*place])));
                }
            });
        });
    }
}

fn flags(c: &mut Criterion) {
    let mut group = c.benchmark_group("flags");
    let full: FlagSet = (0..=Flag::MAX.get()).filter_map(|n| Flag::new(n).ok()).collect();
    for (name, set) in [("80", FlagSet::single(Flag::REQUEST_CLIENT_AUTH)), ("0 to 2039", full)] {
        let body = set.body().expect("flags").to_vec();
        assert_eq!(FlagSet::decode(&body).as_ref(), Ok(&set));
        group.bench_function(format!("decode {name}"), |b| {
            b.iter(|| FlagSet::decode(black_box(&body)));
        });
        group.bench_function(format!("encode {name}"), |b| {
            b.iter(|| black_box(&set).body().map(<[u8]>::len));
        });
    }
    group.bench_function("make and encode 80", |b| {
        b.iter(|| FlagSet::single(black_box(Flag::REQUEST_CLIENT_AUTH)).body().map(<[u8]>::len));
    });
}

/// Among challenges of other schemes, as a proxy may have joined them.
fn challenges(c: &mut Criterion) {
    let mut group = c.benchmark_group("challenge");
    for names in [0, 1, 100] {
        let name = |number: u32| format!("CN=authority {number}").into_bytes();
        let challenge = (0..names).map(name).fold(Challenge::new(), Challenge::accept_issuer);
        let value = challenge.to_value().expect("a value");
        let line = [b"Basic realm=\"a, b\", ", value.as_bytes(), b", Negotiate"].concat();
        let read = Challenges::in_lines([&line[..]]).challenges;
        assert_eq!(read.as_slice(), std::slice::from_ref(&challenge));
        group.bench_function(format!("parse one with {names} names"), |b| {
            b.iter(|| Challenges::in_lines([black_box(&line[..])]));
        });
        group.bench_function(format!("write one with {names} names"), |b| {
            b.iter(|| black_box(&challenge).to_value());
        });
    }
}

criterion_group!(benches, hellos_one_by_one, hellos_in_random_order, flags, challenges);
criterion_main!(benches);
