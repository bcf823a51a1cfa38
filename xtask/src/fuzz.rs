//! A round of fuzzing: runs every target in turn, and prints a table of the results.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use command_line::Progress;

use crate::Result;

mod output;

pub use output::FuzzOutput;

/// A program in `fuzz/fuzz_targets`, and how to run it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// The most bytes that an input is worth having.
    longest: usize,
    /// Its dictionary.
    words: Option<&'static str>,
    /// Whether recorded ClientHellos are inputs, too.
    hellos: bool,
    /// How to build it.
    build: Build,
}

/// How to build a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    /// Without a sanitizer: all code is safe Rust, except inside ring and the standard library, and
    /// it runs several times as fast.
    Plain,
    /// With BoringSSL and s2n-tls, which need minutes, cmake, clang and libclang-dev to build.
    WithPeers,
    /// With AddressSanitizer.
    Sanitized,
}

const fn target(name: &'static str, longest: usize, words: Option<&'static str>) -> Target {
    Target { name, longest, words, hellos: false, build: Build::Plain }
}

const fn of_hellos(name: &'static str) -> Target {
    Target { hellos: true, ..target(name, 2300, Some("hello")) }
}

const fn sanitized(name: &'static str, longest: usize, words: Option<&'static str>) -> Target {
    Target { build: Build::Sanitized, ..target(name, longest, words) }
}

const fn with_peers(name: &'static str) -> Target {
    Target { build: Build::WithPeers, ..target(name, 2300, Some("hello")) }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("flags", 264, Some("flags")),
    target("origins", 600, Some("origins")),
    of_hellos("scan"),
    with_peers("scan_peers"),
    target("scan_pieces", 2300, Some("hello")),
    of_hellos("acceptor"),
    target("negotiation", 256, Some("flags")),
    target("challenge", 1024, Some("challenge")),
    target("sessions", 512, None),
    target("authenticator", 512, None),
    target("secondary_exchange", 512, None),
    target("secondary_http2", 1024, None),
    target("secondary_peer", 256, None),
    target("tickets", 4096, None),
    target("handshake_client", 256, Some("handshake")),
    target("handshake_server", 256, Some("handshake")),
    target("handshake_tls12", 128, None),
    sanitized("capi", 4096, Some("hello")),
];

/// Builds and runs the chosen targets, for this many seconds each. Without a choice, it runs all targets,
/// those with other libraries only if `peers` is set.
///
/// # Errors
/// If a target finds something, or one cannot be built or run.
pub fn run(repository: &Path, seconds: u32, chosen: &[String], peers: bool) -> Result<()> {
    let targets = choose(chosen, peers)?;
    let folder = repository.join("fuzz");
    let mut findings = 0;
    let mut table = vec![FuzzOutput::HEADING.to_owned()];
    let progress = Progress::new("targets", targets.len());
    for target in targets {
        progress.doing(target.name);
        let program = build(&folder, target)?;
        progress.emit(format!("{}: {seconds} s\n", target.name));
        let said = round(&folder, &program, target, seconds)?;
        findings += said.findings.len();
        table.push(said.row(target.name));
        for finding in &said.findings {
            progress.emit(format!("{}: {}\n{}\n", target.name, finding.display(), said.reason));
        }
        progress.step();
    }
    drop(progress);
    println!("{}", table.join("\n"));
    match findings {
        0 => Ok(()),
        _ => Err(format!(
            "{findings} inputs fail: fix the defects, and move the inputs to \
             fuzz/regressions/TARGET, where `cargo test -p fuzz-checks` runs them"
        )
        .into()),
    }
}

fn choose(chosen: &[String], peers: bool) -> Result<Vec<&'static Target>> {
    if chosen.is_empty() {
        let all = TARGETS.iter();
        return Ok(all.filter(|target| peers || target.build != Build::WithPeers).collect());
    }
    let find = |name: &String| {
        let names = TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
        let found = TARGETS.iter().find(|target| target.name == name);
        found.ok_or_else(|| format!("there is no target {name}: there are {names}").into())
    };
    chosen.iter().map(find).collect()
}

