//! Measures all parsers in turn on ClientHellos in random order, and prints nanoseconds per ClientHello and
//! the ratio to the scan.
//!
//! An argument names a file for the rows in JSON.
//!
//! There are many short turns, and the result is the minimum and the median of each parser, so that other
//! load on the machine affects all alike.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use benches::contenders::{self, PARSE, PARSE_AND_FIND};
use benches::corpus::{self, Hello};
use benches::row::{self, Row};

const TURNS: usize = 300;
const HELLOS: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let hellos = corpus::read()?;
    let mut all = contenders::all();
    contenders::agree(&hellos, &mut all);

    let mut reads = vec![Vec::new(); all.len()];
    let mut finds = vec![Vec::new(); all.len()];
    for turn in 0..TURNS {
        let order = corpus::random_order(hellos.len(), HELLOS, turn as u64 + 1);
        for (place, contender) in all.iter_mut().enumerate() {
            reads[place].push(time(&hellos, &order, |hello| contender.read(hello)));
            finds[place].push(time(&hellos, &order, |hello| {
                black_box(contender.find(hello));
            }));
        }
    }
    println!("ns per ClientHello, {} ClientHellos in random order", hellos.len());
    println!("| | parse: minimum | median | ratio | parse and find: minimum | median | ratio |");
    println!("|---|---|---|---|---|---|---|");
    let names: Vec<_> = all.iter().map(|contender| contender.name()).collect();
    let (reads, finds) = (summary(reads), summary(finds));
    for ((name, read), find) in names.iter().zip(&reads).zip(&finds) {
        let times = |it: &(f64, f64), base: &(f64, f64)| it.1 / base.1;
        println!(
            "| {name} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} | {:.2} |",
            read.0,
            read.1,
            times(read, &reads[0]),
            find.0,
            find.1,
            times(find, &finds[0])
        );
    }
    let rows = |group: &str, all: &[(f64, f64)]| -> Vec<_> {
        let row = |(name, (_, median)): (&&str, &(f64, f64))| Row {
            median: Some(*median),
            ..Row::new(group, *name)
        };
        names.iter().zip(all).map(row).collect()
    };
    let rows = [rows(PARSE, &reads), rows(PARSE_AND_FIND, &finds)].concat();
    Ok(row::hand_over(&rows)?)
}

/// Nanoseconds per ClientHello.
fn time(hellos: &[Hello], order: &[usize], mut read: impl FnMut(&Hello)) -> f64 {
    let start = Instant::now();
    for place in order {
        read(black_box(&hellos[*place]));
    }
    start.elapsed().as_nanos() as f64 / order.len() as f64
}

/// The minimum and the median.
fn summary(times: Vec<Vec<f64>>) -> Vec<(f64, f64)> {
    let one = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    };
    times.into_iter().map(one).collect()
}
