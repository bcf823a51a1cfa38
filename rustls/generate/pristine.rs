// The pristine crate: where cargo has it, and whether it is the one that was published.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, io};

use super::files::{Tree, digest, read, read_tree};
use super::{Problem, VERSION, problem};

/// Names an unpacked copy of the pristine crate, for builds that cannot ask cargo.
pub const PRISTINE_VARIABLE: &str = "RUSTLS_EXT_PRISTINE";

/// The source of the pristine crate, whose digest is the pinned one.
pub fn pristine_tree(pristine: &Path) -> Result<Tree, Problem> {
    let root = pristine_root(pristine)?;
    let tree = pristine_files(&root)?;
    let pin = String::from_utf8_lossy(&read(&pristine.join("tree.sha256"))?).trim().to_owned();
    let found = digest(&tree);
    if found != pin {
        return problem(format!(
            "the source in {} is not that of rustls {VERSION} as published: its digest is {found}, \
             and {pin} is pinned in {}. If it is cargo's copy, delete that folder, so that cargo \
             unpacks the crate again; if the digest stays wrong, do not build from it.",
            root.display(),
            pristine.join("tree.sha256").display(),
        ));
    }
    Ok(tree)
}

/// The part of the pristine crate that is built: its source, and the README that it includes.
pub fn pristine_files(root: &Path) -> Result<Tree, Problem> {
    let mut tree: Tree = read_tree(&root.join("src"))?
        .into_iter()
        .map(|(name, text)| (format!("src/{name}"), text))
        .collect();
    tree.insert("README.md".into(), read(&root.join("README.md"))?);
    Ok(tree)
}

/// The folder of the pristine crate.
pub fn pristine_root(pristine: &Path) -> Result<PathBuf, Problem> {
    if let Some(root) = env::var_os(PRISTINE_VARIABLE).map(PathBuf::from) {
        return match root.join("src/lib.rs").is_file() {
            true => Ok(root),
            false => problem(format!(
                "{PRISTINE_VARIABLE} names {}, where there is no src/lib.rs: it has to be the \
                 absolute path of an unpacked copy of rustls {VERSION}",
                root.display()
            )),
        };
    }
    // What cargo has already is taken without a look at the network.
    let said = match ask_cargo(pristine, true).or_else(|_| ask_cargo(pristine, false)) {
        Ok(root) => return Ok(root),
        Err(said) => said,
    };
    let lock = pristine.join("Cargo.lock");
    let what_to_do = if said.contains("checksum") {
        format!(
            "The checksum in {} is not the published one: restore it with `git checkout \
             rustls/pristine`. If it is the registry that differs, do not build from it.",
            lock.display()
        )
    } else if said.starts_with(NOT_RUN) {
        "Build with cargo, or name it in the environment variable CARGO.".into()
    } else if !lock.is_file() {
        format!("{} is missing: check the repository out again.", lock.display())
    } else {
        format!(
            "Its source is needed once. Where there is a network, run `cargo fetch --locked \
             --manifest-path {}`, and build again; or set {PRISTINE_VARIABLE} to a folder with the \
             unpacked crate.",
            pristine.join("Cargo.toml").display()
        )
    };
    problem(format!(
        "cargo has no rustls {VERSION} for the patches. {what_to_do}\ncargo said:\n{said}"
    ))
}

const NOT_RUN: &str = "nothing, since it cannot be run";

fn ask_cargo(pristine: &Path, offline: bool) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["metadata", "--format-version=1", "--locked"])
        .args(offline.then_some("--offline"))
        .arg("--manifest-path")
        .arg(pristine.join("Cargo.toml"));
    // Crates for other platforms need not be there.
    if let Some(host) = host() {
        cargo.arg("--filter-platform").arg(host);
    }
    let said = run(&mut cargo).map_err(|err| format!("{NOT_RUN} ({err})"))?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).trim().to_owned());
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&said.stdout).map_err(|err| format!("not JSON: {err}"))?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| package["name"] == "rustls" && package["version"] == VERSION)
        .find_map(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(Path::to_owned)
        .ok_or_else(|| "there is no such package in its metadata".into())
}

/// The platform that the compiler runs on.
fn host() -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = run(Command::new(rustc).arg("-vV")).ok()?;
    let host = String::from_utf8(said.stdout).ok()?;
    Some(host.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned())
}

fn run(command: &mut Command) -> io::Result<Output> {
    // This build's flags and wrappers are for another compilation, maybe for another machine.
    // Cargo takes an empty value over what its configuration files say.
    for variable in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env(variable, "");
    }
    command.stdin(Stdio::null()).output()
}
