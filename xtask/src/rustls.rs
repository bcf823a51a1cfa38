//! The patch series: its work tree, and the proof that it makes what is built.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::generate::{self, Layout, Outcome, Tree};
use crate::{Result, git};

/// How many lines the patches may add to upstream's files.
const MOST_ADDED: usize = 700;

/// The tag of the commit on which the patches stand.
const BASE: &str = "base";
/// The tag of what was last saved, or loaded.
const SAVED: &str = "saved";

fn work_tree(repository: &Path) -> PathBuf {
    repository.join("target/rustls-edit")
}

fn layout(repository: &Path) -> Layout {
    Layout::patched(&repository.join("rustls"))
}

fn put(tree: &Tree, root: &Path) -> Result<()> {
    for (name, text) in tree {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// Makes the work tree: the pristine source, our own files on it, and a commit for each patch.
///
/// # Errors
/// If there is unsaved work, unless `force`; if the series does not apply; if git fails.
pub fn edit(repository: &Path, force: bool) -> Result<()> {
    let tree = work_tree(repository);
    if tree.join(".git").exists() && !force {
        if let Some(what) = unsaved(&tree)? {
            return Err(format!(
                "{} has {what}: save it with `cargo xtask rustls save`, or throw it away with --force",
                tree.display()
            )
            .into());
        }
    }
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::create_dir_all(&tree)?;
    let layout = layout(repository);
    put(&generate::pristine_tree(&layout.pristine)?, &tree)?;
    git(&tree, ["init", "--quiet", "--initial-branch=patched"])?;
    // Hunks without the line of upstream's source that git would quote for orientation.
    git(&tree, ["config", "diff.plain.xfuncname", "^-- never --$"])?;
    fs::create_dir_all(tree.join(".git/info"))?;
    fs::write(tree.join(".git/info/attributes"), "*.rs diff=plain\n")?;
    git(&tree, ["add", "--all", "--force"])?;
    git(&tree, ["commit", "--quiet", "--message", "rustls as published"])?;
    git(&tree, ["tag", "pristine"])?;
    let own = layout.own.ok_or("no folder for our own files")?;
    put(&prefixed(generate::read_tree(&own)?), &tree)?;
    git(&tree, ["add", "--all", "--force"])?;
    git(&tree, ["commit", "--quiet", "--message", "Files that are wholly ours (rustls/src)"])?;
    git(&tree, ["tag", BASE])?;
    let patches = layout.patches.ok_or("no folder for the patches")?;
    for (name, _) in generate::series(&patches)? {
        let patch = patches.canonicalize()?.join(name);
        let am = ["am", "--quiet", "--keep-non-patch", "-C1"].map(OsString::from);
        if let Err(err) = git(&tree, am.into_iter().chain([patch.clone().into_os_string()])) {
            fs::remove_dir_all(&tree)?;
            return Err(format!("{} does not apply: {err}", patch.display()).into());
        }
    }
    git(&tree, ["tag", SAVED])?;
    println!(
        "The patched source is in {}, with a commit for each patch.\n\
         Change it, commit (or rebase) with messages that say why, and run `cargo xtask rustls save`.\n\
         Files that upstream does not have are saved whole, in rustls/src.",
        tree.display()
    );
    Ok(())
}

fn prefixed(own: Tree) -> Tree {
    own.into_iter().map(|(name, text)| (format!("src/{name}"), text)).collect()
}

/// What of a work tree was never saved.
fn unsaved(tree: &Path) -> Result<Option<&'static str>> {
    if !git(tree, ["status", "--porcelain"])?.is_empty() {
        return Ok(Some("changes that are not committed"));
    }
    let at = |name: &str| git(tree, ["rev-parse", "--verify", "--quiet", name]);
    Ok((at("HEAD")? != at(SAVED).unwrap_or_default()).then_some("commits that are not saved"))
}

/// Turns the work tree's commits into the series, and its new files into our own.
///
/// # Errors
/// If something is not committed, if a commit removes or renames one of upstream's files, or if
/// the series would not make the very source that is in the work tree.
pub fn save(repository: &Path) -> Result<()> {
    let tree = work_tree(repository);
    if !tree.join(".git").exists() {
        return Err("there is no work tree: make one with `cargo xtask rustls edit`".into());
    }
    if !git(&tree, ["status", "--porcelain"])?.is_empty() {
        return Err(format!("{} has changes that are not committed", tree.display()).into());
    }
    let names = |what: &str| -> Result<BTreeSet<String>> {
        Ok(git(&tree, ["ls-tree", "-r", "--name-only", what])?.lines().map(str::to_owned).collect())
    };
    let (upstream, now) = (names("pristine")?, names("HEAD")?);
    if let Some(gone) = upstream.difference(&now).next() {
        return Err(format!("{gone} is gone: patches only change upstream's files").into());
    }
    let own: Vec<&String> = now.difference(&upstream).collect();
    if let Some(misplaced) = own.iter().find(|name| !name.starts_with("src/")) {
        return Err(format!("{misplaced} is outside src/, where nothing would build it").into());
    }

    let layout = layout(repository);
    let (patches, ours) =
        (layout.patches.ok_or("no patches")?, layout.own.ok_or("no folder for our own files")?);
    let format = |folder: &Path| -> Result<Tree> {
        let mut args: Vec<String> = [
            "format-patch",
            "--quiet",
            "--no-signature",
            "--zero-commit",
            "--no-numbered",
            "--no-renames",
            "--no-stat",
            "--unified=1",
            "--abbrev=12",
            "--output-directory",
        ]
        .map(Into::into)
        .into();
        args.push(folder.display().to_string());
        args.extend([format!("{BASE}..HEAD"), "--".into(), ".".into()]);
        args.extend(own.iter().map(|name| format!(":(exclude,literal){name}")));
        git(&tree, args)?;
        Ok(generate::read_tree(folder)?)
    };
    let aside = repository.join("target/rustls-series");
    let _ = fs::remove_dir_all(&aside);
    let series = format(&aside)?;
    let own: Tree = own
        .iter()
        .map(|name| Ok((name.trim_start_matches("src/").to_owned(), fs::read(tree.join(name))?)))
        .collect::<Result<_>>()?;

    // The proof comes before anything is overwritten.
    let mut made = generate::pristine_tree(&layout.pristine)?;
    for (name, text) in &series {
        generate::apply(&mut made, name, text)?;
    }
    made.extend(prefixed(own.clone()));
    let mut edited = generate::read_tree(&tree)?;
    edited.retain(|name, _| !name.starts_with(".git/"));
    if let Some(name) = difference(&made, &edited) {
        return Err(format!("the series would not make {name} as it is in the work tree").into());
    }

    let changed = replace(&patches, &series)? + replace(&ours, &own)?;
    git(&tree, ["tag", "--force", SAVED])?;
    println!("{changed} files of rustls/patches and rustls/src changed");
    Ok(())
}

/// Makes a folder hold these files and no others; how many that changed.
fn replace(folder: &Path, files: &Tree) -> Result<usize> {
    let there = generate::read_tree(folder).unwrap_or_default();
    let mut changed = 0;
    for name in there.keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
        changed += 1;
    }
    let new: Tree = files
        .iter()
        .filter(|(name, text)| there.get(*name) != Some(text))
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    put(&new, folder)?;
    Ok(changed + new.len())
}

