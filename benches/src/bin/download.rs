//! Measures HTTP/2 downloads with and without idle filters in turns: time on the clock, and time on the
//! processor.
//!
//! The result is the median of many short turns on several connections, so that other load on the machine, and
//! the places of buffers in memory, affect both alike. An argument names a file for the rows in JSON.

use std::error::Error;
use std::time::Instant;

use benches::handshake::Pki;
use benches::processor_time;
use benches::row::{self, Row};
use benches::secondary::{DOWNLOAD, DOWNLOAD_CPU, DOWNLOADS, Download};

const CONNECTIONS: usize = 20;
const TURNS: usize = 50;
const BYTES: u64 = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let pki = Pki::new();
    let mut times = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for connection in 0..CONNECTIONS {
        // Each is made first every second time, and is the first one in every second turn.
        let first = connection % 2;
        let mut ends =
            [first, 1 - first].map(|place| (place, Download::on_loopback(&pki, place == 1)));
        ends.iter_mut().for_each(|(_, download)| download.get(BYTES));
        for _ in 0..TURNS {
            for (place, download) in &mut ends {
                let (start, before) = (Instant::now(), processor_time());
                download.get(BYTES);
                times[*place].0.push(start.elapsed().as_nanos() as f64);
                times[*place].1.push((processor_time() - before).as_nanos() as f64);
            }
            ends.reverse();
        }
    }
    let mut rows = Vec::new();
    println!("| {DOWNLOAD}, client and server in one thread | MiB/s | CPU, ns per KiB |");
    println!("|---|---|---|");
    for (name, (mut clock, mut processor)) in DOWNLOADS.into_iter().zip(times) {
        let (clock, processor) = (median(&mut clock), median(&mut processor));
        let (mib, kib) = ((BYTES >> 20) as f64, (BYTES >> 10) as f64);
        println!("| {name} | {:.0} | {:.0} |", mib / (clock / 1e9), processor / kib);
        rows.push(Row { median: Some(clock / kib), ..Row::new(DOWNLOAD, name) });
        rows.push(Row { median: Some(processor / kib), ..Row::new(DOWNLOAD_CPU, name) });
    }
    Ok(row::hand_over(&rows)?)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
