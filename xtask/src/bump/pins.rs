//! The places of the repository that name the release of rustls: the pinned digest, manifests, lock files,
//! pages.

use std::fs;
use std::path::Path;

use rustls_source::{ROOT, Root, Tree, pristine_files, write_tree};
use toml_edit::{DocumentMut, Item};

use super::manifest;
use crate::{Result, tracked_names};

/// Where the version and the digest are pinned.
const PINS: &str = "rustls-source/src/pristine.rs";
/// The crates with upstream's source.
const CRATES: [&str; 2] = ["rustls", "rustls-pristine"];

/// A release of rustls.
pub struct Release {
    /// Its version.
    pub version: String,
    /// The digest over its files, [`rustls_source::digest`].
    pub digest: String,
    /// The folder of the unpacked crate.
    pub root: std::path::PathBuf,
    /// The files that the patches can change.
    pub tree: Tree,
}

impl Release {
    /// Reads the release in a folder.
    ///
    /// # Errors
    /// If a file cannot be read, or if the folder has another release.
    pub fn read(version: &str, root: &Path) -> Result<Self> {
        let manifest: DocumentMut = fs::read_to_string(root.join("Cargo.toml"))
            .map_err(|err| format!("cannot read the manifest in {}: {err}", root.display()))?
            .parse()?;
        let there = manifest.get("package").and_then(|it| it.get("version")).and_then(Item::as_str);
        if there != Some(version) {
            let there = there.unwrap_or("no version");
            return Err(format!("{} has {there}, not rustls {version}", root.display()).into());
        }
        let tree = pristine_files(root)?;
        let digest = rustls_source::digest(&tree);
        Ok(Self { version: version.into(), digest, root: root.into(), tree })
    }

    fn manifest(&self) -> Result<DocumentMut> {
        Ok(fs::read_to_string(self.root.join("Cargo.toml"))?.parse()?)
    }
}

