//! Measures the methods to get a client certificate in turns: time, flights, bytes. With the feature
//! `openssl` or `peers` there is more than one.
//!
//! The time is the processor's, and the result is the median of many short turns, so that other load on the machine
//! affects all alike. An argument names a file for the rows in JSON.

use std::error::Error;

use benches::handshake::{OPEN_OR_NEW, Pki, WAYS, Way, open_or_new, ways};
use benches::processor_time;
use benches::row::{self, Row};

const TURNS: usize = 200;
const HANDSHAKES: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let pki = Pki::new();
    let mut rows = measure(WAYS, ways(&pki));
    rows.extend(measure(OPEN_OR_NEW, open_or_new(&pki).into()));
    Ok(row::hand_over(&rows)?)
}

fn measure(group: &str, mut ways: Vec<Way>) -> Vec<Row> {
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..TURNS {
        for (way, times) in ways.iter_mut().zip(&mut times) {
            let start = processor_time();
            for _ in 0..HANDSHAKES {
                way.ends.shake();
            }
            times.push((processor_time() - start).as_nanos() as f64 / f64::from(HANDSHAKES));
        }
    }
    let mut rows = Vec::new();
    println!(
        "| {group}, with P-256 | µs, client and server | flights | bytes |\n|---|---|---|---|"
    );
    for (way, mut times) in ways.iter_mut().zip(times) {
        times.sort_by(f64::total_cmp);
        let (median, cost) = (times[times.len() / 2], way.ends.shake());
        println!("| {} | {:.0} | {} | {} |", way.name, median / 1e3, cost.flights, cost.bytes);
        rows.push(Row {
            median: Some(median),
            flights: Some(cost.flights),
            bytes: Some(cost.bytes as u64),
            ..Row::new(group, &way.name)
        });
    }
    rows
}
