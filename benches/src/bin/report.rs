//! Puts what was measured together, or compares two reports: for `cargo xtask bench`.
//!
//! Arguments: the target folder of cargo; or `compare`, and two reports; or `change`, and two files of rows.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

use benches::report::{BenchReport, Change};
use benches::row::{self, Row};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("{err}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["compare", from, to] => {
            print!("{}", read(from)?.moved(&read(to)?));
            Ok(())
        }
        ["change", before, after] => {
            let (before, after) = (rows(before)?, rows(after)?);
            let change = Change::new(&before, &after);
            print!("{change}");
            Ok(change.check()?)
        }
        [target] => {
            let report = BenchReport::collect(Path::new(target))?;
            report.write(&Path::new(target).join("bench"))?;
            print!("{}", report.headline());
            // Only what does not depend on how busy the machine is can fail.
            let steady = |what: &str| what.contains("instructions") || what.contains("memory");
            let missed = |claim: &&_| {
                let claim: &benches::report::Claim = claim;
                !claim.holds() && steady(&claim.what)
            };
            match report.claims.iter().find(missed) {
                Some(claim) => Err(format!("missed: {}", claim.what).into()),
                None => Ok(()),
            }
        }
        _ => Err("usage: report TARGET, or report (compare|change) BEFORE AFTER".into()),
    }
}

fn read(path: &str) -> io::Result<BenchReport> {
    BenchReport::read(Path::new(path)).map_err(|err| named(path, &err))
}

fn rows(path: &str) -> io::Result<Vec<Row>> {
    row::read(Path::new(path)).map_err(|err| named(path, &err))
}

fn named(path: &str, err: &io::Error) -> io::Error {
    io::Error::new(err.kind(), format!("{path}: {err}"))
}
