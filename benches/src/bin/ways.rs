//! Measures the methods to get a client certificate in turns: time, flights, bytes. With the feature
//! `openssl` or `peers` there is more than one.
//!
//! The result is the median of many short turns, so that other load on the machine affects all alike. An
//! argument names a file for the rows in JSON.

use std::error::Error;
use std::time::Instant;

use benches::handshake::{Pki, WAYS, ways};
use benches::row::{self, Row};

const TURNS: usize = 200;
const HANDSHAKES: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut ways = ways(&Pki::new());
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..TURNS {
        for (way, times) in ways.iter_mut().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..HANDSHAKES {
                way.ends.shake();
            }
            times.push(start.elapsed().as_nanos() as f64 / f64::from(HANDSHAKES));
        }
    }
    let mut rows = Vec::new();
    println!("| {WAYS}, with P-256 | µs, client and server | flights | bytes |\n|---|---|---|---|");
    for (way, mut times) in ways.iter_mut().zip(times) {
        times.sort_by(f64::total_cmp);
        let (median, cost) = (times[times.len() / 2], way.ends.shake());
        println!("| {} | {:.0} | {} | {} |", way.name, median / 1e3, cost.flights, cost.bytes);
        rows.push(Row {
            median: Some(median),
            flights: Some(cost.flights),
            bytes: Some(cost.bytes as u64),
            ..Row::new(WAYS, &way.name)
        });
    }
    Ok(row::hand_over(&rows)?)
}
