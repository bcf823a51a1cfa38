//! The patch series: its work tree, and its checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustls_source::{NEXT, ROOT, Root, Tree, write_tree};

use crate::Result;
use crate::work_tree::{WorkTree, difference};

/// One of the two series.
pub struct Series {
    /// The folder that has it.
    folder: PathBuf,
    work_tree: WorkTree,
    /// The folders beside it of the crates with upstream's root.
    roots: &'static [&'static str],
    /// The maximum number of lines that its patches may add to upstream's files.
    most_added: usize,
    next: bool,
}

impl Series {
    /// The series for the release that everything else here uses, or, if `next`, that of the preview.
    pub fn new(repository: &Path, next: bool) -> Self {
        let (name, roots, most_added): (_, &[&str], _) = match next {
            true => (NEXT.folder, &[NEXT.folder], 400),
            false => ("rustls", &["rustls", "rustls-pristine"], 700),
        };
        let work_tree = WorkTree(repository.join(format!("target/{name}-edit")));
        Self { folder: repository.join(name), work_tree, roots, most_added, next }
    }

    fn pristine_tree(&self) -> Result<Tree> {
        Ok(if self.next { NEXT.pristine_tree()? } else { rustls_source::pristine_tree()? })
    }

    fn patched_tree(&self) -> Result<Tree> {
        let folder = &self.folder;
        Ok(if self.next {
            NEXT.patched_tree(folder)?
        } else {
            rustls_source::patched_tree(folder)?
        })
    }

    /// The name of its folder.
    fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The argument that selects it.
    fn option(&self) -> &'static str {
        if self.next { " --next" } else { "" }
    }
}

/// Makes the work tree: the pristine source, our own files on it, and a commit for each patch.
///
/// # Errors
/// If there is unsaved work, unless `force`; if the series does not apply; if git fails.
pub fn edit(series: &Series, force: bool) -> Result<()> {
    let tree = &series.work_tree;
    let (folder, option) = (tree.0.display(), series.option());
    if tree.exists() && !force {
        let what = match (tree.is_dirty()?, tree.is_unsaved()?) {
            (true, _) => Some("changes that are not committed"),
            (false, true) => Some("commits that are not saved"),
            (false, false) => None,
        };
        if let Some(what) = what {
            return Err(format!(
                "{folder} has {what}: save it with `cargo xtask rustls save{option}`, or throw it away with \
                 --force"
            )
            .into());
        }
    }
    tree.make(&series.pristine_tree()?, &series.folder)?;
    println!(
        "The patched source is in {folder}, with a commit for each patch.\n\
         Change it, commit (or rebase) with messages that say why, and run `cargo xtask rustls save{option}`.\n\
         Files that upstream does not have are saved whole, in {}/src.",
        series.name()
    );
    Ok(())
}

/// Writes the work tree's commits to the series, and its new files to our own files.
///
/// # Errors
/// If something is not committed, if a commit removes or renames one of upstream's files, or if
/// the series would not make exactly the source of the work tree.
pub fn save(series: &Series) -> Result<()> {
    let tree = &series.work_tree;
    if !tree.exists() {
        let option = series.option();
        return Err(format!(
            "there is no work tree: make one with `cargo xtask rustls edit{option}`"
        )
        .into());
    }
    if tree.is_dirty()? {
        return Err(format!("{} has changes that are not committed", tree.0.display()).into());
    }
    // The series is checked before any file is overwritten.
    let (patches, own) = tree.series(&series.pristine_tree()?)?;
    write(series, patches, own)?;
    tree.mark_saved()
}

/// Writes patches and files that are wholly ours to the folder of a series, and prints what changed.
pub(crate) fn write(series: &Series, patches: Tree, own: Tree) -> Result<()> {
    let named = |(name, text)| (format!("patches/{name}"), text);
    let rustls = &series.folder;
    let mut old = rustls_source::own_files(rustls)?;
    old.extend(rustls_source::read_tree(&rustls.join("patches"))?.into_iter().map(named));
    let changed = replace(rustls, &old, &patches.into_iter().map(named).chain(own).collect())?;
    let name = series.name();
    println!("{} files of {name}/patches and {name}/src changed", changed.len());
    for line in changed {
        println!("{line}");
    }
    Ok(())
}

/// Whether the work tree of `edit` has something that `save` has not written.
pub(crate) fn is_unsaved(repository: &Path) -> Result<bool> {
    let tree = Series::new(repository, false).work_tree;
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
pub fn check(series: &Series) -> Result<()> {
    let rustls = &series.folder;
    let source = series.patched_tree()?;
    for package in series.roots {
        check_root(&Root::of(&source)?, &rustls.with_file_name(package).join(ROOT))?;
    }
    check_form(series)?;
    let reasons = fs::read_to_string(rustls.join("README.md"))?;
    let added = added(rustls)?;
    let most_added = series.most_added;
    for (name, lines) in &added {
        println!("{lines:4} lines added to {name}");
        if !reasons.contains(&format!("`{name}`")) {
            let series = series.name();
            return Err(format!("{series}/README.md has no reason for the change of {name}").into());
        }
    }
    let total: usize = added.values().sum();
    println!(
        "{total:4} lines in all, of {most_added} at most, in {} of upstream's files",
        added.len()
    );
    if total > most_added { Err("the patches add too many lines".into()) } else { Ok(()) }
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
fn check_form(series: &Series) -> Result<()> {
    let rustls = &series.folder;
    let aside = tempfile::tempdir()?;
    let tree = WorkTree(aside.path().join("rustls"));
    let pristine = series.pristine_tree()?;
    tree.make(&pristine, rustls)?;
    let (patches, _) = tree.series(&pristine)?;
    match difference(&patches, &rustls_source::read_tree(&rustls.join("patches"))?) {
        Some(name) => Err(format!(
            "{}/patches/{name} is not as `cargo xtask rustls save{}` writes it: run `edit` and \
             `save`",
            series.name(),
            series.option()
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
pub fn pin(next: bool) -> Result<()> {
    let root = if next { NEXT.root()? } else { rustls_source::pristine_root()? };
    println!("{}", rustls_source::digest(&rustls_source::pristine_files(&root)?));
    Ok(())
}
