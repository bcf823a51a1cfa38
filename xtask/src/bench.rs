//! All that `benches` measures, in one command, and the report on it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use toml_edit::DocumentMut;

use crate::{Result, run as done};

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub struct What {
    /// The most telling cases only, and no criterion.
    pub quick: bool,
    /// Other libraries, too.
    pub peers: bool,
    /// Show the result in README.md and benches/README.md.
    pub readme: bool,
}

/// Measures, and writes the report to `target/bench`.
///
/// # Errors
/// If something fails, valgrind is missing, or a promise on what is counted is not kept.
pub fn run(repository: &Path, what: What) -> Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err("valgrind is not installed (on Debian: apt-get install valgrind)".into());
    }
    let target = target(repository);
    let (folder, parts) = (target.join("bench"), target.join("bench/parts"));
    // What is left from another run is not of this one.
    for old in [parts.clone(), target.join("criterion"), target.join("gungraun")] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    fs::create_dir_all(&parts)?;
    let runner = runner(repository, &target)?;
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
    let program = |name: &str, features: &[&str], args: &[&Path]| {
        let mut cargo = cargo(&["run", "--quiet", "--release", "-p", "benches", "--bin", name]);
        done(cargo.args(features).arg("--").args(args))
    };
    let (first, last) = (features[0], features[features.len() - 1]);

    program("benches", last, &[&parts.join("parse.json")])?;
    for (number, features) in features.iter().enumerate() {
        program("ways", features, &[&parts.join(format!("ways-{number}.json"))])?;
    }
    program("memory", first, &[&parts.join("memory.json")])?;
    done(&mut cargo(&["build", "--quiet", "--release", "-p", "rext"]))?;
    let (server, seconds) = (target.join("release/rext"), if what.quick { "2" } else { "10" });
    program("load", first, &[&server, Path::new(seconds), &parts.join("load.json")])?;
    for (number, features) in features.iter().enumerate() {
        let home = target.join("gungraun").join(number.to_string());
        let mut count = cargo(&["bench", "--quiet", "-p", "benches", "--bench", "instructions"]);
        count.args(*features).env("GUNGRAUN_HOME", &home);
        if number > 0 {
            count.args(["--", "*::others::*"]); // the rest is the same again
        }
        done(&mut count)?;
        program("counts", features, &[&parts.join(format!("counts-{number}.json")), &home])?;
    }
    if !what.quick {
        done(cargo(&["bench", "--quiet", "-p", "benches", "--bench", "parse"]).args(last))?;
        done(cargo(&["bench", "--quiet", "-p", "benches", "--bench", "handshake"]).args(first))?;
    }
    let mut report = cargo(&["run", "--quiet", "--release", "-p", "benches", "--bin", "report"]);
    let report = report.arg("--").arg(&target).output()?;
    let table = String::from_utf8(report.stdout)?;
    print!("{table}\nthe whole of it: {}\n", folder.join("report.html").display());
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

/// Prints what moved from one `report.json` to another.
///
/// # Errors
/// If one of them cannot be read.
pub fn compare(repository: &Path, from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (std::path::absolute(from)?, std::path::absolute(to)?);
    let mut cargo = crate::cargo();
    cargo.current_dir(repository).args(["run", "--quiet", "--release", "-p", "benches"]);
    done(cargo.args(["--bin", "report", "--", "compare"]).args([from, to]))
}

fn target(repository: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or(repository.join("target"), |it| repository.join(it))
}

/// The program that gungraun runs benches by, of the version that the benches are linked with.
fn runner(repository: &Path, target: &Path) -> Result<PathBuf> {
    let lock: DocumentMut = fs::read_to_string(repository.join("Cargo.lock"))?.parse()?;
    let packages = lock["package"].as_array_of_tables().into_iter().flatten();
    let mut versions = packages
        .filter(|package| package.get("name").and_then(|name| name.as_str()) == Some("gungraun"))
        .filter_map(|package| package.get("version")?.as_str());
    let version = versions.next().ok_or("Cargo.lock has no gungraun")?;
    let root = target.join("tools").join(format!("gungraun-runner-{version}"));
    let runner = root.join("bin/gungraun-runner");
    if !runner.exists() {
        let mut cargo = crate::cargo();
        cargo.args(["install", "--quiet", "--locked", "gungraun-runner", "--version"]);
        done(cargo.arg(format!("={version}")).arg("--root").arg(&root))?;
    }
    Ok(runner)
}

/// The lines of a page between which the table is.
const START: &str = "<!-- measured -->";
const END: &str = "<!-- end of measured -->";

/// The page with this table in place of its last one; `None` if it has no place for a table.
fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}\n{table}{END}{after}"))
}

/// The rows that README.md shows, by what their first column begins with.
const HEADLINE: [&str; 6] = [
    "no offer and no policy, relative to pristine rustls, server",
    "accepted offer, relative to mutual TLS of pristine rustls, server",
    "policy of 100,000 rules",
    "accepted offer, relative to OpenSSL, renegotiation",
    "accepted offer, relative to OpenSSL, post-handshake",
    "ClientHello scan, relative to BoringSSL",
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
    fn the_table_replaces_the_last_one() {
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
        // With the one that has the titles of the columns.
        let rows = shown.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, HEADLINE.len() + 1);
    }
}
