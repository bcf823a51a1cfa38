//! The patched source is made from what is pinned, or not at all.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use common::{Repository, first_patch, stderr, succeeds};
use xtask::generate::{self, Outcome, Tree};

mod common;

#[test]
fn a_current_source_is_left_alone() {
    let repository = Repository::new();
    assert_eq!(repository.generate(), Ok(Outcome::Written));
    let stamp = repository.path("rustls/gen/stamp");
    let made = fs::metadata(&stamp).unwrap().modified().unwrap();
    // not even cargo is asked, or this would fail
    fs::remove_file(repository.path("rustls/pristine/Cargo.toml")).unwrap();
    assert_eq!(repository.generate(), Ok(Outcome::Current));
    assert_eq!(fs::metadata(&stamp).unwrap().modified().unwrap(), made);
    assert!(made < fs::metadata(repository.path("rustls/build.rs")).unwrap().modified().unwrap());
}

#[test]
fn what_is_gone_comes_back() {
    let repository = Repository::new();
    repository.generate().unwrap();
    let whole = generate::read_tree(&repository.path("rustls/gen")).unwrap();
    fs::remove_file(repository.path("rustls/gen/src/lib.rs")).unwrap();
    assert_eq!(repository.generate(), Ok(Outcome::Overwritten));
    assert!(generate::read_tree(&repository.path("rustls/gen")).unwrap() == whole);
    // cargo, which looks at folders as well, finds nothing newer than the build script's run
    let made = fs::metadata(repository.path("rustls/gen/stamp")).unwrap().modified().unwrap();
    for folder in ["rustls/gen", "rustls/gen/src", "rustls/gen/src/client"] {
        assert_eq!(fs::metadata(repository.path(folder)).unwrap().modified().unwrap(), made);
    }
    fs::remove_dir_all(repository.path("rustls/gen")).unwrap();
    assert_eq!(repository.generate(), Ok(Outcome::Written));
    assert!(generate::read_tree(&repository.path("rustls/gen")).unwrap() == whole);
}

#[test]
fn what_is_changed_by_hand_is_made_anew() {
    let repository = Repository::new();
    repository.generate().unwrap();
    let before = fs::read(repository.path("rustls/gen/src/lib.rs")).unwrap();
    repository.replace("rustls/gen/src/lib.rs", "pub mod client", "mod client");
    assert_eq!(repository.generate(), Ok(Outcome::Overwritten));
    assert_eq!(fs::read(repository.path("rustls/gen/src/lib.rs")).unwrap(), before);

    // a file too many, and at the same time another series
    fs::write(repository.path("rustls/gen/src/mine.rs"), "").unwrap();
    fs::write(repository.path("rustls/src/idea.rs"), "// all ours\n").unwrap();
    assert_eq!(repository.generate(), Ok(Outcome::Overwritten));
    assert!(!repository.path("rustls/gen/src/mine.rs").exists());
    assert!(repository.path("rustls/gen/src/idea.rs").exists());
    assert_eq!(repository.generate(), Ok(Outcome::Current));
}

#[test]
fn nobody_finds_a_file_missing_while_the_source_is_replaced() {
    let repository = Repository::new();
    repository.generate().unwrap();
    let ours = repository.path("rustls/src/idea.rs");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) || reads == 0 {
                let lib = fs::read_to_string(repository.path("rustls/gen/src/lib.rs")).unwrap();
                assert!(lib.contains("pub mod client"));
                reads += 1;
            }
        });
        for round in 0..3 {
            fs::write(&ours, format!("// idea {round}\n")).unwrap();
            let checks = [(); 2].map(|()| scope.spawn(|| succeeds(repository.xtask(&["check"]))));
            checks.into_iter().for_each(|check| drop(check.join().unwrap()));
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(repository.generate(), Ok(Outcome::Current));
}

#[test]
fn a_tampered_patch_is_an_error_that_says_what_to_do() {
    let repository = Repository::new();
    let patch = first_patch(&repository);
    let name = patch.rsplit('/').next().unwrap();
    // a line of context that upstream does not have
    repository.replace(&patch, "\n use ", "\n use no::such::line; use ");
    let problem = repository.generate().unwrap_err();
    assert!(problem.starts_with(&format!("{name} cannot be applied: in src/")), "{problem}");
    assert!(problem.contains("git checkout rustls/patches"), "{problem}");
    assert!(problem.contains("cargo xtask rustls edit"), "{problem}");
    assert!(!repository.path("rustls/gen").exists(), "nothing half-made is left");

    fs::write(repository.path(&patch), "no patch at all\n").unwrap();
    let problem = repository.generate().unwrap_err();
    assert!(problem.starts_with(&format!("{name} c")), "{problem}");
}

#[test]
fn a_hunk_is_applied_where_it_says_or_not_at_all() {
    let patch =
        |at: &str| format!("diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -{at} +{at} @@\n x\n-y\n+z\n");
    let apply = |text: &str| {
        let mut tree = Tree::from([("f".to_owned(), b"x\ny\nx\ny\n".to_vec())]);
        generate::apply(&mut tree, "0001", text.as_bytes()).map(|()| tree["f"].clone())
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
        let problem = generate::apply(&mut tree, "0001", text.as_bytes()).unwrap_err();
        assert!(problem.0.contains("it does more than to change files"), "{problem}");
    }
}

