//! How many allocations a request and an accepted connection cost, exactly.

use std::collections::HashMap;
use std::sync::Mutex;

use benches::accepting::{self, server_turn};
use benches::requests::{self, EXTRACTORS, HTTP1, LAYERS, MANY_NAMES, OTHER_HOST};
use dhat::{Alloc, HeapStats, Profiler};

#[global_allocator]
static ALLOC: Alloc = Alloc;

/// The counts are of the whole process, so only one test may run at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How many blocks `run` allocates.
fn allocations<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let before = HeapStats::get().total_blocks;
    let done = run();
    (done, HeapStats::get().total_blocks - before)
}

#[test]
fn a_request_costs_one_allocation_more_than_through_an_empty_layer() {
    let _one = ONE_AT_A_TIME.lock().unwrap();
    let _profiler = Profiler::builder().testing().build();
    let counts = (0..requests::count()).map(|number| {
        let run = requests::nth(number);
        (requests::name(number), allocations(run).1)
    });
    let counts: HashMap<_, _> = counts.collect();
    for row in [LAYERS, HTTP1, EXTRACTORS, OTHER_HOST, [MANY_NAMES[0], OTHER_HOST[1]]] {
        assert_eq!(counts[row[0]] - counts[row[1]], 1, "{row:?}: {counts:?}");
    }
}

#[test]
fn an_accepted_connection_costs_few_allocations_more_than_with_plain_tokio_rustls() {
    let _one = ONE_AT_A_TIME.lock().unwrap();
    let _profiler = Profiler::builder().testing().build();
    let counts = accepting::all().into_iter().map(|server| {
        server.accept(server_turn); // one-time work
        let mut count = 0;
        server.accept(|accept, cx| {
            let (turned, more) = allocations(|| server_turn(accept, cx));
            count += more;
            turned
        });
        (server.name, count)
    });
    let counts: HashMap<_, _> = counts.collect();
    let more = accepting::ROWS.map(|[ours, plain]| counts[ours] as i64 - counts[plain] as i64);
    assert_eq!(more, [6, 8], "{counts:?}");
}
