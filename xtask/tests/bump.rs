//! The series is carried to another release, stops at a conflict, and learns from its resolution.

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Repository, first_patch, stderr, succeeds};
use rustls_source::{PRISTINE_VARIABLE, Tree, VERSION, pristine_root, read_tree, write_tree};
use tempfile::TempDir;

mod common;

/// The version of a release that nobody published.
const OTHER: &str = "99.0.0";

/// A repository with all that a bump changes.
fn repository() -> Repository {
    let repository = Repository::new();
    let real = xtask::repository();
    for name in ["rustls-pristine/Cargo.toml", "rustls-source/src/pristine.rs"] {
        let text = fs::read(real.join(name)).unwrap();
        write_tree(&Tree::from([(name.into(), text)]), &repository.path(".")).unwrap();
    }
    // Those of the real repository are for other releases.
    let _ = fs::remove_dir_all(repository.path("rustls/resolutions"));
    let lock = format!(
        "version = 4\n\n[[package]]\nname = \"rustls\"\nversion = \"{VERSION}\"\n\n[[package]]\nname = \
         \"rustls-pristine\"\nversion = \"{VERSION}\"\n"
    );
    fs::write(repository.path("Cargo.lock"), lock).unwrap();
    fs::write(repository.path(".gitignore"), "/target\n").unwrap();
    fs::write(repository.path("CHANGELOG.md"), format!("rustls {VERSION}, once\n")).unwrap();
    xtask::git(&repository.path("."), ["init", "--quiet"]).unwrap();
    repository
}

/// The first file and line of upstream's that a patch shows: a line just before a change.
fn first_place(repository: &Repository) -> (String, usize) {
    let patch = fs::read_to_string(repository.path(&first_patch(repository))).unwrap();
    let file = patch.lines().find_map(|line| line.strip_prefix("+++ b/")).unwrap();
    let range = patch.lines().find_map(|line| line.strip_prefix("@@ -")).unwrap();
    let start = range.split([',', ' ']).next().unwrap();
    (file.to_owned(), start.parse().unwrap())
}

/// A release that differs from the pinned one in a line.
fn release(file: &str, line: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut tree = read_tree(&pristine_root().unwrap()).unwrap();
    let manifest = String::from_utf8(tree["Cargo.toml"].clone()).unwrap();
    let (from, to) = (format!("\nversion = \"{VERSION}\"\n"), format!("\nversion = \"{OTHER}\"\n"));
    assert!(manifest.contains(&from));
    tree.insert("Cargo.toml".into(), manifest.replacen(&from, &to, 1).into());
    let text = String::from_utf8(tree[file].clone()).unwrap();
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    lines[line - 1] = "// upstream changed this line\n";
    tree.insert(file.into(), lines.concat().into());
    write_tree(&tree, folder.path()).unwrap();
    folder
}

fn bump(repository: &Repository, release: &Path) -> Output {
    let mut xtask = repository.xtask(&["bump", OTHER, "--no-test", "--source"]);
    xtask.arg(release).output().unwrap()
}

/// Keeps the patch's side of each conflict.
fn resolve(path: &Path) {
    let mut kept = String::new();
    let mut is_kept = true;
    for line in fs::read_to_string(path).unwrap().split_inclusive('\n') {
        match line {
            _ if line.starts_with("<<<<<<< ") => is_kept = false,
            "=======\n" => is_kept = true,
            _ if line.starts_with(">>>>>>> ") => {}
            _ if is_kept => kept.push_str(line),
            _ => {}
        }
    }
    fs::write(path, kept).unwrap();
}

fn without_resolutions(repository: &Repository) -> Tree {
    let mut tree = read_tree(&repository.path(".")).unwrap();
    let left_out = [".git/", "target/", "rustls/resolutions/"];
    tree.retain(|name, _| !left_out.iter().any(|it| name.starts_with(it)));
    tree
}

