//! Editing keeps the series, in the form that git writes.

use std::fs;
use std::process::Command;

use common::{Repository, first_patch, stderr, succeeds};
use rustls_source::{read_tree, series};

mod common;

#[test]
fn editing_and_saving_nothing_changes_nothing() {
    let repository = Repository::new();
    let before = read_tree(&repository.path("rustls")).unwrap();
    succeeds(repository.xtask(&["edit"]));
    let said = succeeds(repository.xtask(&["save"]));
    assert!(said.starts_with("0 files"), "{said}");
    assert!(read_tree(&repository.path("rustls")).unwrap() == before);
}

#[test]
fn editing_and_saving_the_preview_changes_nothing() {
    let repository = Repository::new();
    let before = read_tree(&repository.path("rustls-next")).unwrap();
    succeeds(repository.xtask(&["edit", "--next"]));
    let said = succeeds(repository.xtask(&["save", "--next"]));
    assert!(said.starts_with("0 files of rustls-next/patches"), "{said}");
    assert!(read_tree(&repository.path("rustls-next")).unwrap() == before);

    let patch = &series(&repository.path("rustls-next/patches")).unwrap()[0].0;
    let patch = format!("rustls-next/patches/{patch}");
    repository.replace(&patch, "From: rustls-ext <rustls-ext@localhost>", "From: S <s@localhost>");
    let output = repository.xtask(&["check", "--next"]).output().unwrap();
    let said = stderr(&output);
    assert!(
        said.contains(&format!("{patch} is not as `cargo xtask rustls save --next`")),
        "{said}"
    );
}

#[test]
fn the_result_does_not_depend_on_the_user_or_the_configuration() {
    let repository = Repository::new();
    let before = read_tree(&repository.path("rustls")).unwrap();
    let config = repository.path("gitconfig");
    fs::write(
        &config,
        "[user]\n name = Somebody\n email = somebody@localhost\n\
         [core]\n autocrlf = true\n abbrev = 40\n\
         [diff]\n noprefix = true\n algorithm = patience\n external = false\n\
         [format]\n signature = hello\n noprefix = true\n numbered = true\n suffix = .txt\n\
         attach = true\n[commit]\n gpgSign = true\n[am]\n threeWay = true\n",
    )
    .unwrap();
    let hostile = |args: &[&str]| {
        let mut xtask = repository.xtask(args);
        xtask.env("GIT_CONFIG_GLOBAL", &config).env("GIT_DIR", "/no/such/repository");
        xtask.env("GIT_AUTHOR_NAME", "Somebody").env("TZ", "Asia/Tokyo");
        xtask
    };
    succeeds(hostile(&["edit"]));
    assert!(succeeds(hostile(&["save"])).starts_with("0 files"));
    assert!(read_tree(&repository.path("rustls")).unwrap() == before);

    // the same commits, with another author and date
    let tree = repository.path("target/rustls-edit");
    let mut reword = Command::new("git");
    reword.arg("-C").arg(&tree).args(["commit", "--quiet", "--amend", "--no-edit"]);
    reword.args(["--reset-author", "--no-gpg-sign", "--no-verify"]);
    reword.envs([("GIT_AUTHOR_NAME", "Somebody"), ("GIT_AUTHOR_EMAIL", "somebody@localhost")]);
    reword.envs([("GIT_COMMITTER_NAME", "Somebody"), ("GIT_COMMITTER_EMAIL", "s@localhost")]);
    succeeds(reword);
    assert!(succeeds(repository.xtask(&["save"])).starts_with("0 files"));
    assert!(read_tree(&repository.path("rustls")).unwrap() == before);
    succeeds(repository.xtask(&["edit"]));
}