#[test]
fn a_series_that_is_gone_is_an_error() {
    let repository = Repository::new();
    fs::remove_dir_all(repository.path("rustls/patches")).unwrap();
    let problem = repository.generate().unwrap_err();
    assert!(problem.starts_with("cannot read") && problem.contains("rustls/patches"), "{problem}");
    assert!(problem.contains("If it belongs to the repository, check that out again"), "{problem}");
    fs::create_dir(repository.path("rustls/patches")).unwrap();
    let problem = repository.generate().unwrap_err();
    assert!(problem.contains("check the repository out again"), "{problem}");
}

#[test]
fn another_pristine_source_is_an_error_that_says_what_to_do() {
    let repository = Repository::new();
    let pin = fs::read_to_string(repository.path("rustls/pristine/tree.sha256")).unwrap();
    let zeros = "0".repeat(64);
    fs::write(repository.path("rustls/pristine/tree.sha256"), &zeros).unwrap();
    let problem = repository.generate().unwrap_err();
    assert!(problem.contains("is not that of rustls 0.23.46 as published"), "{problem}");
    assert!(problem.contains(pin.trim()) && problem.contains(&zeros), "{problem}");
    assert!(problem.contains("do not build from it"), "{problem}");
}

#[test]
fn another_checksum_is_an_error_that_says_what_to_do() {
    let repository = Repository::new();
    let lock = fs::read_to_string(repository.path("rustls/pristine/Cargo.lock")).unwrap();
    let (_, after) = lock.split_once("name = \"rustls\"\n").unwrap();
    let (_, after) = after.split_once("checksum = \"").unwrap();
    let (checksum, _) = after.split_once('"').unwrap();
    repository.replace("rustls/pristine/Cargo.lock", checksum, &"0".repeat(64));
    let problem = repository.generate().unwrap_err();
    assert!(problem.contains("is not the published one"), "{problem}");
    assert!(problem.contains("git checkout rustls/pristine"), "{problem}");
}

#[test]
fn neither_network_nor_crate_is_an_error_that_says_what_to_do() {
    let repository = Repository::new();
    let home = tempfile::tempdir().unwrap();
    let mut pin = repository.xtask(&["pin"]);
    pin.env("CARGO_HOME", home.path()).env("CARGO_NET_OFFLINE", "true");
    let output = pin.output().unwrap();
    assert!(!output.status.success());
    let problem = stderr(&output);
    assert!(problem.starts_with("error: cargo has no rustls 0.23.46"), "{problem}");
    assert!(problem.contains("cargo fetch --locked --manifest-path"), "{problem}");
    assert!(problem.contains("RUSTLS_EXT_PRISTINE"), "{problem}");
}

#[test]
fn a_cargo_that_cannot_be_run_is_an_error_that_says_what_to_do() {
    let repository = Repository::new();
    let output = repository.xtask(&["pin"]).env("CARGO", "/no/such/cargo").output().unwrap();
    let problem = stderr(&output);
    assert!(problem.contains("it cannot be run"), "{problem}");
    assert!(problem.contains("Build with cargo, or name it in"), "{problem}");
}

#[test]
fn an_inner_cargo_does_not_see_the_flags_of_the_build() {
    let repository = Repository::new();
    for (variable, value) in [
        ("RUSTFLAGS", "--no-such-flag"),
        ("CARGO_ENCODED_RUSTFLAGS", "--no-such-flag"),
        ("CARGO_BUILD_RUSTFLAGS", "--no-such-flag"),
        ("RUSTC_WRAPPER", "/no/such/wrapper"),
        ("CARGO_BUILD_RUSTC_WRAPPER", "/no/such/wrapper"),
        ("RUSTC_WORKSPACE_WRAPPER", "/no/such/wrapper"),
        ("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"),
        ("CARGO_TARGET_DIR", "/no/such/folder"),
        ("CARGO_NET_OFFLINE", "true"),
        ("HOST", "a-name-that-shells-set"),
    ] {
        let mut pin = repository.xtask(&["pin"]);
        pin.env(variable, value);
        succeeds(pin);
    }
}

#[test]
fn an_unpacked_crate_stands_in_for_cargo_if_it_is_the_right_one() {
    let repository = Repository::new();
    let root = generate::pristine_root(&repository.layout().pristine).unwrap();
    let home = tempfile::tempdir().unwrap();
    let check = |root: &Path| {
        let mut check = repository.xtask(&["check"]);
        check.env("RUSTLS_EXT_PRISTINE", root);
        check.env("CARGO_HOME", home.path()).env("CARGO_NET_OFFLINE", "true");
        check
    };
    succeeds(check(&root));

    let copy = tempfile::tempdir().unwrap();
    for (name, text) in generate::pristine_files(&root).unwrap() {
        let path = copy.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::remove_dir_all(repository.path("rustls/gen")).unwrap();
    let output = check(&copy.path().join("src")).output().unwrap();
    assert!(stderr(&output).contains("there is no src/lib.rs"), "{}", stderr(&output));
    fs::write(copy.path().join("src/rand.rs"), "// another source\n").unwrap();
    let output = check(copy.path()).output().unwrap();
    assert!(stderr(&output).contains("is not that of rustls 0.23.46 as published"));
}

#[test]
fn builds_at_the_same_time_do_not_get_in_each_others_way() {
    let repository = Repository::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| succeeds(repository.xtask(&["check"])));
        }
    });
    assert_eq!(repository.generate(), Ok(Outcome::Current));
    let left: Vec<_> = fs::read_dir(repository.path("rustls"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("gen."))
        .collect();
    assert_eq!(left, [""; 0]);
}
