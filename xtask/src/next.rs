//! The preview for the next rustls: its series, its tests, and its demo.

use std::env;
use std::path::Path;

use rustls_source::NEXT;

use crate::rustls::{self, Series};
use crate::{Result, cargo, run};

/// Checks the series of the preview, builds it, and runs its tests and its demo.
///
/// # Errors
/// If one of these fails.
pub fn check(repository: &Path) -> Result<()> {
    rustls::check(&Series::new(repository, true))?;
    let preview = repository.join(NEXT.folder);
    let in_workspace = |folder: &Path, args: &[&str]| {
        let mut cargo = cargo();
        cargo.current_dir(folder).args(args).args(["--quiet", "--locked"]);
        if env::var_os("CARGO_TARGET_DIR").is_none() {
            cargo.env("CARGO_TARGET_DIR", repository.join("target/rustls-next"));
        }
        run(&mut cargo)
    };
    // Workspaces of their own, since every crate of each is built with another rustls.
    let package = "--package=rustls-next-tokio";
    in_workspace(&preview, &["test", package])?;
    in_workspace(&preview.join("transcript"), &["test"])?;
    in_workspace(&preview, &["run", package, "--example", "demo"])
}
