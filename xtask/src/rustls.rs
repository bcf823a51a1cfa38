//! The patch series: its work tree, and its checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustls_source::{ROOT, Root, Tree, write_tree};

use crate::Result;
use crate::work_tree::{WorkTree, difference};

/// The maximum number of lines that the patches may add to upstream's files.
const MOST_ADDED: usize = 700;

fn work_tree(repository: &Path) -> WorkTree {
    WorkTree(repository.join("target/rustls-edit"))
}

/// Makes the work tree: the pristine source, our own files on it, and a commit for each patch.
///
/// # Errors
/// If there is unsaved work, unless `force`; if the series does not apply; if git fails.
pub fn edit(repository: &Path, force: bool) -> Result<()> {
    let tree = work_tree(repository);
    let folder = tree.0.display();
    if tree.exists() && !force {
        let what = match (tree.is_dirty()?, tree.is_unsaved()?) {
            (true, _) => Some("changes that are not committed"),
            (false, true) => Some("commits that are not saved"),
            (false, false) => None,
        };
        if let Some(what) = what {
            return Err(format!(
                "{folder} has {what}: save it with `cargo xtask rustls save`, or throw it away with \
                 --force"
            )
            .into());
        }
    }
    tree.make(&rustls_source::pristine_tree()?, &repository.join("rustls"))?;
    println!(
        "The patched source is in {folder}, with a commit for each patch.\n\
         Change it, commit (or rebase) with messages that say why, and run `cargo xtask rustls save`.\n\
         Files that upstream does not have are saved whole, in rustls/src."
    );
    Ok(())
}

/// Writes the work tree's commits to the series, and its new files to our own files.
///
/// # Errors
/// If something is not committed, if a commit removes or renames one of upstream's files, or if
/// the series would not make exactly the source of the work tree.
pub fn save(repository: &Path) -> Result<()> {
    let tree = work_tree(repository);
    if !tree.exists() {
        return Err("there is no work tree: make one with `cargo xtask rustls edit`".into());
    }
    if tree.is_dirty()? {
        return Err(format!("{} has changes that are not committed", tree.0.display()).into());
    }
    // The series is checked before any file is overwritten.
    let (series, own) = tree.series(&rustls_source::pristine_tree()?)?;
    write(repository, series, own)?;
    tree.mark_saved()
}

/// Writes a series and files that are wholly ours to the repository, and prints what changed.
pub(crate) fn write(repository: &Path, series: Tree, own: Tree) -> Result<()> {
    let named = |(name, text)| (format!("patches/{name}"), text);
    let rustls = repository.join("rustls");
    let mut old = rustls_source::own_files(&rustls)?;
    old.extend(rustls_source::read_tree(&rustls.join("patches"))?.into_iter().map(named));
    let changed = replace(&rustls, &old, &series.into_iter().map(named).chain(own).collect())?;
    println!("{} files of rustls/patches and rustls/src changed", changed.len());
    for line in changed {
        println!("{line}");
    }
    Ok(())
}

/// Whether the work tree of `edit` has something that `save` has not written.
pub(crate) fn is_unsaved(repository: &Path) -> Result<bool> {
    let tree = work_tree(repository);
    Ok(tree.exists() && (tree.is_dirty()? || tree.is_unsaved()?))
}

/// Replaces the files `old` of a folder by `new`, and returns a list of the changes.
fn replace(folder: &Path, old: &Tree, new: &Tree) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
        changed.push(format!("  removed {name}"));
    }
    for (name, text) in new {
        let what = match old.get(name) {
            Some(old) if old == text => continue,
            Some(_) => "changed",
            None => "added  ",
        };
        write_tree(&Tree::from([(name.clone(), text.clone())]), folder)?;
        changed.push(format!("  {what} {name}"));
    }
    Ok(changed)
}

/// Checks that the series applies, that it is as `save` would write it, that it is small, and that the
/// crates' roots have the attributes of upstream's.
///
/// # Errors
/// If one of these does not hold.
pub fn check(repository: &Path) -> Result<()> {
    let rustls = repository.join("rustls");
    let source = rustls_source::patched_tree(&rustls)?;
    for package in ["rustls", "rustls-pristine"] {
        check_root(&Root::of(&source)?, &repository.join(package).join(ROOT))?;
    }
    check_form(&rustls)?;
    let reasons = fs::read_to_string(repository.join("rustls/README.md"))?;
    let added = added(&rustls)?;
    for (name, lines) in &added {
        println!("{lines:4} lines added to {name}");
        if !reasons.contains(&format!("`{name}`")) {
            return Err(format!("rustls/README.md has no reason for the change of {name}").into());
        }
    }
    let total: usize = added.values().sum();
    println!(
        "{total:4} lines in all, of {MOST_ADDED} at most, in {} of upstream's files",
        added.len()
    );
    if total > MOST_ADDED { Err("the patches add too many lines".into()) } else { Ok(()) }
}

/// Checks that the root of our crate has upstream's attributes, lints excepted.
fn check_root(upstream: &Root, ours: &Path) -> Result<()> {
    let text: String = fs::read_to_string(ours)?.split_whitespace().collect();
    match upstream.attributes.iter().find(|it| !is_lint(it) && !text.contains(*it)) {
        Some(attribute) => {
            Err(format!("{} lacks upstream's attribute {attribute}", ours.display()).into())
        }
        None => Ok(()),
    }
}

/// Whether an attribute of a root, without white space, sets lints.
pub(crate) fn is_lint(attribute: &str) -> bool {
    ["#![warn(", "#![allow("].iter().any(|it| attribute.starts_with(it))
}

/// Checks that editing and saving would change nothing: git applies the series with the same result,
/// and no patch was edited by hand.
fn check_form(rustls: &Path) -> Result<()> {
    let aside = tempfile::tempdir()?;
    let tree = WorkTree(aside.path().join("rustls"));
    let pristine = rustls_source::pristine_tree()?;
    tree.make(&pristine, rustls)?;
    let (series, _) = tree.series(&pristine)?;
    match difference(&series, &rustls_source::read_tree(&rustls.join("patches"))?) {
        Some(name) => Err(format!(
            "rustls/patches/{name} is not as `cargo xtask rustls save` writes it: run `edit` and \
             `save`"
        )
        .into()),
        None => Ok(()),
    }
}

/// How many lines the series adds to each of upstream's files.
fn added(rustls: &Path) -> Result<BTreeMap<String, usize>> {
    let mut added = BTreeMap::new();
    for (_, text) in rustls_source::series(&rustls.join("patches"))? {
        let mut file = None;
        for line in String::from_utf8(text)?.lines() {
            if let Some(name) = line.strip_prefix("+++ b/") {
                file = Some(name.to_owned());
            } else if let (Some(name), true) = (&file, line.starts_with('+')) {
                *added.entry(name.clone()).or_default() += 1;
            }
        }
    }
    Ok(added)
}

/// Prints the digest of the published source that cargo has.
///
/// # Errors
/// If cargo does not have it.
pub fn pin() -> Result<()> {
    let root = rustls_source::pristine_root()?;
    println!("{}", rustls_source::digest(&rustls_source::pristine_files(&root)?));
    Ok(())
}
