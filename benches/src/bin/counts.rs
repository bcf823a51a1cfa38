//! Reads gungraun's counts for the report; features and `BENCH_QUICK` must be as in the run of gungraun.
//!
//! Arguments: a file for the rows in JSON, and gungraun's home.

use std::error::Error;
use std::path::Path;

use benches::report::instructions;
use benches::row;

fn main() -> Result<(), Box<dyn Error>> {
    let home = std::env::args_os().nth(2).ok_or("usage: counts FILE HOME")?;
    Ok(row::hand_over(&instructions::rows(Path::new(&home))?)?)
}
