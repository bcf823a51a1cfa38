//! The patched source is made from the pinned source, or not at all.

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Repository, first_patch, stderr, succeeds};
use rustls_source::{Tree, apply, pristine_files, pristine_root, read_tree, write_tree};

mod common;

#[test]
fn a_tampered_patch_is_an_error_that_says_what_to_do() {
    let repository = Repository::new();
    let patch = first_patch(&repository);
    let name = patch.rsplit('/').next().unwrap();
    // a line of context that upstream does not have
    repository.replace(&patch, "\n use ", "\n use no::such::line; use ");
    let problem = repository.source().unwrap_err();
    assert!(problem.starts_with(&format!("{name} cannot be applied: in src/")), "{problem}");
    assert!(problem.contains("git checkout rustls/patches"), "{problem}");
    assert!(problem.contains("cargo xtask rustls edit"), "{problem}");

    fs::write(repository.path(&patch), "no patch at all\n").unwrap();
    let problem = repository.source().unwrap_err();
    assert!(problem.starts_with(&format!("{name} c")), "{problem}");
}

#[test]
fn a_hunk_is_applied_where_it_says_or_not_at_all() {
    let patch =
        |at: &str| format!("diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -{at} +{at} @@\n x\n-y\n+z\n");
    let apply = |text: &str| {
        let mut tree = Tree::from([("f".to_owned(), b"x\ny\nx\ny\n".to_vec())]);
        apply(&mut tree, "0001", text.as_bytes()).map(|()| tree["f"].clone())
    };
    assert_eq!(apply(&patch("1,2")).unwrap(), b"x\nz\nx\ny\n");
    assert_eq!(apply(&patch("3,2")).unwrap(), b"x\ny\nx\nz\n");
    // there are two places that fit, and this is neither
    let problem = apply(&patch("2,2")).unwrap_err();
    assert!(
        problem.0.starts_with("0001 cannot be applied: in f, line 2 is not \"x\""),
        "{problem}"
    );
    let problem = apply(&patch("9,2")).unwrap_err();
    assert!(problem.0.contains("in f, line 9 is not \"x\""), "{problem}");
    // two hunks, the second of which goes back
    let twice = patch("3,2") + "@@ -1,2 +1,2 @@\n x\n-y\n+z\n";
    let problem = apply(&twice).unwrap_err();
    assert!(problem.0.contains("hunks not in order"), "{problem}");
}

#[test]
fn a_patch_that_adds_or_removes_a_file_is_an_error() {
    for (mode, from, to, hunk) in [
        ("new file", "/dev/null", "b/g", "@@ -0,0 +1 @@\n+x\n"),
        ("deleted file", "a/g", "/dev/null", "@@ -1 +0,0 @@\n-x\n"),
    ] {
        let text = format!("diff --git a/g b/g\n{mode} mode 100644\n--- {from}\n+++ {to}\n{hunk}");
        let mut tree = Tree::from([("g".to_owned(), b"x\n".to_vec())]);
        let problem = apply(&mut tree, "0001", text.as_bytes()).unwrap_err();
        assert!(problem.0.contains("it does more than change files"), "{problem}");
    }
}

#[test]
fn a_series_that_is_gone_is_an_error() {
    let repository = Repository::new();
    fs::remove_dir_all(repository.path("rustls/patches")).unwrap();
    let problem = repository.source().unwrap_err();
    assert!(problem.starts_with("cannot read") && problem.contains("rustls/patches"), "{problem}");
    assert!(problem.contains("If it belongs to the repository, check that out again"), "{problem}");
    fs::create_dir(repository.path("rustls/patches")).unwrap();
    let problem = repository.source().unwrap_err();
    assert!(problem.contains("check the repository out again"), "{problem}");
}

#[test]
fn neither_network_nor_crate_is_an_error_that_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let mut pin = Repository::new().xtask(&["pin"]);
    pin.env("CARGO_HOME", home.path()).env("CARGO_NET_OFFLINE", "true");
    let output = pin.output().unwrap();
    assert!(!output.status.success());
    let problem = stderr(&output);
    assert!(
        problem.starts_with("error: rustls 0.23.46, which the patches are for, is not in"),
        "{problem}"
    );
    assert!(
        problem.contains("\n    cargo info --registry crates-io rustls@0.23.46\n"),
        "{problem}"
    );
    assert!(problem.contains("RUSTLS_EXT_PRISTINE"), "{problem}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_build_that_is_offline_does_not_use_the_network() {
    let home = tempfile::tempdir().unwrap();
    // The way in which cargo starts a build script: as a child of a process with these arguments.
    let run = |argument: &str| {
        let mut parent = Command::new("sh");
        parent
            .args(["-c", "\"$XTASK\" rustls pin; exit $?", "cargo", "build"])
            .args([argument, "--"]);
        parent.env("XTASK", env!("CARGO_BIN_EXE_xtask")).env("CARGO_HOME", home.path());
        // If cargo is asked all the same, this is what it says.
        parent.env("CARGO", "/no/such/cargo");
        stderr(&parent.output().unwrap())
    };
    for argument in ["--offline", "--frozen"] {
        let problem = run(argument);
        assert!(problem.contains("(it was not asked, since this build is offline)"), "{problem}");
    }
    let problem = run("--locked");
    assert!(problem.contains("it cannot be run"), "{problem}");
}

