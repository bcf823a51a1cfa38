//! The patch series: its work tree, and the proof that it makes what is built.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Result;
use crate::generate::{self, Layout, Outcome, Tree};
use crate::work_tree::{WorkTree, difference, parts, put};

/// How many lines the patches may add to upstream's files.
const MOST_ADDED: usize = 700;

fn work_tree(repository: &Path) -> WorkTree {
    WorkTree(repository.join("target/rustls-edit"))
}

fn layout(repository: &Path) -> Layout {
    Layout::patched(&repository.join("rustls"))
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
    tree.make(&layout(repository))?;
    println!(
        "The patched source is in {folder}, with a commit for each patch.\n\
         Change it, commit (or rebase) with messages that say why, and run `cargo xtask rustls save`.\n\
         Files that upstream does not have are saved whole, in rustls/src."
    );
    Ok(())
}

/// Turns the work tree's commits into the series, and its new files into our own.
///
/// # Errors
/// If something is not committed, if a commit removes or renames one of upstream's files, or if
/// the series would not make the very source that is in the work tree.
pub fn save(repository: &Path) -> Result<()> {
    let tree = work_tree(repository);
    if !tree.exists() {
        return Err("there is no work tree: make one with `cargo xtask rustls edit`".into());
    }
    if tree.is_dirty()? {
        return Err(format!("{} has changes that are not committed", tree.0.display()).into());
    }
    let layout = layout(repository);
    let (patches, own) = parts(&layout)?;
    // The proof that they make what is there comes before anything is overwritten.
    let (new_series, new_own) = tree.series(&layout)?;
    let mut changed = replace(patches, &new_series, "patches")?;
    changed.extend(replace(own, &new_own, "src")?);
    tree.mark_saved()?;
    println!("{} files of rustls/patches and rustls/src changed", changed.len());
    for line in changed {
        println!("{line}");
    }
    Ok(())
}

/// Makes a folder hold these files and no others, and says what that changed.
fn replace(folder: &Path, files: &Tree, called: &str) -> Result<Vec<String>> {
    let there = generate::read_tree(folder).unwrap_or_default();
    let mut changed = Vec::new();
    for name in there.keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
        changed.push(format!("  removed {called}/{name}"));
    }
    for (name, text) in files {
        let what = match there.get(name) {
            Some(old) if old == text => continue,
            Some(_) => "changed",
            None => "added  ",
        };
        put(&Tree::from([(name.clone(), text.clone())]), folder)?;
        changed.push(format!("  {what} {called}/{name}"));
    }
    Ok(changed)
}

/// Proves that the series makes the very source that is built, that it is as `save` would write it,
/// and that it is small.
///
/// # Errors
/// If one of these does not hold.
pub fn check(repository: &Path) -> Result<()> {
    let layout = layout(repository);
    if generate::generate(&layout)? == Outcome::Overwritten {
        return Err("rustls/gen was changed by hand; it has been made anew".into());
    }
    let mut built = generate::read_tree(&layout.generated)?;
    built.remove(generate::STAMP);
    let made = layout.tree()?;
    if let Some(name) = difference(&made, &built) {
        return Err(format!("the series does not make rustls/gen/{name} as it is").into());
    }
    check_form(&layout)?;
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

/// Proves that editing and saving would change nothing: git applies the series, too, to the same
/// outcome, and nobody has edited a patch by hand.
fn check_form(layout: &Layout) -> Result<()> {
    let aside = tempfile::tempdir()?;
    let tree = WorkTree(aside.path().join("rustls"));
    tree.make(layout)?;
    let (series, _) = tree.series(layout)?;
    match difference(&series, &generate::read_tree(parts(layout)?.0)?) {
        Some(name) => Err(format!(
            "rustls/patches/{name} is not as `cargo xtask rustls save` writes it: run `edit` and \
             `save`"
        )
        .into()),
        None => Ok(()),
    }
}

/// How many lines the series adds to each of upstream's files.
fn added(layout: &Layout) -> Result<BTreeMap<String, usize>> {
    let mut added = BTreeMap::new();
    for (_, text) in generate::series(parts(layout)?.0)? {
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
