//! `rext doctor`: what it prints for projects with a Cargo.lock as cargo writes it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The patched rustls, by git, with these providers.
fn patched(providers: &[&str]) -> String {
    let providers: String = providers.iter().map(|it| format!(" \"{it}\",\n")).collect();
    format!(
        "[[package]]\nname = \"rustls\"\nversion = \"0.23.46\"\n\
         source = \"git+https://example.org/rustls-ext#abc\"\n\
         dependencies = [\n{providers} \"rustls-ext-wire\",\n]\n\n\
         [[package]]\nname = \"rustls-ext-wire\"\nversion = \"0.1.0\"\n\
         source = \"git+https://example.org/rustls-ext#abc\"\n\n"
    )
}

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn plain(version: &str) -> String {
    format!(
        "[[package]]\nname = \"rustls\"\nversion = \"{version}\"\nsource = \"{REGISTRY}\"\n\
         dependencies = [\n \"ring\",\n]\n\n"
    )
}

const EXT: &str = "[[package]]\nname = \"rustls-ext\"\nversion = \"0.1.0\"\n\
                   source = \"git+https://example.org/rustls-ext?tag=v1#abc\"\n\
                   dependencies = [\n \"rustls\",\n]\n\n";
const PATCH: &str = "[patch.crates-io]\nrustls = { git = \"https://example.org/rustls-ext\" }\n";
const UNUSED: &str = "[[patch.unused]]\nname = \"rustls\"\nversion = \"0.23.46\"\n\
                      source = \"git+https://example.org/rustls-ext#abc\"\n";

struct Project(tempfile::TempDir);

impl Project {
    fn new(manifest: &str, lock: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        fs::write(folder.path().join("Cargo.lock"), format!("version = 4\n\n{lock}")).unwrap();
        Self(folder)
    }

    /// The exit code, standard output and standard error, with `.` for the folder.
    fn doctor(&self) -> (i32, String, String) {
        doctor(self.0.path(), self.0.path())
    }
}

