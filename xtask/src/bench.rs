//! `cargo xtask bench`: runs all measurements of `benches`, and makes their report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use toml_edit::DocumentMut;

use command_line::Progress;

use crate::tool::{Tool, target};
use crate::{Result, run as done};

mod against;
pub use against::against;

/// The choice of measurements.
#[derive(Clone, Copy, Debug)]
pub struct What {
    /// Only TLS 1.3 with ring and P-256, without criterion.
    pub quick: bool,
    /// Also other libraries.
    pub peers: bool,
    /// Also `rext serve` beside other servers.
    pub servers: bool,
    /// Write the result to README.md and benches/README.md.
    pub readme: bool,
}

/// Measures, and writes the report to `target/bench`.
///
/// # Errors
/// If a measurement fails, valgrind is missing, or a count is above its limit.
pub fn run(repository: &Path, what: What) -> Result<()> {
    check_valgrind()?;
    let target = target(repository);
    let (folder, parts) = (target.join("bench"), target.join("bench/parts"));
    // Remove the results of earlier runs.
    for old in [parts.clone(), target.join("criterion"), target.join("gungraun")] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    fs::create_dir_all(&parts)?;
    let runner = runner(repository)?;
    let cargo = |args: &[&str]| {
        let mut cargo = crate::cargo();
        cargo.current_dir(repository).args(args).env("GUNGRAUN_RUNNER", &runner);
        cargo
            .env("GUNGRAUN_SAVE_SUMMARY", "json")
            .env("BENCH_QUICK", u8::from(what.quick).to_string());
        cargo
    };
    let features: &[&[&str]] =
        if what.peers { &[&["--features", "openssl"], &["--features", "peers"]] } else { &[&[]] };
    let steps =
        7 + 3 * features.len() + if what.quick { 0 } else { 2 } + if what.servers { 2 } else { 0 };
    let progress = Progress::new("steps", steps);
    let step = |name: &str, command: &mut Command| measure(&progress, name, command);
    let program = |name: &str, features: &[&str], args: &[&Path]| {
        let mut cargo = cargo(&["run", "--quiet", "--release", "-p", "benches", "--bin", name]);
        step(name, cargo.args(features).arg("--").args(args))
    };
    let (first, last) = (features[0], features[features.len() - 1]);

    program("benches", last, &[&parts.join("parse.json")])?;
    for (number, features) in features.iter().enumerate() {
        program("ways", features, &[&parts.join(format!("ways-{number}.json"))])?;
    }
    program("memory", first, &[&parts.join("memory.json")])?;
    program("download", first, &[&parts.join("download.json")])?;
    step("build of rext", &mut cargo(&["build", "--quiet", "--release", "-p", "rext"]))?;
    let (server, seconds) = (target.join("release/rext"), if what.quick { "2" } else { "10" });
    program("served", first, &[&server, &parts.join("served.json")])?;
    program("load", first, &[&server, Path::new(seconds), &parts.join("load.json")])?;
    if what.servers {
        let build = ["build", "--quiet", "--release", "-p", "benches", "--bin", "clients"];
        step("build of clients", cargo(&build).args(first))?;
        let mut compare = Command::new("python3");
        compare.current_dir(repository).arg("benches/proxies/servers.py").arg("--built");
        compare.arg(target.join("release")).arg("--rows").arg(parts.join("servers.json"));
        step("other servers", &mut compare)?;
    }
    for (number, features) in features.iter().enumerate() {
        let home = target.join("gungraun").join(number.to_string());
        let mut count = cargo(&["bench", "--quiet", "-p", "benches", "--bench", "instructions"]);
        count.args(*features).env("GUNGRAUN_HOME", &home);
        if number > 0 {
            count.args(["--", "*::others::*"]); // all others are the same as before
        }
        step("instructions", &mut count)?;
        program("counts", features, &[&parts.join(format!("counts-{number}.json")), &home])?;
    }
    if !what.quick {
        let bench = |name| cargo(&["bench", "--quiet", "-p", "benches", "--bench", name]);
        step("criterion: parsing", bench("parse").args(last))?;
        step("criterion: handshakes", bench("handshake").args(first))?;
    }
    let mut report = cargo(&["run", "--quiet", "--release", "-p", "benches", "--bin", "report"]);
    progress.doing("report");
    let report = report.arg("--").arg(&target).output()?;
    progress.step();
    drop(progress);
    let table = String::from_utf8(report.stdout)?;
    print!("{table}\nfull report: {}\n", folder.join("report.html").display());
    if what.readme {
        fs::copy(folder.join("headline.svg"), repository.join("benches/headline.svg"))?;
        for (page, table) in [("benches/README.md", &table), ("README.md", &headline(&table))] {
            let path = repository.join(page);
            let text = with_table(&fs::read_to_string(&path)?, table)
                .ok_or_else(|| format!("{page} has no lines `{START}` and `{END}`"))?;
            fs::write(path, text)?;
        }
    }
    if report.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&report.stderr).trim().into())
    }
}