#[test]
fn a_patch_that_save_would_write_otherwise_is_noticed() {
    let repository = Repository::new();
    succeeds(repository.xtask(&["check"]));
    let patch = first_patch(&repository);
    repository.replace(&patch, "From: rustls-ext <rustls-ext@localhost>", "From: S <s@localhost>");
    let output = repository.xtask(&["check"]).output().unwrap();
    assert!(stderr(&output).contains(&format!("{patch} is not as `cargo xtask rustls save`")));
}

#[test]
fn what_cannot_be_a_patch_is_not_saved() {
    let repository = Repository::new();
    let before = read_tree(&repository.path("rustls")).unwrap();
    succeeds(repository.xtask(&["edit"]));
    let tree = repository.path("target/rustls-edit");
    let git = |args: &[&str]| xtask::git(&tree, args).unwrap();
    let refused = |why: &str| {
        let output = repository.xtask(&["save"]).output().unwrap();
        assert!(!output.status.success());
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert!(read_tree(&repository.path("rustls")).unwrap() == before);
        git(&["checkout", "--quiet", "patched"]);
        git(&["reset", "--quiet", "--hard", "saved"]);
    };
    git(&["rm", "--quiet", "src/rand.rs"]);
    git(&["commit", "--quiet", "--message", "Remove"]);
    refused("src/rand.rs is gone");
    fs::write(tree.join("outside.rs"), "").unwrap();
    git(&["add", "outside.rs"]);
    git(&["commit", "--quiet", "--message", "Add"]);
    refused("outside.rs is outside src/");
    git(&["checkout", "--quiet", "--detach"]);
    refused("no branch is checked out");
    git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    fs::write(tree.join("src/idea.rs"), "// all ours\n").unwrap();
    git(&["add", "src/idea.rs"]);
    git(&["commit", "--quiet", "--message", "Have an idea"]);
    git(&["checkout", "--quiet", "patched"]);
    git(&["merge", "--quiet", "--no-edit", "side"]);
    refused("a merge cannot become a patch");
}

#[test]
fn a_file_of_ours_can_go_again() {
    let repository = Repository::new();
    fs::write(repository.path("rustls/src/idea.rs"), "// all ours\n").unwrap();
    succeeds(repository.xtask(&["edit"]));
    let tree = repository.path("target/rustls-edit");
    xtask::git(&tree, ["rm", "--quiet", "src/idea.rs"]).unwrap();
    xtask::git(&tree, ["commit", "--quiet", "--message", "Think again"]).unwrap();
    let said = succeeds(repository.xtask(&["save"]));
    assert_eq!(said, "1 files of rustls/patches and rustls/src changed\n  removed src/idea.rs\n");
    assert!(!repository.path("rustls/src/idea.rs").exists());
    succeeds(repository.xtask(&["check"]));
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
    let series = series(&repository.path("rustls/patches")).unwrap();
    let (name, text) = series.last().unwrap();
    assert!(name.ends_with("-Have-an-idea.patch"), "{name}");
    let text = String::from_utf8(text.clone()).unwrap();
    assert!(text.contains("\n+// an idea\n") && !text.contains("all ours"), "{text}");
    assert_eq!(fs::read(repository.path("rustls/src/idea.rs")).unwrap(), b"// all ours\n");
    assert_eq!(repository.source().unwrap()["src/idea.rs"], b"// all ours\n");

    // a file of upstream's needs its reason
    let output = repository.xtask(&["check"]).output().unwrap();
    assert!(stderr(&output).contains("no reason for the change of src/rand.rs"));
}

#[test]
fn a_root_that_lacks_an_attribute_of_upstreams_is_noticed() {
    for package in ["rustls", "rustls-pristine"] {
        let repository = Repository::new();
        repository.replace(&format!("{package}/src/lib.rs"), "#![no_std]\n", "");
        let output = repository.xtask(&["check"]).output().unwrap();
        assert!(!output.status.success());
        let problem = stderr(&output);
        let expected = format!("{package}/src/lib.rs lacks upstream's attribute #![no_std]\n");
        assert!(problem.ends_with(&expected), "{problem}");
    }
}