fn doctor(project: &Path, hidden: &Path) -> (i32, String, String) {
    let rext = env!("CARGO_BIN_EXE_rext");
    let output = Command::new(rext).arg("doctor").arg(project).output().unwrap();
    let hidden = hidden.canonicalize().unwrap();
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(hidden.to_str().unwrap(), ".");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// One problem, with this text.
fn problem(text: &str) -> (i32, String, String) {
    (1, text.to_owned(), "error: one problem was found\n".into())
}

#[test]
fn a_project_with_the_patched_rustls_and_one_provider_is_good() {
    let project = Project::new(PATCH, &(patched(&["ring"]) + EXT));
    assert_eq!(
        project.doctor(),
        (
            0,
            "good: rustls 0.23.46 is the patched one, from https://example.org/rustls-ext#abc\n\
             good: the crypto provider is ring\n"
                .into(),
            String::new()
        )
    );
    // This workspace has it by a path.
    let (code, text, _) = doctor(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new("/"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("good: rustls 0.23.46 is the patched one, from a folder\n"), "{text}");
}

#[test]
fn a_lock_file_that_keeps_the_plain_rustls_is_found() {
    let expected = problem(
        "problem: Cargo.lock keeps rustls 0.23.38 from crates.io, so cargo does not use the patched \
         0.23.46\n    Run `cargo update -p rustls --precise 0.23.46`.\n",
    );
    // Cargo has seen the patch and not used it, or has not seen it yet.
    assert_eq!(Project::new(PATCH, &(plain("0.23.38") + UNUSED)).doctor(), expected);
    assert_eq!(Project::new(PATCH, &plain("0.23.38")).doctor(), expected);
    // The patch is in cargo's configuration.
    assert_eq!(Project::new("", &(plain("0.23.38") + UNUSED)).doctor(), expected);
}

#[test]
fn a_lock_file_from_before_the_patch_with_the_right_version_is_a_note() {
    assert_eq!(
        Project::new(PATCH, &plain("0.23.46")).doctor(),
        (
            0,
            "note: Cargo.lock has rustls 0.23.46 from crates.io: cargo has not resolved the project \
             with the patch yet\n    The next `cargo check` switches to the patched rustls.\n"
                .into(),
            String::new()
        )
    );
}

#[test]
fn an_unused_patch_is_a_problem_even_if_the_version_is_the_patched_one() {
    let expected = problem(
        "problem: Cargo.lock keeps rustls 0.23.46 from crates.io, and lists the patched rustls as \
         unused ([[patch.unused]])\n    Run `cargo update -p rustls@0.23.46`.\n",
    );
    assert_eq!(Project::new(PATCH, &(plain("0.23.46") + UNUSED)).doctor(), expected);
    // The patch is in cargo's configuration.
    assert_eq!(Project::new("", &(plain("0.23.46") + UNUSED)).doctor(), expected);
}

#[test]
fn a_manifest_without_the_patch_is_found() {
    let project = Project::new("[workspace]\n", &(plain("0.23.46") + EXT));
    let (code, text, _) = project.doctor();
    assert_eq!(code, 1);
    assert_eq!(
        text,
        "problem: rustls 0.23.46 is not the patched one: it is from crates.io\n    \
         Add this to ./Cargo.toml, with the same rev, tag or branch as rustls-ext if it has one:\n    \
         [patch.crates-io]\n    rustls = { git = \"https://example.org/rustls-ext\" }\n    \
         Then run `cargo update -p rustls --precise 0.23.46`.\n"
    );
}

#[test]
fn a_patch_in_a_member_of_the_workspace_is_found() {
    let project = Project::new("[workspace]\nmembers = [\"a\"]\n", &plain("0.23.46"));
    let member = project.0.path().join("a");
    fs::create_dir(&member).unwrap();
    fs::write(member.join("Cargo.toml"), PATCH).unwrap();
    let (code, text, err) = doctor(&member, project.0.path());
    assert_eq!(code, 1);
    let first = "problem: cargo ignores the [patch.crates-io] of ./a/Cargo.toml\n    \
                 Move it to ./Cargo.toml, the root of the workspace.\n\
                 problem: rustls 0.23.46 is not the patched one: ";
    assert!(text.starts_with(first), "{text}");
    assert_eq!(err, "error: 2 problems were found\n");
}

#[test]
fn a_second_version_of_rustls_is_found_with_the_crates_that_use_it() {
    let old = "[[package]]\nname = \"hyper-rustls\"\nversion = \"0.24.2\"\n\
               dependencies = [\n \"rustls 0.21.12\",\n]\n\n";
    let project = Project::new(PATCH, &(plain("0.21.12") + &patched(&["ring"]) + old));
    assert_eq!(
        project.doctor(),
        problem(
            "good: rustls 0.23.46 is the patched one, from https://example.org/rustls-ext#abc\n\
             problem: rustls 0.21.12 from crates.io is also in use, by hyper-rustls 0.24.2: connections \
             of these crates have no offers and no policies, and its types do not fit those of \
             rustls-ext\n    \
             Update these crates to versions that depend on rustls 0.23.\n\
             good: the crypto provider is ring\n"
        )
    );
}

#[test]
fn two_providers_are_a_note_and_none_is_a_problem() {
    let (code, text, err) = Project::new(PATCH, &patched(&["aws-lc-rs", "ring"])).doctor();
    assert_eq!((code, err.as_str()), (0, ""));
    let note = "note: two crypto providers are built in, so rustls does not choose one\n    \
                Choose one at the start of `main`:\n    \
                let _ = rustls_ext::rustls::crypto::ring::default_provider().install_default();\n";
    assert!(text.contains(note), "{text}");

    let (code, text, _) = Project::new(PATCH, &patched(&[])).doctor();
    assert_eq!(code, 1);
    assert!(text.contains("problem: no crypto provider is built in\n    Add the feature `ring`"));
}

#[test]
fn rustls_ext_and_rustls_of_different_commits_are_found() {
    let other = "[[package]]\nname = \"rustls-ext-wire\"\nversion = \"0.1.0\"\n\
                 source = \"git+https://example.org/rustls-ext#def\"\n\n";
    let (code, text, _) = Project::new(PATCH, &(patched(&["ring"]) + other)).doctor();
    assert_eq!(code, 1);
    let found = "problem: rustls-ext and the patched rustls come from different places: \
                 https://example.org/rustls-ext#abc, https://example.org/rustls-ext#def\n    Give";
    assert!(text.contains(found), "{text}");
}

#[test]
fn a_project_without_rustls_is_a_problem_and_one_without_a_lock_file_is_unusable() {
    let (code, text, _) = Project::new("", "").doctor();
    assert_eq!(code, 1);
    assert!(text.starts_with("problem: nothing in this project depends on rustls\n"), "{text}");

    let empty = tempfile::tempdir().unwrap();
    let (code, text, err) = doctor(empty.path(), empty.path());
    assert_eq!((code, text.as_str()), (2, ""));
    assert!(err.ends_with("run `cargo generate-lockfile`\n"), "{err}");

    let (code, _, err) = Project::new("[", "").doctor();
    assert_eq!(code, 2);
    assert!(err.contains("./Cargo.toml: TOML parse error"), "{err}");
}
