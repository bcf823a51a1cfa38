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
    let package = ["--package", "rustls-next-tokio"];
    for (command, more) in [("test", &[][..]), ("run", &["--example", "demo"])] {
        // A workspace of its own, since every crate of the other one is built with another rustls.
        let mut cargo = cargo();
        cargo.current_dir(repository.join(NEXT.folder));
        cargo.args([command, "--quiet", "--locked"]).args(package).args(more);
        if env::var_os("CARGO_TARGET_DIR").is_none() {
            cargo.env("CARGO_TARGET_DIR", repository.join("target/rustls-next"));
        }
        run(&mut cargo)?;
    }
    Ok(())
}
