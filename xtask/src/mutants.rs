//! Mutants: the patched rustls, the codec, or the code of authenticators and secondary certificates,
//! with one check removed. For each mutant, at least one test must fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use command_line::Progress;
use rustls_source::{Tree, patched_tree, read_tree, write_tree};

use crate::{Result, git};

mod list;
mod place;

pub use list::{MUTANTS, Mutant};

/// Arguments of `cargo test`, for each of its runs.
type Tests = [&'static [&'static str]; 2];

/// The tests that must detect mutants of the handshake.
const HANDSHAKE_TESTS: Tests =
    [&["-p", "rustls-ext", "--tests"], &["-p", "interop", "--test", "raw_peer"]];
/// The tests that must detect mutants of authenticators and secondary certificates.
const AUTHENTICATOR_TESTS: Tests = [
    &["-p", "rustls-ext-wire", "--test", "authenticator", "--test", "secondary"],
    &[
        "-p",
        "rustls-ext",
        "--features",
        "http,ring,tokio",
        "--lib",
        "--test",
        "authenticator",
        "--test",
        "secondary_http2",
    ],
];
/// The tests that must detect mutants of origins in our own crates.
const ORIGIN_TESTS: Tests = [
    &["-p", "rustls-ext-wire", "--test", "negotiation", "--test", "offers", "--test", "origins"],
    &["-p", "rustls-ext", "--tests"],
];
/// The folders, besides that of the patched rustls, with code that mutants change.
const FOLDERS: [&str; 2] = ["rustls-ext-wire/src/", "rustls-ext/src/"];
/// The build script of the patched rustls whose source is in its folder.
const BUILD_SCRIPT: &str = "fn main() { println!(\"cargo::metadata=patched=mutant\"); }\n";
/// How many random sequences are enough to detect a mutant.
const SEQUENCES: &str = "2000";

/// Checks that every mutant can still be made.
///
/// # Errors
/// If the code that a mutant removes is not in its function exactly once.
pub fn check(repository: &Path) -> Result<()> {
    let tree = source(repository)?;
    for mutant in MUTANTS {
        mutant.of(&tree)?;
    }
    println!("{} mutants; all of them can be made", MUTANTS.len());
    Ok(())
}

/// Makes each mutant whose name contains `only`, and runs the tests on it.
///
/// # Errors
/// If a mutant survives, or cannot be made or built.
pub fn run(repository: &Path, only: Option<&str>) -> Result<()> {
    let chosen: Vec<_> = MUTANTS
        .iter()
        .filter(|mutant| only.is_none_or(|only| mutant.name.contains(only)))
        .collect();
    if chosen.is_empty() {
        return Err("no mutant's name contains this text".into());
    }
    let copy = Copy::make(repository)?;
    let real = source(&copy.root)?;
    for tests in [HANDSHAKE_TESTS, AUTHENTICATOR_TESTS, ORIGIN_TESTS] {
        if chosen.iter().any(|mutant| mutant.tests() == tests) {
            let failing = copy.test(&real, tests)?;
            if !failing.is_empty() {
                let names = list_of(&failing);
                return Err(format!("these tests fail without a mutation: {names}").into());
            }
        }
    }
    let mut survivors = 0;
    let progress = Progress::new("mutants", chosen.len());
    for mutant in &chosen {
        progress.doing(mutant.name);
        let started = Instant::now();
        let caught = copy
            .test(&mutant.of(&real)?, mutant.tests())
            .map_err(|err| format!("{}: {err}", mutant.name))?;
        let seconds = started.elapsed().as_secs();
        if caught.is_empty() {
            survivors += 1;
            progress.emit(format!("SURVIVED  {} ({seconds} s)\n", mutant.name));
        } else {
            let lines = lines_of(&caught);
            progress.emit(format!("caught    {} ({seconds} s)\n{lines}\n", mutant.name));
        }
        progress.step();
    }
    drop(progress);
    println!("{} mutants, {survivors} survived", chosen.len());
    match survivors {
        0 => Ok(()),
        _ => Err("no test detected the mutants that survived".into()),
    }
}

