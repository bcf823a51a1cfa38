//! The published crate: finds it in cargo's home, and checks its digest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::files::{Tree, digest, read, read_tree};
use crate::{Problem, notice, problem};

/// The one version that the patches fit.
pub const VERSION: &str = "0.23.46";
/// The digest over [`pristine_files`] of that version; `cargo xtask rustls pin` prints it.
const DIGEST: &str = "19a4902db2986cebfe7f54a12b4561c044cc17959665d27f73c5c4374bb4cb0d";
/// Names a folder with the unpacked crate, for builds where cargo's home does not have it.
pub const PRISTINE_VARIABLE: &str = "RUSTLS_EXT_PRISTINE";

/// The source of the published crate, whose digest is the pinned one.
///
/// # Errors
/// If cargo has no such crate, or another source under its name.
pub fn pristine_tree() -> Result<Tree, Problem> {
    let root = pristine_root()?;
    let tree = pristine_files(&root)?;
    let found = digest(&tree);
    if found != DIGEST {
        return problem(format!(
            "the source in {} is not that of rustls {VERSION} as published: its digest is {found}, \
             and {DIGEST} is pinned. If it is cargo's copy, delete that folder, so that cargo \
             unpacks the crate again; if the digest stays wrong, do not build from it.",
            root.display(),
        ));
    }
    Ok(tree)
}

/// The used part of the published crate: its source, and its licences.
///
/// # Errors
/// If a file cannot be read.
pub fn pristine_files(root: &Path) -> Result<Tree, Problem> {
    let mut tree: Tree = read_tree(&root.join("src"))?
        .into_iter()
        .map(|(name, text)| (format!("src/{name}"), text))
        .collect();
    for name in ["LICENSE-APACHE", "LICENSE-ISC", "LICENSE-MIT"] {
        tree.insert(name.into(), read(&root.join(name))?);
    }
    Ok(tree)
}

/// The folder of the published crate: the one that [`PRISTINE_VARIABLE`] names, or the one in cargo's
/// home. If neither has it, cargo is asked to download it, unless it was told to be offline.
///
/// # Errors
/// If there is none. The text says which command downloads it.
pub fn pristine_root() -> Result<PathBuf, Problem> {
    if let Some(root) = env::var_os(PRISTINE_VARIABLE).map(PathBuf::from) {
        return if root.join("src/lib.rs").is_file() {
            Ok(root)
        } else {
            problem(format!(
                "{PRISTINE_VARIABLE} names {}, where there is no src/lib.rs: it has to be the \
                 absolute path of an unpacked copy of rustls {VERSION}",
                root.display()
            ))
        };
    }
    find(VERSION).or_else(|said| {
        problem(format!(
            "rustls {VERSION}, which the patches are for, is not in {}, and cargo could not download it. \
             Where there is a network, run\n    cargo info --registry crates-io rustls@{VERSION}\nonce, in a \
             folder where cargo's configuration does not replace crates.io, and build again. Or set \
             {PRISTINE_VARIABLE} to the absolute path of a folder with the unpacked crate.\ncargo said: {said}",
            cargo_home().join("registry/src").display()
        ))
    })
}

/// The folder of any published version, in cargo's home. If it is not there, cargo is asked to download it,
/// unless it was told to be offline.
///
/// # Errors
/// If cargo cannot download it.
pub fn published_root(version: &str) -> Result<PathBuf, Problem> {
    find(version)
        .or_else(|said| problem(format!("cargo could not download rustls {version}: {said}")))
}

/// The folder of a version in cargo's home, or what cargo said.
fn find(version: &str) -> Result<PathBuf, String> {
    let home = cargo_home();
    // Offline, cargo unpacks what it has as an archive only.
    if let Some(root) = unpacked(&home, version).or_else(|| {
        let _ = ask_cargo(version, true);
        unpacked(&home, version)
    }) {
        return Ok(root);
    }
    if told_to_be_offline() {
        return Err("(it was not asked, since this build is offline)".into());
    }
    ask_cargo(version, false)?;
    match unpacked(&home, version) {
        Some(root) => {
            notice(&format!("cargo has downloaded rustls {version}, for the patches"));
            Ok(root)
        }
        None => Err("(no error, but the crate is not there)".into()),
    }
}

fn cargo_home() -> PathBuf {
    match env::var_os("CARGO_HOME") {
        Some(home) => home.into(),
        None => env::home_dir().unwrap_or_default().join(".cargo"),
    }
}

/// The crate as cargo has unpacked it, from crates.io or its replacement.
fn unpacked(home: &Path, version: &str) -> Option<PathBuf> {
    fs::read_dir(home.join("registry/src"))
        .ok()?
        .flatten()
        .map(|registry| registry.path().join(format!("rustls-{version}")))
        // Cargo writes this file last.
        .find(|root| root.join(".cargo-ok").is_file())
}

/// Has cargo download and unpack the crate. Of cargo's commands, `info` alone does that for a single
/// crate, and pays no attention to a `[patch]`.
fn ask_cargo(version: &str, offline: bool) -> Result<(), String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["info", "--quiet", "--registry", "crates-io", &format!("rustls@{version}")]);
    cargo.args(offline.then_some("--offline"));
    // In the folder of a build script's package, cargo would not find the configuration of a project
    // that takes the package by git.
    if let Some(out) = env::var_os("OUT_DIR") {
        cargo.current_dir(out);
    }
    // This build's flags and wrappers are for another compilation, maybe for another machine.
    // Cargo takes an empty value over what its configuration files say.
    for variable in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env(variable, "");
    }
    let said = cargo
        .stdin(Stdio::null())
        .output()
        .map_err(|err| format!("nothing, since it cannot be run ({err})"))?;
    if said.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said.stderr).trim().to_owned())
    }
}

/// Whether the cargo that runs this build script was given `--offline` or `--frozen`. Cargo passes on
/// neither, but Linux shows the arguments of a parent process. A cargo that is offline by
/// `CARGO_NET_OFFLINE` or by its configuration is so for `ask_cargo`, too.
fn told_to_be_offline() -> bool {
    #[cfg(target_os = "linux")]
    {
        let parent = std::os::unix::process::parent_id();
        let arguments = fs::read(format!("/proc/{parent}/cmdline")).unwrap_or_default();
        arguments
            .split(|byte| *byte == 0)
            .take_while(|argument| *argument != b"--")
            .any(|argument| matches!(argument, b"--offline" | b"--frozen"))
    }
    #[cfg(not(target_os = "linux"))]
    false
}
