//! The patched source is made from what is pinned, or not at all; and the series survives editing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{fs, thread};

use tempfile::TempDir;
use xtask::generate::{self, Layout, Outcome};

/// A repository with nothing but the patched rustls in it, to be spoiled.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rustls = xtask::repository().join("rustls");
        for (name, text) in generate::read_tree(&rustls).unwrap() {
            if !name.starts_with("gen/") {
                let path = folder.path().join("rustls").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn layout(&self) -> Layout {
        Layout::patched(&self.path("rustls"))
    }

    fn generate(&self) -> Result<Outcome, String> {
        generate::generate(&self.layout()).map_err(|problem| problem.0)
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    fn xtask(&self, args: &[&str]) -> Command {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.arg("--repository").arg(self.0.path()).arg("rustls").args(args);
        xtask.stdin(Stdio::null());
        xtask
    }
}

fn first_patch(repository: &Repository) -> String {
    let patches = generate::series(&repository.path("rustls/patches")).unwrap();
    format!("rustls/patches/{}", patches[0].0)
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

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
fn a_series_that_is_gone_is_an_error() {
    let repository = Repository::new();
    fs::remove_dir_all(repository.path("rustls/patches")).unwrap();
    let problem = repository.generate().unwrap_err();
    assert!(problem.contains("patches"), "{problem}");
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
    fs::write(copy.path().join("src/rand.rs"), "// another source\n").unwrap();
    fs::remove_dir_all(repository.path("rustls/gen")).unwrap();
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

#[test]
fn editing_and_saving_nothing_changes_nothing() {
    let repository = Repository::new();
    let before = generate::read_tree(&repository.path("rustls")).unwrap();
    succeeds(repository.xtask(&["edit"]));
    let said = succeeds(repository.xtask(&["save"]));
    assert!(said.starts_with("0 files"), "{said}");
    assert!(generate::read_tree(&repository.path("rustls")).unwrap() == before);
}

#[test]
fn an_edit_is_saved_as_a_patch_and_a_new_file_whole() {
    let repository = Repository::new();
    succeeds(repository.xtask(&["edit"]));
    let tree = repository.path("target/rustls-edit");
    let lib = tree.join("src/rand.rs");
    fs::write(&lib, fs::read_to_string(&lib).unwrap() + "// an idea\n").unwrap();
    fs::write(tree.join("src/idea.rs"), "// all ours\n").unwrap();

    // nothing is lost on the way
    let output = repository.xtask(&["save"]).output().unwrap();
    assert!(stderr(&output).contains("changes that are not committed"));
    let output = repository.xtask(&["edit"]).output().unwrap();
    assert!(stderr(&output).contains("changes that are not committed"));
    xtask::git(&tree, ["add", "--all"]).unwrap();
    xtask::git(&tree, ["commit", "--quiet", "--message", "Have an idea"]).unwrap();
    let output = repository.xtask(&["edit"]).output().unwrap();
    assert!(stderr(&output).contains("commits that are not saved"));

    succeeds(repository.xtask(&["save"]));
    let series = generate::series(&repository.path("rustls/patches")).unwrap();
    let (name, text) = series.last().unwrap();
    assert!(name.ends_with("-Have-an-idea.patch"), "{name}");
    let text = String::from_utf8(text.clone()).unwrap();
    assert!(text.contains("\n+// an idea\n") && !text.contains("all ours"), "{text}");
    assert_eq!(fs::read(repository.path("rustls/src/idea.rs")).unwrap(), b"// all ours\n");
    repository.generate().unwrap();
    assert!(repository.path("rustls/gen/src/idea.rs").exists());

    // a file of upstream's needs its reason
    let output = repository.xtask(&["check"]).output().unwrap();
    assert!(stderr(&output).contains("no reason for the change of src/rand.rs"));
}
