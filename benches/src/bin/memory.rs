//! Measures the memory of an idle server connection: all its bytes on the heap.
//!
//! An argument names a file for the rows in JSON.

use std::error::Error;

use benches::handshake::{Case, Crate, Pki, Scenario};
use benches::row::{self, Row};
use benches::secondary::{self, CLIENTS, IDLE};
use dhat::{Alloc, HeapStats, Profiler};

#[global_allocator]
static ALLOC: Alloc = Alloc;

const CONNECTIONS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let pki = Pki::new();
    let _profiler = Profiler::builder().testing().build();
    let mut rows = Vec::new();
    println!("| bytes on the heap per idle connection of a server | pristine | patched |");
    println!("|---|---|---|");
    for scenario in [Scenario::Unused, Scenario::Mutual, Scenario::Accepted(1)] {
        let bytes: Vec<_> = Case::all(true)
            .into_iter()
            .filter(|case| case.scenario == scenario && case.large.is_none())
            .map(|case| {
                let bytes = measure(case, &pki);
                rows.push(Row {
                    bytes: Some(bytes),
                    ..Row::new("memory of an idle connection", case.name())
                });
                (case.which, bytes)
            })
            .collect();
        let of = |which: Crate| {
            let found = bytes.iter().find(|(crate_, _)| *crate_ == which);
            found.map_or("–".into(), |(_, bytes)| bytes.to_string())
        };
        println!("| {scenario} | {} | {} |", of(Crate::Pristine), of(Crate::Patched));
    }
    println!("\n| bytes on the heap per idle HTTP/2 connection, client and server | off | on |");
    println!("|---|---|---|");
    for (client, settings) in CLIENTS {
        let [off, on] = [false, true].map(|on| {
            let site = secondary::Site::new(&pki, on);
            let bytes = per_connection(|| site.idle(settings));
            let name = secondary::idle_name(client, on);
            rows.push(Row { bytes: Some(bytes), ..Row::new(IDLE, name) });
            bytes
        });
        println!("| {client} | {off} | {on} |");
    }
    Ok(row::hand_over(&rows)?)
}

fn measure(case: Case, pki: &Pki) -> u64 {
    per_connection(case.idle(pki))
}

fn per_connection<T>(mut connect: impl FnMut() -> T) -> u64 {
    drop(connect()); // allocations that are made only once
    let mut kept = Vec::with_capacity(CONNECTIONS);
    let before = HeapStats::get().curr_bytes;
    kept.extend((0..CONNECTIONS).map(|_| connect()));
    let bytes = HeapStats::get().curr_bytes - before;
    (bytes / CONNECTIONS) as u64
}