/// The version and the digest that the repository pins.
///
/// # Errors
/// If the file with the pins cannot be read.
pub fn pinned(repository: &Path) -> Result<(String, String)> {
    let text = fs::read_to_string(repository.join(PINS))?;
    let pin = |name: &str| {
        let (_, rest) = text.split_once(&format!("const {name}: &str = \""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    pin("VERSION").zip(pin("DIGEST")).ok_or_else(|| format!("{PINS} has no pins").into())
}

/// Replaces a release by another one everywhere in the repository, and returns a list of what changed.
///
/// # Errors
/// If a file cannot be read, parsed or written.
pub fn write(repository: &Path, from: &Release, to: &Release) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for name in named_files(repository)? {
        let path = repository.join(&name);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let new = if name.ends_with("Cargo.lock") {
            lock(&text, from, to)?
        } else {
            replace_version(&text, &from.version, &to.version).replace(&from.digest, &to.digest)
        };
        if new != text {
            write_tree(&Tree::from([(name.clone(), new.into())]), repository)?;
            changed.push(name);
        }
    }
    let (old, new) = (from.manifest()?, to.manifest()?);
    let (old_root, new_root) = (Root::of(&from.tree)?, Root::of(&to.tree)?);
    let new_text = String::from_utf8_lossy(to.tree.get(ROOT).map_or(&[], Vec::as_slice));
    for package in CRATES {
        let name = format!("{package}/Cargo.toml");
        let path = repository.join(&name);
        let mut ours: DocumentMut = fs::read_to_string(&path)?.parse()?;
        let lines = manifest::update(&mut ours, &old, &new);
        if !lines.is_empty() {
            fs::write(&path, ours.to_string())?;
        }
        changed.extend(lines.into_iter().map(|line| format!("{name}: {line}")));

        let name = format!("{package}/{ROOT}");
        let path = repository.join(&name);
        let text = fs::read_to_string(&path)?;
        let (text, lines) = attributes(&text, &old_root, &new_root, &new_text);
        if !lines.is_empty() {
            fs::write(&path, text)?;
        }
        changed.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
    }
    Ok(changed)
}

/// The files that name the release that is used: all of the repository's, without those that tell what was.
fn named_files(repository: &Path) -> Result<Vec<String>> {
    let is_history = |name: &str| {
        name == "CHANGELOG.md"
            || ["rustls/patches/", "rustls/resolutions/"].iter().any(|it| name.starts_with(it))
    };
    Ok(tracked_names(repository)?.into_iter().filter(|name| !is_history(name)).collect())
}

/// Replaces a version where it is not part of a longer one.
fn replace_version(text: &str, from: &str, to: &str) -> String {
    let mut new = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(from) {
        new.push_str(before);
        let is_part = |end: Option<char>| end.is_some_and(|it| it.is_ascii_digit());
        let continues = new.ends_with('.') || is_part(new.chars().next_back());
        new.push_str(if continues || is_part(after.chars().next()) { from } else { to });
        rest = after;
    }
    new + rest
}

/// Replaces the version of rustls' packages in a lock file: of those that are folders, and of the published one
/// if its archive is in cargo's home, since the lock file has the archive's digest.
fn lock(text: &str, from: &Release, to: &Release) -> Result<String> {
    let mut new = String::with_capacity(text.len());
    for (index, package) in text.split("[[package]]\n").enumerate() {
        if index > 0 {
            new.push_str("[[package]]\n");
        }
        let is_ours =
            CRATES.iter().any(|name| package.starts_with(&format!("name = \"{name}\"\n")));
        let version = format!("version = \"{}\"", from.version);
        match package.contains("\nsource = ") {
            false if is_ours => {
                new.push_str(&package.replace(&version, &format!("version = \"{}\"", to.version)));
            }
            true if is_ours && package.contains(&version) => match (archive(from)?, archive(to)?) {
                (Some(old), Some(current)) => new.push_str(
                    &package
                        .replace(&version, &format!("version = \"{}\"", to.version))
                        .replace(&old, &current),
                ),
                _ => new.push_str(package),
            },
            // Another package can depend on one of several versions.
            _ => {
                let name = |release: &Release| format!("\"rustls {}\"", release.version);
                new.push_str(&package.replace(&name(from), &name(to)));
            }
        }
    }
    Ok(new)
}

/// The SHA-256 digest of a release's archive in cargo's home.
fn archive(release: &Release) -> Result<Option<String>> {
    // src/INDEX/rustls-VERSION has its archive in cache/INDEX.
    let Some(index) = release.root.parent() else { return Ok(None) };
    let (Some(name), Some(registry)) = (index.file_name(), index.parent().and_then(Path::parent))
    else {
        return Ok(None);
    };
    let file = format!("rustls-{}.crate", release.version);
    let path = registry.join("cache").join(name).join(file);
    if path.exists() { Ok(Some(rustls_source::sha256(&fs::read(path)?))) } else { Ok(None) }
}

/// Gives the root of our crate the attributes that upstream added, and takes those that it removed. Lints are
/// left out: ours differ.
fn attributes(text: &str, old: &Root, new: &Root, new_text: &str) -> (String, Vec<String>) {
    let mut text = text.to_owned();
    let mut lines = Vec::new();
    let only_in = |one: &Root, other: &Root| -> Vec<String> {
        let differs = |it: &&String| !other.attributes.contains(it) && !crate::rustls::is_lint(it);
        one.attributes.iter().filter(differs).cloned().collect()
    };
    for attribute in only_in(old, new) {
        if let Some(found) = written(&text, &attribute) {
            text = text.replacen(&found, "", 1);
            lines.push(format!("without {attribute}, as upstream"));
        }
    }
    for attribute in only_in(new, old) {
        if written(&text, &attribute).is_none() {
            let found = written(new_text, &attribute).unwrap_or_else(|| format!("{attribute}\n"));
            // The last attribute has the documentation.
            let at = text.find("#![doc").unwrap_or(0);
            text.insert_str(at, &found);
            lines.push(format!("with {attribute}, as upstream"));
        }
    }
    (text, lines)
}

/// The lines of an attribute that is given without white space.
fn written(text: &str, attribute: &str) -> Option<String> {
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    (0..lines.len()).find_map(|start| {
        let mut found = String::new();
        for line in lines.get(start..)? {
            found.push_str(line);
            let bare: String = found.split_whitespace().collect();
            if bare == attribute {
                return Some(found);
            }
            if !attribute.starts_with(&bare) || bare.is_empty() {
                return None;
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, root: &str) -> Release {
        let tree = Tree::from([(ROOT.to_owned(), root.as_bytes().to_vec())]);
        Release { version: version.into(), digest: version.into(), root: "/none".into(), tree }
    }

    #[test]
    fn a_version_is_replaced_where_it_is_whole() {
        let text = "=0.9.4, 0.9.46, 10.9.4 v0.9.4. rustls-0.9.4/ 1.0.9.4";
        let expected = "=0.10.0, 0.9.46, 10.9.4 v0.10.0. rustls-0.10.0/ 1.0.9.4";
        assert_eq!(replace_version(text, "0.9.4", "0.10.0"), expected);
    }

    #[test]
    fn a_lock_file_gets_the_version_of_folders_and_not_of_an_archive_that_is_missing() {
        let package = |name: &str, rest: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}\n")
        };
        let source = "source = \"registry\"\nchecksum = \"00\"\n";
        let others = package("other", "") + &package("rustls", source);
        let lock = |text: &str| lock(text, &release("1.0.0", ""), &release("1.0.1", "")).unwrap();
        let ours = package("rustls", "dependencies = [\n]\n") + &package("rustls-pristine", "");
        let text = format!("version = 4\n\n{ours}{others}");
        let expected = format!("version = 4\n\n{}{others}", ours.replace("1.0.0", "1.0.1"));
        assert_eq!(lock(&text), expected);
        let user = package("user", "dependencies = [\n \"rustls 1.0.0\",\n]\n");
        assert!(lock(&user).contains("\"rustls 1.0.1\""));
    }

    #[test]
    fn attributes_follow_upstream_and_lints_do_not() {
        let ours = "// Ours.\n#![cfg_attr(\n    a,\n    b\n)]\n#![no_std]\n#![doc = \"x\"]\n\ninclude!();\n";
        let old = "#![cfg_attr(a, b)]\n#![no_std]\n#![warn(x)]\n";
        let new = "#![no_std]\n#![cfg_attr(c, feature(d))]\n#![warn(y)]\n";
        let root = |text: &str| Root::of(&release("", text).tree).unwrap();
        let change =
            |text: &str, old: &str, new: &str| attributes(text, &root(old), &root(new), new);
        let (there, lines) = change(ours, old, new);
        assert_eq!(
            there,
            "// Ours.\n#![no_std]\n#![cfg_attr(c, feature(d))]\n#![doc = \"x\"]\n\ninclude!();\n"
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(change(ours, old, old), (ours.to_owned(), vec![]));
    }
}
