//! Handshakes in memory: the cost of the patch, and with the features `peers` or `openssl` that of other
//! methods to get a client certificate.
//!
//! `BENCH_QUICK=1` selects only TLS 1.3 with ring and P-256.

use std::time::Duration;

use benches::handshake::{Case, Pki, WAYS, ways};
use criterion::{Criterion, criterion_group, criterion_main};

fn cases(c: &mut Criterion) {
    let pki = Pki::new();
    for case in Case::all(benches::quick()) {
        let mut ends = case.ends(&pki);
        let mut group = c.benchmark_group(case.group());
        group.bench_function(case.name(), |b| b.iter(|| ends.shake()));
    }
}

fn other_ways(c: &mut Criterion) {
    let pki = Pki::new();
    let mut group = c.benchmark_group(WAYS);
    for mut way in ways(&pki) {
        group.bench_function(&way.name, |b| b.iter(|| way.ends.shake()));
    }
}

fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = benches; config = criterion(); targets = other_ways, cases }
criterion_main!(benches);
