//! Checks the dependencies of all workspaces with cargo-deny, by `deny.toml`.

use std::path::Path;
use std::process::Command;

use crate::tool::Tool;
use crate::{Result, run};

/// The newest version that stable Rust builds.
const CARGO_DENY: Tool<'_> = Tool { name: "cargo-deny", version: "0.20.2", debug: true };

/// The workspaces. The first one is this repository's own; the others do not use all that `deny.toml` allows.
const WORKSPACES: [&str; 6] = [
    "Cargo.toml",
    "fuzz/Cargo.toml",
    "adapters/pingora/Cargo.toml",
    "adapters/rustls/Cargo.toml",
    "rustls-next/Cargo.toml",
    "rustls-next/transcript/Cargo.toml",
];

/// Checks licences, bans and sources, and advisories where the database can be reached.
///
/// # Errors
/// If a check fails.
pub fn check(repository: &Path) -> Result<()> {
    let program = CARGO_DENY.program(repository)?;
    let deny = |manifest: &str| {
        let mut deny = Command::new(&program);
        // A folder that needs a password is not the database.
        deny.current_dir(repository).env("GIT_TERMINAL_PROMPT", "0");
        deny.args(["--locked", "--config", "deny.toml", "--manifest-path", manifest]);
        deny
    };
    let has_advisories = deny(WORKSPACES[0]).args(["fetch", "db"]).status()?.success();
    for manifest in WORKSPACES {
        println!("-- {manifest}");
        let mut all = deny(manifest);
        all.arg("check");
        if manifest == WORKSPACES[0] {
            // What nothing needs is removed from deny.toml.
            all.args(["--deny", "license-not-encountered", "--deny", "unused-wrapper"]);
        } else {
            all.args(["--allow", "license-not-encountered", "--allow", "unused-wrapper"]);
        }
        all.args(["--allow", "license-exception-not-encountered"]);
        all.args(["licenses", "bans", "sources"]);
        run(&mut all)?;
        if has_advisories {
            run(deny(manifest).args(["check", "advisories"]))?;
        }
    }
    if !has_advisories {
        println!("the advisory database cannot be reached: advisories are NOT checked");
    }
    Ok(())
}
