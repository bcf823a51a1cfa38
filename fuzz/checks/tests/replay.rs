//! Runs the fuzz targets with all seeds and regressions.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use fuzz_checks::{TARGETS, Target};

/// A folder of the repository.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// The files in a folder, by name; none if the folder does not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    files
}

fn names(folder: &Path) -> BTreeSet<String> {
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files(folder).iter().map(name).collect()
}

/// The inputs of a target: its seeds and its regressions.
fn inputs(target: &Target) -> Vec<PathBuf> {
    let mut inputs = files(&folder("fuzz/seeds").join(target.name));
    inputs.extend(files(&folder("fuzz/regressions").join(target.name)));
    if target.hellos {
        let corpus = files(&folder("rustls-ext-wire/corpus"));
        inputs.extend(corpus.into_iter().filter(|file| file.extension() == Some("bin".as_ref())));
    }
    inputs
}

/// The inputs for which a check fails.
fn replay(check: fn(&[u8]), inputs: Vec<PathBuf>) -> Vec<PathBuf> {
    let fails = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        catch_unwind(|| check(&bytes)).is_err()
    };
    inputs.into_iter().filter(fails).collect()
}

#[test]
fn seeds_and_regressions_pass() {
    for target in TARGETS {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "no seeds for {}", target.name);
        let failed = replay(target.check, inputs);
        assert!(failed.is_empty(), "{}: {failed:?}", target.name);
    }
}

#[test]
fn an_input_that_fails_is_named() {
    fn any_other(bytes: &[u8]) {
        assert_ne!(bytes, [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "the failing input");
    }
    let flags = TARGETS.iter().find(|target| target.name == "flags").unwrap();
    let seed = folder("fuzz/seeds/flags/flag_80");
    assert_eq!(replay(any_other, inputs(flags)), [seed]);
}

#[test]
fn folders_and_programs_are_named_after_targets() {
    let targets = TARGETS.iter().map(|target| target.name.to_owned()).collect::<BTreeSet<_>>();
    let programs = names(&folder("fuzz/fuzz_targets"));
    assert!(targets.is_subset(&programs), "targets without a program: {:?}", &targets - &programs);
    for folder in ["fuzz/seeds", "fuzz/regressions"].map(folder) {
        let unknown = &names(&folder) - &programs;
        assert!(unknown.is_empty(), "{}: {unknown:?} are not targets", folder.display());
    }
}