/// The first file in which two trees differ.
fn difference<'a>(one: &'a Tree, other: &'a Tree) -> Option<&'a String> {
    one.keys().chain(other.keys()).find(|name| one.get(*name) != other.get(*name))
}

/// Proves that the series makes the very source that is built, and counts what it adds.
///
/// # Errors
/// If it does not, or if it adds too much.
pub fn check(repository: &Path) -> Result<()> {
    let layout = layout(repository);
    if generate::generate(&layout)? == Outcome::Overwritten {
        return Err("rustls/gen was changed by hand; it has been made anew".into());
    }
    let mut built = generate::read_tree(&layout.generated)?;
    built.remove("stamp");
    let made = layout.tree()?;
    if let Some(name) = difference(&made, &built) {
        return Err(format!("the series does not make rustls/gen/{name} as it is").into());
    }
    let reasons = fs::read_to_string(repository.join("rustls/README.md"))?;
    let added = added(&layout)?;
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
    match total > MOST_ADDED {
        true => Err("the patches add too many lines".into()),
        false => Ok(()),
    }
}

/// How many lines the series adds to each of upstream's files.
fn added(layout: &Layout) -> Result<BTreeMap<String, usize>> {
    let mut added = BTreeMap::new();
    for (_, text) in generate::series(layout.patches.as_ref().ok_or("no patches")?)? {
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

/// Prints the digest of the pristine source that cargo has.
///
/// # Errors
/// If cargo has none.
pub fn pin(repository: &Path) -> Result<()> {
    let root = generate::pristine_root(&layout(repository).pristine)?;
    println!("{}", generate::digest(&generate::pristine_files(&root)?));
    Ok(())
}