fn check_valgrind() -> Result<()> {
    match Command::new("valgrind").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(_) => Err("valgrind is not installed (on Debian: apt-get install valgrind)".into()),
    }
}

/// Runs one step: its name is shown in the progress bar, and printed on a line. Its output is printed when
/// it ends, so that it does not mix with the bar.
fn measure(progress: &Progress, name: &str, command: &mut Command) -> Result<()> {
    progress.doing(name);
    progress.emit(format!("-- {name}\n"));
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|err| format!("cannot run {command:?}: {err}"))?;
    progress.emit(&output.stdout);
    progress.step();
    if output.status.success() { Ok(()) } else { Err(format!("this failed: {command:?}").into()) }
}

/// Prints the differences between two files `report.json`.
///
/// # Errors
/// If one of them cannot be read.
pub fn compare(repository: &Path, from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (std::path::absolute(from)?, std::path::absolute(to)?);
    let mut cargo = crate::cargo();
    cargo.current_dir(repository).args(["run", "--quiet", "--release", "-p", "benches"]);
    done(cargo.args(["--bin", "report", "--", "compare"]).args([from, to]))
}

/// The runner of gungraun, in the version that the benches are linked with.
fn runner(repository: &Path) -> Result<PathBuf> {
    let lock: DocumentMut = fs::read_to_string(repository.join("Cargo.lock"))?.parse()?;
    let packages = lock["package"].as_array_of_tables().into_iter().flatten();
    let mut versions = packages
        .filter(|package| package.get("name").and_then(|name| name.as_str()) == Some("gungraun"))
        .filter_map(|package| package.get("version")?.as_str());
    let version = versions.next().ok_or("Cargo.lock has no gungraun")?;
    Tool { name: "gungraun-runner", version, debug: false }.program(repository)
}

/// The lines of a page before and after the table.
const START: &str = "<!-- measured -->";
const END: &str = "<!-- end of measured -->";

/// Replaces the table of a page; `None` if it has no place for a table.
fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}\n{table}{END}{after}"))
}

/// The beginnings of the rows that README.md shows.
const HEADLINE: [&str; 10] = [
    "no offer and no policy, relative to pristine rustls, server",
    "accepted offer, relative to mutual TLS of pristine rustls, server",
    "accepted offer, resumed",
    "policy of 100,000 rules",
    "accepted offer, relative to OpenSSL, renegotiation",
    "accepted offer, relative to OpenSSL, post-handshake",
    "ClientHello scan, relative to BoringSSL",
    "acceptor with an async policy, accepted offer",
    "connection of rext serve with a request",
    "request through CallerLayer and RequireScope",
];

/// The table with the rows of [`HEADLINE`] only.
fn headline(table: &str) -> String {
    let is_shown = |line: &&str| {
        let row = line.strip_prefix("| ").filter(|row| !row.starts_with("what |"));
        row.is_none_or(|row| HEADLINE.iter().any(|what| row.starts_with(what)))
    };
    table.lines().filter(is_shown).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_table_replaces_the_old_one() {
        let page = "a\n<!-- measured -->\nold\n<!-- end of measured -->\nb\n";
        let new = with_table(page, "new\n").unwrap();
        assert_eq!(new, "a\n<!-- measured -->\nnew\n<!-- end of measured -->\nb\n");
        assert!(with_table("nothing", "new").is_none());
    }

    #[test]
    fn readme_shows_some_rows_of_the_table_in_benches() {
        let read = |page: &str| fs::read_to_string(crate::repository().join(page)).unwrap();
        let (readme, whole) = (read("README.md"), read("benches/README.md"));
        let (_, rest) = whole.split_once(&format!("{START}\n")).unwrap();
        let shown = headline(rest.split_once(END).unwrap().0);
        assert_eq!(with_table(&readme, &shown).unwrap(), readme);
        // One more row has the titles of the columns.
        let rows = shown.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, HEADLINE.len() + 1);
    }
}
