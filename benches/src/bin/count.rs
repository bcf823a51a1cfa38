//! Scans a hello of the corpus a thousand times, for who counts instructions:
//!
//! ```console
//! valgrind --tool=callgrind --toggle-collect='count::scan' target/release/count chromium-sni+flag
//! ```

use std::error::Error;
use std::hint::black_box;

use benches::corpus;
use rustls_ext_wire::{Answer, Scan};

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("usage: count NAME")?;
    let hellos = corpus::read()?;
    let hello = hellos.iter().find(|hello| hello.name() == name);
    let octets = hello.ok_or(format!("no {name} in the corpus"))?.octets();
    let how = Scan::default();
    for _ in 0..1000 {
        black_box(&scan(&how, black_box(octets)));
    }
    Ok(())
}

/// What is counted: the scan, and a call.
#[inline(never)]
fn scan<'a>(scan: &Scan, octets: &'a [u8]) -> Answer<'a> {
    scan.records(octets, &mut [])
}
