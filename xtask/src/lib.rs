//! The maintenance commands, for the binary and its tests.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustls_source::Tree;

pub mod bench;
pub mod bump;
pub mod capi;
pub mod deny;
pub mod docs;
pub mod export;
pub mod fuzz;
pub mod header;
pub mod mutants;
pub mod next;
pub mod pictures;
pub mod release;
pub mod rules;
pub mod rustls;
pub mod sbom;
mod tool;
pub mod unit;
mod work_tree;

/// A result whose error is a text for the terminal.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The folder of the repository that has this program's source.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Runs git with `args` in `folder`, and returns its standard output.
///
/// # Errors
/// If git fails; the text is its standard error.
pub fn git(folder: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
    let said = git_output(folder, args)?;
    if said.status.success() {
        Ok(String::from_utf8(said.stdout)?)
    } else {
        Err(String::from_utf8_lossy(&said.stderr).trim().into())
    }
}

/// Runs git as [`git`] does, for commands whose exit code has a meaning.
fn git_output(folder: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder);
    // Ignore the user's configuration, and the repository whose hook may have started this.
    let inherited = std::env::vars_os().map(|(name, _)| name);
    let of_git = |name: &OsString| name.to_string_lossy().starts_with("GIT_");
    for variable in inherited.filter(|name| of_git(name) && name != "GIT_EXEC_PATH") {
        git.env_remove(variable);
    }
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.args(["-c", "core.autocrlf=false", "-c", "diff.algorithm=histogram"]);
    // One identity and one date, so that saving what is unchanged changes nothing.
    for role in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{role}_NAME"), "rustls-ext");
        git.env(format!("GIT_{role}_EMAIL"), "rustls-ext@localhost");
        git.env(format!("GIT_{role}_DATE"), "2026-01-01T00:00:00Z");
    }
    Ok(git.args(args).output().map_err(|err| format!("cannot run git: {err}"))?)
}

/// The files of the repository that git does not ignore, without links.
fn tracked_files(repository: &Path) -> Result<Tree> {
    let mut files = Tree::new();
    for name in tracked_names(repository)? {
        let path = repository.join(&name);
        // A link's target is in the list by its own name, and a removed file may still be in git's index.
        if path.is_file() && !path.is_symlink() {
            files.insert(name, std::fs::read(path)?);
        }
    }
    Ok(files)
}

/// The names of the files that git does not ignore.
fn tracked_names(repository: &Path) -> Result<Vec<String>> {
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    Ok(git(repository, args)?.split_terminator('\0').map(str::to_owned).collect())
}

/// A command for the cargo that runs this, or the installed one.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_package(&mut cargo);
    cargo
}

/// Removes the variables by which the cargo that runs this describes its package. Build scripts such as
/// ring's depend on them, so ring, and every crate that depends on it, would be built again each time.
fn forget_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Runs a command, which prints its own errors.
fn run(command: &mut Command) -> Result<()> {
    let said = command.status().map_err(|err| format!("cannot run {command:?}: {err}"))?;
    if said.success() { Ok(()) } else { Err(format!("this failed: {command:?}").into()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cargo_that_is_run_does_not_hear_of_this_package() {
        // cargo sets it for tests, too.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let cargo = super::cargo();
        let removed = |wanted: &str| cargo.get_envs().any(|it| it == (wanted.as_ref(), None));
        assert!(removed("CARGO_MANIFEST_DIR") && removed("CARGO_PKG_NAME"), "{cargo:?}");
        assert!(!removed("CARGO_HOME"), "{cargo:?}");
    }
}
