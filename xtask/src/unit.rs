//! rustls' own unit tests, on the patched source.

use std::fs;
use std::path::{Path, PathBuf};

use rustls_source::{Tree, read_tree, write_tree};
use toml_edit::{DocumentMut, Item, Table, value};

use crate::Result;

/// The part that is built, with the features of upstream's own quick run.
const PART: [&str; 4] = ["--lib", "--no-default-features", "--features", "ring,std,tls12,logging"];
/// Where it is built.
const BUILD: &str = "target/rustls-unit-build";

/// Arranges the patched source as in upstream's repository, and runs its unit tests.
///
/// The published crate has the tests, but not the files that they include: `data` is the folder of these
/// files, arranged as in upstream's repository.
///
/// # Errors
/// If a test fails, or the tests cannot be built.
pub fn test(repository: &Path, data: Option<PathBuf>, args: &[String]) -> Result<()> {
    let data = data.unwrap_or_else(|| repository.join("../shared/rustls-testdata"));
    if !data.join("test-ca").is_dir() {
        println!(
            "skipped: rustls' unit tests read files that its crate does not carry, and they are not \
             in {}. Take `rustls/src/testdata`, `test-ca` and `fuzz` from rustls' repository at \
             v/{}, and name their folder with --data.",
            data.display(),
            rustls_source::VERSION
        );
        return Ok(());
    }
    let source = rustls_source::patched_tree(&repository.join("rustls"))?;
    let root = repository.join("target/rustls-unit");
    let _ = fs::remove_dir_all(&root);
    write_tree(&read_tree(&data)?, &root)?;
    let package = root.join("rustls");
    arrange(repository, &source, &rustls_source::pristine_root()?, &package)?;

    let status = crate::cargo()
        .current_dir(&package)
        .arg("test")
        .args(PART)
        .env("CARGO_TARGET_DIR", repository.join(BUILD))
        .arg("--")
        .args(args)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("rustls' own unit tests fail on the patched source".into())
    }
}

/// Checks that a patched source compiles, with the manifest of the release at `release`.
pub(crate) fn compile(repository: &Path, source: &Tree, release: &Path) -> Result<()> {
    let package = repository.join("target/rustls-compile");
    let _ = fs::remove_dir_all(&package);
    arrange(repository, source, release, &package)?;
    let mut cargo = crate::cargo();
    cargo.current_dir(&package).env("CARGO_TARGET_DIR", repository.join(BUILD));
    crate::run(cargo.args(["check", "--quiet"]).args(PART))
}

/// Writes a patched source as a package, with the manifest and the lock file of the release.
fn arrange(repository: &Path, source: &Tree, release: &Path, package: &Path) -> Result<()> {
    write_tree(source, package)?;
    let manifest = manifest(
        &fs::read_to_string(release.join("Cargo.toml"))?,
        &repository.join("rustls-ext-wire"),
    )?;
    fs::write(package.join("Cargo.toml"), manifest)?;
    fs::copy(release.join("Cargo.lock"), package.join("Cargo.lock"))?;
    Ok(())
}

/// Upstream's manifest, with our codec, and without dependencies that its unit tests do not need.
fn manifest(upstream: &str, wire: &Path) -> Result<String> {
    let mut manifest: DocumentMut = upstream.parse()?;
    for unused in ["bench", "example", "workspace"] {
        manifest.remove(unused);
    }
    if let Some(package) = manifest.get_mut("package").and_then(Item::as_table_mut) {
        package.remove("build");
        package.insert("rust-version", value("1.85"));
    }
    if let Some(tests) = manifest.get_mut("dev-dependencies").and_then(Item::as_table_mut) {
        tests.remove("rcgen"); // for an example
        tests.remove("bencher"); // for a benchmark
    }
    let mut codec = Table::new();
    codec.insert("path", value(wire.display().to_string()));
    manifest["dependencies"]["rustls-ext-wire"] = Item::Table(codec);
    manifest.insert("workspace", Item::Table(Table::new()));
    Ok(manifest.to_string())
}
