//! Parsing ClientHellos: the scan, the scan without bounds checks, and with the feature `peers` other
//! libraries. Also flags and challenges.

use std::hint::black_box;
use std::time::Duration;

use benches::contenders::{PARSE, PARSE_AND_FIND};
use benches::{contenders, corpus, small};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

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

fn flags_and_challenges(c: &mut Criterion) {
    for mut small in small::all() {
        c.benchmark_group(small.group).bench_function(small.name, |b| b.iter(&mut small.run));
    }
}

fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50)
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = hellos_one_by_one, hellos_in_random_order, flags_and_challenges
}
criterion_main!(benches);