#[test]
fn a_conflict_names_its_hunk_and_stops_and_its_resolution_is_replayed() {
    let repository = repository();
    let before = without_resolutions(&repository);
    let (file, line) = first_place(&repository);
    let release = release(&file, line);

    // The report names the patch, the place and the hunk, and nothing of the repository has changed.
    let mut output = bump(&repository, release.path());
    let problem = stderr(&output);
    let patch = first_patch(&repository);
    let name = patch.strip_prefix("rustls/patches/").unwrap();
    assert!(problem.starts_with("error: patch 1 of "), "{problem}");
    assert!(problem.contains(&format!("\nconflict: {name}\n  {file}:")), "{problem}");
    assert!(problem.contains("\n  hunk 1 of "), "{problem}");
    assert!(problem.contains(&format!(" for {file}:\n    @@ -{line},")), "{problem}");
    assert!(problem.contains("cargo xtask rustls bump --continue"), "{problem}");
    assert!(without_resolutions(&repository) == before);
    let again = bump(&repository, release.path());
    assert!(stderr(&again).contains("has a series that is being carried"), "{}", stderr(&again));

    // It does not go on with conflict markers.
    let go_on = || repository.xtask(&["bump", "--continue", "--no-test"]).output().unwrap();
    let marked = go_on();
    assert!(!marked.status.success());
    let expected = format!("conflict markers remain in target/rustls-bump: {file}:");
    assert!(stderr(&marked).contains(&expected), "{}", stderr(&marked));

    // Other patches may meet the same line.
    for _ in 0..50 {
        if output.status.success() {
            break;
        }
        resolve(&repository.path("target/rustls-bump").join(&file));
        output = go_on();
    }
    assert!(output.status.success(), "{}", stderr(&output));
    let there = without_resolutions(&repository);
    let resolutions = read_tree(&repository.path("rustls/resolutions")).unwrap();
    assert!(!resolutions.is_empty());

    // Every place names the release, except what tells of the past.
    for (name, text) in &there {
        if name != "CHANGELOG.md" && !name.starts_with("rustls/patches/") {
            assert!(!String::from_utf8_lossy(text).contains(VERSION), "{name}");
        }
    }
    assert_eq!(there["CHANGELOG.md"], before["CHANGELOG.md"]);

    // Back, byte for byte.
    let mut back = repository.xtask(&["bump", VERSION, "--no-test", "--source"]);
    back.arg(pristine_root().unwrap()).env(PRISTINE_VARIABLE, release.path());
    succeeds(back);
    assert!(without_resolutions(&repository) == before);

    // There again, without a question and without a new resolution.
    let output = bump(&repository, release.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("{name}: {file} by a recorded resolution")), "{said}");
    assert!(said.contains("\n0 resolutions recorded\n"), "{said}");
    assert!(without_resolutions(&repository) == there);
    assert!(read_tree(&repository.path("rustls/resolutions")).unwrap() == resolutions);
}

#[test]
fn a_commit_that_is_changed_by_hand_is_replayed_too() {
    let repository = repository();
    // No patch changes this file: no conflict.
    let release = release("LICENSE-ISC", 1);
    let before = without_resolutions(&repository);
    let clean = bump(&repository, release.path());
    assert!(clean.status.success(), "{}", stderr(&clean));
    assert!(!repository.path("rustls/resolutions").exists());
    let automatic = without_resolutions(&repository);
    let mut back = repository.xtask(&["bump", VERSION, "--no-test", "--source"]);
    back.arg(pristine_root().unwrap()).env(PRISTINE_VARIABLE, release.path());
    succeeds(back);
    assert!(without_resolutions(&repository) == before);

    // Nothing compiles without cargo; the commits wait for a change.
    let mut xtask = repository.xtask(&["bump", OTHER, "--source"]);
    xtask.arg(release.path()).env("CARGO", "/no/such/cargo");
    let problem = stderr(&xtask.output().unwrap());
    assert!(problem.contains("the patched source does not compile"), "{problem}");
    assert!(without_resolutions(&repository) == before);
    let tree = repository.path("target/rustls-bump");
    let path = tree.join("src/rand.rs");
    fs::write(&path, fs::read_to_string(&path).unwrap() + "// needed in this release\n").unwrap();
    let dirty = repository.xtask(&["bump", "--continue", "--no-test"]).output().unwrap();
    assert!(stderr(&dirty).contains("changes that are not committed"), "{}", stderr(&dirty));
    xtask::git(&tree, ["commit", "--quiet", "--all", "--amend", "--no-edit"]).unwrap();
    succeeds(repository.xtask(&["bump", "--continue", "--no-test"]));
    let by_hand = without_resolutions(&repository);
    assert!(by_hand != automatic);

    let mut back = repository.xtask(&["bump", VERSION, "--no-test", "--source"]);
    back.arg(pristine_root().unwrap()).env(PRISTINE_VARIABLE, release.path());
    succeeds(back);
    assert!(without_resolutions(&repository) == before);
    let output = bump(&repository, release.path());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(without_resolutions(&repository) == by_hand);
}

#[test]
fn a_bump_can_be_aborted_and_what_cannot_be_bumped_is_refused() {
    let repository = repository();
    let before = without_resolutions(&repository);
    let refused = |args: &[&str], why: &str| {
        let output = repository.xtask(args).output().unwrap();
        assert!(!output.status.success());
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    };
    refused(&["bump", VERSION], "is the release that the repository has");
    refused(&["bump", "--continue"], "there is nothing to go on with");
    refused(&["bump", "--check"], "has no resolution for another release");
    let pristine = pristine_root().unwrap();
    let there = pristine.display().to_string();
    refused(&["bump", OTHER, "--source", &there], &format!("has {VERSION}, not rustls {OTHER}"));

    let (file, line) = first_place(&repository);
    let release = release(&file, line);
    assert!(!bump(&repository, release.path()).status.success());
    succeeds(repository.xtask(&["bump", "--abort"]));
    refused(&["bump", "--continue"], "there is nothing to go on with");
    assert!(without_resolutions(&repository) == before);

    succeeds(repository.xtask(&["edit"]));
    let edited = repository.path("target/rustls-edit/src/rand.rs");
    fs::write(&edited, "").unwrap();
    refused(&["bump", OTHER], "target/rustls-edit has work that is not saved");
}
