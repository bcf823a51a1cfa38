//! The preview for the next rustls: its series, its tests, and its demo.

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
    // A workspace of its own, since every crate of the other one is built with another rustls.
    let in_workspace = |args: &[&str]| {
        let mut cargo = cargo();
        cargo.current_dir(repository.join(NEXT.folder)).args(args);
        run(&mut cargo)
    };
    in_workspace(&["test", "--quiet", "--locked", "--workspace"])?;
    in_workspace(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "rustls-next-tokio",
        "--example",
        "demo",
    ])
}