/// The source that mutants change: the patched rustls, and the files of [`FOLDERS`].
fn source(repository: &Path) -> Result<Tree> {
    let mut tree = patched_tree(&repository.join("rustls"))?;
    for folder in FOLDERS {
        let files = read_tree(&repository.join(folder))?;
        tree.extend(files.into_iter().map(|(name, text)| (format!("{folder}{name}"), text)));
    }
    Ok(tree)
}

impl Mutant {
    /// The tests that must detect it.
    fn tests(&self) -> Tests {
        let has_prefix = |prefix| self.name.starts_with(prefix);
        if ["EA-", "SCC-"].into_iter().any(has_prefix) {
            AUTHENTICATOR_TESTS
        } else if has_prefix("WIO-") && FOLDERS.iter().any(|folder| self.file.starts_with(folder)) {
            ORIGIN_TESTS
        } else {
            HANDSHAKE_TESTS
        }
    }

    /// The source with the mutation.
    fn of(&self, real: &Tree) -> Result<Tree> {
        let mut tree = real.clone();
        let file = tree.get_mut(self.file).ok_or_else(|| format!("there is no {}", self.file))?;
        let mut text = String::from_utf8(file.clone())?;
        let place = place::find(&text, self.item, self.from)
            .map_err(|err| format!("{}: in {}, {err}", self.name, self.file))?;
        text.replace_range(place, self.to);
        *file = text.into_bytes();
        Ok(tree)
    }
}

/// A copy of the repository, so that the original is not changed.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make(repository: &Path) -> Result<Self> {
        let place = repository.join("target/mutants");
        let root = place.join("copy");
        let _ = fs::remove_dir_all(&root);
        let files =
            git(repository, ["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        for name in files.split('\0').filter(|name| !name.is_empty()) {
            // Git also lists files that are deleted, but not committed yet.
            if let Ok(text) = fs::read(repository.join(name)) {
                write_tree(&Tree::from([(name.to_owned(), text)]), &root)?;
            }
        }
        Ok(Self { root, target: place.join("build") })
    }

    /// Writes all files of `source`, and for the patched rustls a build script that
    /// generates nothing.
    fn build_from(&self, source: &Tree) -> Result<()> {
        let mut files = Tree::from([("rustls/build.rs".to_owned(), BUILD_SCRIPT.into())]);
        for (name, text) in source {
            let is_ours = FOLDERS.iter().any(|folder| name.starts_with(folder));
            let name = if is_ours { name.clone() } else { format!("rustls/{name}") };
            files.insert(name, text.clone());
        }
        // Files without changes are not written, so that they are not built again.
        files.retain(|name, text| fs::read(self.root.join(name)).ok().as_ref() != Some(text));
        Ok(write_tree(&files, &self.root)?)
    }

    /// Runs the tests with this source, and returns those that fail.
    fn test(&self, source: &Tree, tests: Tests) -> Result<BTreeSet<String>> {
        self.build_from(source)?;
        let mut failing = BTreeSet::new();
        for tests in tests {
            let output = crate::cargo()
                .current_dir(&self.root)
                .args(["test", "--no-fail-fast", "--color", "never"])
                .args(tests)
                .env("CARGO_TARGET_DIR", &self.target)
                .env("MODEL_SEQUENCES", SEQUENCES)
                .env_remove("MODEL_SEED")
                .output()?;
            let said = String::from_utf8_lossy(&output.stdout);
            failing.extend(
                said.lines()
                    .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
                    .map(str::to_owned),
            );
            if !output.status.success() && failing.is_empty() {
                let why = String::from_utf8_lossy(&output.stderr);
                return Err(format!("the tests cannot be run:\n{why}").into());
            }
        }
        Ok(failing)
    }
}

fn list_of(names: &BTreeSet<String>) -> String {
    Vec::from_iter(names.iter().map(String::as_str)).join(", ")
}

fn lines_of(names: &BTreeSet<String>) -> String {
    Vec::from_iter(names.iter().map(|name| format!("            {name}"))).join("\n")
}