#[test]
fn a_cargo_that_cannot_be_run_is_an_error_that_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let mut pin = Repository::new().xtask(&["pin"]);
    let output =
        pin.env("CARGO", "/no/such/cargo").env("CARGO_HOME", home.path()).output().unwrap();
    let problem = stderr(&output);
    assert!(problem.contains("it cannot be run"), "{problem}");
    assert!(problem.contains("cargo info --registry crates-io"), "{problem}");
}

#[test]
fn an_inner_cargo_does_not_see_the_flags_of_the_build() {
    let home = tempfile::tempdir().unwrap();
    // An archive that is not unpacked yet, and what the index says of it, so that nothing is downloaded.
    let real = pristine_root().unwrap();
    let registry = real.parent().unwrap();
    let cargo_home = registry.ancestors().nth(3).unwrap();
    let name = Path::new(registry.file_name().unwrap());
    for part in ["cache", "index"] {
        let from = cargo_home.join("registry").join(part).join(name);
        let mut tree = match part {
            "cache" => Tree::from([(
                "rustls-0.23.46.crate".to_owned(),
                fs::read(from.join("rustls-0.23.46.crate")).unwrap(),
            )]),
            _ => read_tree(&from.join(".cache/ru/st")).unwrap(),
        };
        if part == "index" {
            tree = tree
                .into_iter()
                .map(|(name, text)| (format!(".cache/ru/st/{name}"), text))
                .collect();
            tree.insert("config.json".into(), fs::read(from.join("config.json")).unwrap());
        }
        write_tree(&tree, &home.path().join("registry").join(part).join(name)).unwrap();
    }
    for (variable, value) in [
        ("RUSTFLAGS", "--no-such-flag"),
        ("CARGO_ENCODED_RUSTFLAGS", "--no-such-flag"),
        ("CARGO_BUILD_RUSTFLAGS", "--no-such-flag"),
        ("RUSTC_WRAPPER", "/no/such/wrapper"),
        ("CARGO_BUILD_RUSTC_WRAPPER", "/no/such/wrapper"),
        ("RUSTC_WORKSPACE_WRAPPER", "/no/such/wrapper"),
        ("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"),
        ("CARGO_TARGET_DIR", "/no/such/folder"),
        ("HOST", "a-name-that-shells-set"),
    ] {
        let _ = fs::remove_dir_all(home.path().join("registry/src"));
        let mut pin = Repository::new().xtask(&["pin"]);
        pin.env(variable, value).env("CARGO_HOME", home.path()).env("CARGO_NET_OFFLINE", "true");
        succeeds(pin);
    }
}

#[test]
fn an_unpacked_crate_stands_in_for_cargo_if_it_is_the_right_one() {
    let repository = Repository::new();
    let root = pristine_root().unwrap();
    let home = tempfile::tempdir().unwrap();
    let check = |root: &Path| {
        let mut check = repository.xtask(&["check"]);
        check.env("RUSTLS_EXT_PRISTINE", root);
        check.env("CARGO_HOME", home.path()).env("CARGO_NET_OFFLINE", "true");
        check
    };
    succeeds(check(&root));

    let copy = tempfile::tempdir().unwrap();
    write_tree(&pristine_files(&root).unwrap(), copy.path()).unwrap();
    succeeds(check(copy.path()));
    let output = check(&copy.path().join("src")).output().unwrap();
    assert!(stderr(&output).contains("there is no src/lib.rs"), "{}", stderr(&output));
    fs::write(copy.path().join("src/rand.rs"), "// another source\n").unwrap();
    let output = check(copy.path()).output().unwrap();
    let problem = stderr(&output);
    assert!(
        problem.contains("is not that of rustls 0.23.46 as published: its digest is"),
        "{problem}"
    );
    assert!(problem.contains("do not build from it"), "{problem}");
}
