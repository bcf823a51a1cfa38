//! A crate of a Rust block and of the manifest above it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use super::{ADDRESS, Block, PORT};
use crate::{Result, cargo};

/// The manifests of a page so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Shown<'a> {
    /// The last one.
    manifest: Option<&'a Block>,
    /// The last one with a `[patch.crates-io]`, which those below need not show again.
    patch: Option<&'a Block>,
}

impl<'a> Shown<'a> {
    pub(super) fn see(&mut self, block: &'a Block) {
        if block.is_manifest() {
            self.manifest = Some(block);
        }
        if block.has_patch() {
            self.patch = Some(block);
        }
    }
}

/// The crate of a block.
pub(super) struct Crate {
    name: String,
    folder: PathBuf,
    target: PathBuf,
}

impl Crate {
    /// Writes it to `target/docs`, with the versions of the repository's lock file. The Rust file is
    /// called like the page and has its code in the same lines, so that the compiler names those.
    pub(super) fn write(
        repository: &Path,
        shown: Shown<'_>,
        block: &Block,
        port: Option<u16>,
    ) -> Result<Self> {
        let docs = repository.join("target/docs");
        let name = block.name();
        let folder = docs.join("crates").join(&name);
        let page = Path::new(&block.page).file_name().unwrap_or_default();
        fs::create_dir_all(&folder)?;
        let source = page.to_string_lossy();
        let beside = shown.manifest.ok_or("there is no manifest above it")?;
        let patch = shown.patch.map(|it| it.code.as_str());
        let manifest =
            manifest(&beside.code, patch, repository, (&name, &source), block.is_program())
                .map_err(|err| format!("{}: {err}", beside.place()))?;
        // In the line of the page that it is in.
        let mut code = "\n".repeat(block.line.saturating_sub(1)) + &block.code;
        if let Some(port) = port {
            code = code.replace(PORT, &port.to_string());
        }
        write_changed(&folder.join(page), &code)?;
        write_changed(&folder.join("Cargo.toml"), &manifest)?;
        fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Self { name, folder, target: docs.join("target") })
    }

    /// Builds it, with all of cargo's own messages on standard error.
    pub(super) fn build(&self) -> Result<()> {
        if self.cargo("build").status()?.success() {
            Ok(())
        } else {
            Err("it does not build".into())
        }
    }

    /// The program, once it is built.
    pub(super) fn program(&self) -> Command {
        Command::new(self.target.join("debug").join(&self.name))
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = cargo();
        cargo.args([command, "--quiet", "--manifest-path"]);
        cargo.arg(self.folder.join("Cargo.toml")).arg("--target-dir").arg(&self.target);
        cargo
    }
}

/// A file that is as it was is left as it was, so that nothing is built again for it.
fn write_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|err| format!("{}: {err}", path.display()).into())
}

/// The manifest that a page shows, made into that of a crate in a folder of its own: with the
/// repository for its address, the `[patch.crates-io]` of `above` if it has none, and what a reader
/// has who has run `cargo new`. `name` and `source` are of the crate and of its Rust file.
///
/// # Errors
/// If it is not TOML, or a dependency of the address is not in the repository.
pub fn manifest(
    shown: &str,
    above: Option<&str>,
    repository: &Path,
    (name, source): (&str, &str),
    is_program: bool,
) -> Result<String> {
    let mut manifest: DocumentMut = shown.parse()?;
    if let (None, Some(above)) = (manifest.get("patch"), above) {
        let above: DocumentMut = above.parse()?;
        if let Some(patch) = above.get("patch") {
            manifest.insert("patch", patch.clone());
        }
    }
    local(manifest.as_table_mut(), repository)?;

    let package = manifest.entry("package").or_insert_with(|| Item::Table(Table::new()));
    let package = package.as_table_like_mut().ok_or("`package` is not a table")?;
    package.insert("name", value(name));
    for (key, default) in [("version", "0.0.0"), ("edition", "2024")] {
        if !package.contains_key(key) {
            package.insert(key, value(default));
        }
    }
    let mut built = Table::new();
    built.insert("name", value(if is_program { name.to_owned() } else { name.replace('-', "_") }));
    built.insert("path", value(source));
    if is_program {
        let mut programs = toml_edit::ArrayOfTables::new();
        programs.push(built);
        manifest.insert("bin", Item::ArrayOfTables(programs));
    } else {
        manifest.insert("lib", Item::Table(built));
    }
    // Not a member of the workspace in whose folder it is.
    manifest.insert("workspace", Item::Table(Table::new()));
    let mut text = manifest.to_string();
    // An excerpt does not use all that it shows.
    text += "\n[lints.rust]\nwarnings = { level = \"deny\", priority = -1 }\ndead_code = \"allow\"\n\
             unused_variables = \"allow\"\n\n[profile.dev]\ndebug = 0\nincremental = false\n";
    Ok(text)
}

/// Puts the repository in the place of its address, in all tables of dependencies.
fn local(table: &mut dyn TableLike, repository: &Path) -> Result<()> {
    for (key, item) in table.iter_mut() {
        let key = key.get().to_owned();
        let Some(entry) = item.as_table_like_mut() else { continue };
        if entry.get("git").and_then(Item::as_str) != Some(ADDRESS) {
            local(entry, repository)?;
            continue;
        }
        let package = entry.get("package").and_then(Item::as_str).unwrap_or(&key).to_owned();
        let folder = repository.join(&package);
        if !folder.join("Cargo.toml").exists() {
            return Err(format!("there is no crate `{package}` in this repository").into());
        }
        let folder = folder.to_str().ok_or("the path of the repository is not UTF-8")?.to_owned();
        let mut dependency = InlineTable::new();
        for (key, item) in entry.iter() {
            let of_git = ["git", "branch", "rev", "tag"].contains(&key);
            if let (false, Some(value)) = (of_git, item.as_value()) {
                dependency.insert(key, value.clone());
            }
        }
        dependency.insert("path", Value::from(folder));
        *item = value(dependency);
    }
    Ok(())
}