/// Builds a target, and returns its program.
fn build(folder: &Path, target: &Target) -> Result<PathBuf> {
    let triple = host()?;
    let (sanitizer, built) = match target.build {
        Build::Plain | Build::WithPeers => ("none", folder.join("target")),
        // Its compiler flags differ, so it does not share artifacts.
        Build::Sanitized => ("address", folder.join("target/sanitized")),
    };
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(folder)
        .args(["+nightly", "fuzz", "build", "--sanitizer", sanitizer, "--target", &triple])
        .arg("--target-dir")
        .arg(&built);
    if target.build == Build::WithPeers {
        cargo.args(["--features", "peers"]);
    }
    crate::forget_package(&mut cargo);
    let status = cargo
        .arg(target.name)
        // The variables of the running cargo do not apply to another toolchain.
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .status()
        .map_err(|err| format!("cannot run cargo: {err}"))?;
    if status.success() {
        Ok(built.join(triple).join("release").join(target.name))
    } else {
        Err(format!(
            "cannot build {}: this needs `rustup toolchain install nightly` and \
             `cargo install cargo-fuzz --locked`",
            target.name
        )
        .into())
    }
}

/// The platform that this runs on.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let output = String::from_utf8(output.stdout)?;
    let host = output.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not print its host platform")?.to_owned())
}

/// Runs a target. It writes its corpus for the next round to `fuzz/corpus`.
fn round(folder: &Path, program: &Path, target: &Target, seconds: u32) -> Result<FuzzOutput> {
    let corpus = folder.join("corpus").join(target.name);
    let artifacts = folder.join("artifacts").join(target.name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let mut fuzzer = Command::new(program);
    fuzzer.arg(format!("-max_total_time={seconds}"));
    fuzzer.arg(format!("-max_len={}", target.longest));
    fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
    fuzzer.args(["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=1024"]);
    if let Some(words) = target.words {
        let words = folder.join("dictionaries").join(words).with_extension("dict");
        fuzzer.arg(format!("-dict={}", words.display()));
    }
    fuzzer.arg(corpus);
    let seeds = ["seeds", "regressions"].map(|kind| folder.join(kind).join(target.name));
    fuzzer.args(seeds.iter().filter(|seeds| seeds.is_dir()));
    if target.hellos {
        fuzzer.arg(folder.join("../rustls-ext-wire/corpus"));
    }
    let done = fuzzer.output().map_err(|err| format!("{}: {err}", program.display()))?;
    let said = FuzzOutput::of(&String::from_utf8_lossy(&done.stderr));
    if done.status.success() == said.findings.is_empty() {
        Ok(said)
    } else {
        Err(format!("{}: {}", target.name, said.reason).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &str) -> Vec<String> {
        let folder = crate::repository().join("fuzz").join(folder);
        let stem = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()
        };
        let mut names = fs::read_dir(folder).unwrap().map(stem).collect::<Vec<_>>();
        names.sort();
        names
    }

    #[test]
    fn no_program_is_left_out_and_each_dictionary_is_used() {
        let mut targets = TARGETS.iter().map(|target| target.name).collect::<Vec<_>>();
        targets.sort();
        assert_eq!(names("fuzz_targets"), targets);
        let mut words = TARGETS.iter().filter_map(|target| target.words).collect::<Vec<_>>();
        words.sort();
        words.dedup();
        assert_eq!(names("dictionaries"), words);
    }

    #[test]
    fn targets_with_other_libraries_are_built_on_request_only() {
        let has_peers =
            |targets: Vec<&Target>| targets.iter().any(|target| target.name == "scan_peers");
        assert!(!has_peers(choose(&[], false).unwrap()));
        assert!(has_peers(choose(&[], true).unwrap()));
        assert!(has_peers(choose(&["scan_peers".into()], false).unwrap()));
        let error = choose(&["scna".into()], false).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no target scna: there are flags, origins, scan"),
            "{error}"
        );
    }
}
