//! What the chores are made of, for the binary and for its tests.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

#[allow(missing_docs)] // it is a build script's
#[path = "../../rustls/generate.rs"]
pub mod generate;
pub mod rustls;
pub mod unit;

/// Errors are for the person at the terminal.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The folder of the repository that this was built in.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// What git says to `args`, in `folder`.
///
/// # Errors
/// What git said, if it failed.
pub fn git(folder: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args([
        // Not what its user has configured, but what a series is made with.
        "-c",
        "core.autocrlf=false",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "diff.noprefix=false",
        "-c",
        "diff.mnemonicPrefix=false",
        "-c",
        "diff.algorithm=histogram",
    ]);
    // One identity and one date, so that saving what is unchanged changes nothing.
    for role in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{role}_NAME"), "rustls-ext");
        git.env(format!("GIT_{role}_EMAIL"), "rustls-ext@localhost");
        git.env(format!("GIT_{role}_DATE"), "2026-01-01T00:00:00Z");
    }
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        git.env_remove(variable);
    }
    let said = git.args(args).output().map_err(|err| format!("cannot run git: {err}"))?;
    match said.status.success() {
        true => Ok(String::from_utf8(said.stdout)?),
        false => Err(String::from_utf8_lossy(&said.stderr).trim().into()),
    }
}
