//! Reading hellos: the scan, a bound, and with the feature `peers` other libraries.

use std::hint::black_box;

use benches::{contenders, corpus};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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
    let mut group = c.benchmark_group("parse/random order");
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

    let mut group = c.benchmark_group("parse and find/random order");
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

criterion_group!(benches, hellos_one_by_one, hellos_in_random_order, flags);
criterion_main!(benches);
