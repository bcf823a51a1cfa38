//! Takes another release of rustls: carries the patch series to it, and updates the repository.
//!
//! Each patch is carried file by file, by git's three-way merge, or by a recorded resolution. At a conflict
//! the command stops; the conflict is resolved in the work tree, and `--continue` goes on. At the end, each
//! difference between what the merge makes and the commits becomes a recorded resolution, for both directions:
//! so conflicts that were resolved, and commits that were changed because they did not compile, are replayed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustls_source::{
    PRISTINE_VARIABLE, Tree, apply, own_files, published_root, read_tree, write_tree,
};
use serde_json::json;

use crate::work_tree::WorkTree;
use crate::{Result, rustls};

mod carry;
mod finish;
mod manifest;
mod pins;
mod resolutions;
mod round_trip;

use carry::{Conflict, Merged, Sides, sections, unresolved};
use pins::Release;
use resolutions::{Resolutions, change_digest, file_digest};
pub use round_trip::check;

/// The work tree, from the repository.
const FOLDER: &str = "target/rustls-bump";
/// What is remembered between two commands, from the work tree.
const STATE: &str = ".git/rustls-ext-bump.json";
/// The series that is carried, from the work tree.
const BEFORE: &str = ".git/rustls-ext-before";

/// Starts: carries the series to a release.
///
/// # Errors
/// If there is work that is not saved, if the release is not available, at a conflict, or if a test fails.
pub fn start(repository: &Path, version: &str, source: Option<&Path>, test: bool) -> Result<()> {
    let tree = WorkTree(repository.join(FOLDER));
    if tree.exists() {
        return Err(format!(
            "{FOLDER} has a series that is being carried: go on with `cargo xtask rustls bump \
             --continue`, or throw it away with `cargo xtask rustls bump --abort`"
        )
        .into());
    }
    if rustls::is_unsaved(repository)? {
        return Err(
            "target/rustls-edit has work that is not saved: run `cargo xtask rustls save`, or \
                    discard it with `cargo xtask rustls edit --force`"
                .into(),
        );
    }
    let (pinned, digest) = pins::pinned(repository)?;
    if pinned == version {
        return Err(format!("rustls {version} is the release that the repository has").into());
    }
    let root = match std::env::var_os(PRISTINE_VARIABLE) {
        Some(root) => root.into(),
        None => published_root(&pinned)?,
    };
    let from = Release::read(&pinned, &root)?;
    if from.digest != digest {
        let root = root.display();
        return Err(format!("{root} has another source than rustls {pinned} as published").into());
    }
    let root = match source {
        Some(source) => source.canonicalize()?,
        None => published_root(version)?,
    };
    let to = Release::read(version, &root)?;

    let rustls = repository.join("rustls");
    let own = own_files(&rustls)?;
    if let Some(clash) = own.keys().find(|name| to.tree.contains_key(*name)) {
        return Err(
            format!("rustls {version} has a file {clash}, and so have we: rename ours").into()
        );
    }
    tree.make(&from.tree, &rustls)?;
    tree.begin_again(&to.tree, &own)?;
    for (folder, files) in [
        ("src", &read_tree(&rustls.join("src"))?),
        ("patches", &read_tree(&rustls.join("patches"))?),
    ] {
        write_tree(files, &tree.0.join(BEFORE).join(folder))?;
    }
    let mut bump = Bump::new(repository, tree, from, to)?;
    bump.carry(0)?;
    bump.finish(test)
}

/// Goes on after a conflict was resolved, or after something else was changed in the work tree.
///
/// # Errors
/// As [`start`], and if there is nothing to go on with, or if conflict markers remain.
pub fn proceed(repository: &Path, test: bool) -> Result<()> {
    let tree = WorkTree(repository.join(FOLDER));
    let state = fs::read_to_string(tree.0.join(STATE)).map_err(
        |_| "there is nothing to go on with: start with `cargo xtask rustls bump VERSION`",
    )?;
    let state: serde_json::Value = serde_json::from_str(&state)?;
    let release = |which: &str| -> Result<Release> {
        let field = |name: &str| state[which][name].as_str().unwrap_or_default();
        Release::read(field("version"), Path::new(field("root")))
    };
    let (from, to) = (release("from")?, release("to")?);
    let next = state["next"].as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or_default();
    let head = state["head"].as_str().unwrap_or_default().to_owned();
    let files: Vec<String> = serde_json::from_value(state["conflicts"].clone())?;
    let mut bump = Bump::new(repository, tree, from, to)?;
    let left = unresolved(&bump.tree.0, &files)?;
    if !left.is_empty() {
        return Err(format!("conflict markers remain in {FOLDER}: {}", left.join(", ")).into());
    }
    if next < bump.before.len() {
        // Unless the patch was committed by hand.
        if bump.tree.is_dirty()? || bump.tree.git(["rev-parse", "HEAD"])?.trim() == head {
            bump.commit(next)?;
        }
        bump.carry(next + 1)?;
    }
    bump.finish(test)
}

/// Throws the work tree away.
///
/// # Errors
/// If it cannot be removed.
pub fn abort(repository: &Path) -> Result<()> {
    match fs::remove_dir_all(repository.join(FOLDER)) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(err.into()),
        _ => Ok(()),
    }
}

/// A patch in the release before.
struct Before {
    name: String,
    subject: String,
    message: String,
    /// Its change of each file.
    sections: Vec<(String, String)>,
}

struct Bump {
    repository: PathBuf,
    tree: WorkTree,
    from: Release,
    to: Release,
    before: Vec<Before>,
    /// The sources before the first patch, and after each.
    sources: Vec<Tree>,
    resolutions: Resolutions,
}

impl Bump {
    fn new(repository: &Path, tree: WorkTree, from: Release, to: Release) -> Result<Self> {
        let rustls = tree.0.join(BEFORE);
        let series = rustls_source::series(&rustls.join("patches"))?;
        let [_, commits] = tree.commits()?;
        let mut before = Vec::new();
        let mut texts = Vec::new();
        for ((name, text), commit) in series.into_iter().zip(commits) {
            let subject = commit.subject().to_owned();
            texts.push((name.clone(), text.clone()));
            let sections = sections(&String::from_utf8(text)?);
            before.push(Before { name, subject, message: commit.message, sections });
        }
        let sources = sources(&from.tree, &texts)?;
        let resolutions = Resolutions::read(&repository.join("rustls"))?;
        let repository = repository.to_owned();
        Ok(Self { repository, tree, from, to, before, sources, resolutions })
    }

    /// Carries the patches from the one with this index on.
    fn carry(&mut self, first: usize) -> Result<()> {
        for index in first..self.before.len() {
            let conflicts = self.carry_one(index)?;
            if !conflicts.is_empty() {
                self.remember(index, &conflicts)?;
                return Err(self.stopped(index, &conflicts).into());
            }
            self.commit(index)?;
        }
        self.remember(self.before.len(), &[])
    }

    /// Makes the change of one patch in the work tree, and returns the conflicts.
    fn carry_one(&self, index: usize) -> Result<Vec<Conflict>> {
        let (Some(patch), Some(base), Some(patched)) =
            (self.before.get(index), self.sources.get(index), self.sources.get(index + 1))
        else {
            return Ok(Vec::new());
        };
        let now = self.tree.files()?;
        let target = format!("rustls {}, with the patches before", self.to.version);
        let original = format!("rustls {}, with the patches before", self.from.version);
        let mut conflicts = Vec::new();
        let mut outcome = BTreeSet::new();
        for (file, change) in self.changes(patch) {
            let sides = Sides {
                base: base.get(&file),
                patched: patched.get(&file),
                target: now.get(&file),
            };
            let exact = self.resolutions.exact(&change, &file_digest(self.to.tree.get(&file)));
            let text = match exact.map(|it| it.apply(sides.target)).transpose()?.flatten() {
                Some(text) => {
                    outcome.insert(format!("{file} by a recorded resolution"));
                    Some(text)
                }
                None => match sides.merge([&target, &original, &patch.name])? {
                    Merged::Clean(text) => {
                        outcome
                            .extend((sides.base != sides.target).then(|| format!("{file} merged")));
                        text
                    }
                    Merged::Conflict(marked) => match self.similar(&change, sides)? {
                        Some((text, release)) => {
                            outcome.insert(format!(
                                "{file} by the resolution that was recorded for {release} (compare it)"
                            ));
                            Some(text)
                        }
                        None => {
                            let section = patch.section(&file).unwrap_or_default();
                            let marks = marked.as_deref().filter(|_| sides.target.is_some());
                            conflicts.push(Conflict::new(
                                &patch.name,
                                &file,
                                section,
                                sides,
                                marks,
                            )?);
                            marked
                        }
                    },
                },
            };
            if let Some(text) = text {
                write_tree(&Tree::from([(file, text)]), &self.tree.0)?;
            }
        }
        let outcome = match (conflicts.is_empty(), outcome.is_empty()) {
            (false, _) => "conflict".into(),
            (true, true) => "fits as it is".into(),
            (true, false) => Vec::from_iter(outcome).join(", "),
        };
        println!("{}: {outcome}", patch.name);
        Ok(conflicts)
    }

    /// The files that a patch changes, and those that it has to change in the other release by a resolution,
    /// with the digest of the change.
    fn changes(&self, patch: &Before) -> Vec<(String, String)> {
        let change = |file: &str, section| change_digest(&patch.subject, file, section);
        let mut changes: Vec<_> = patch
            .sections
            .iter()
            .map(|(file, section)| (file.clone(), change(file, Some(section))))
            .collect();
        for file in self.resolutions.iter().map(|it| &it.file).collect::<BTreeSet<_>>() {
            let new = change(file, None);
            let target = file_digest(self.to.tree.get(file));
            if patch.section(file).is_none() && self.resolutions.exact(&new, &target).is_some() {
                changes.push((file.clone(), new));
            }
        }
        changes
    }

    /// A resolution of the change for another state of the file that applies here, and its release.
    fn similar(&self, change: &str, sides: Sides<'_>) -> Result<Option<(Vec<u8>, String)>> {
        for resolution in self.resolutions.similar(change) {
            if let Some(text) = resolution.apply(sides.target)? {
                return Ok(Some((text, resolution.to.clone())));
            }
        }
        Ok(None)
    }

    /// Commits the files as the patch with this index, unless nothing has changed.
    fn commit(&self, index: usize) -> Result<()> {
        let Some(patch) = self.before.get(index) else { return Ok(()) };
        if self.tree.is_dirty()? {
            self.tree.commit(&patch.message)
        } else {
            println!("{}: left out, since it changes nothing in this release", patch.name);
            Ok(())
        }
    }

    fn remember(&self, next: usize, conflicts: &[Conflict]) -> Result<()> {
        let release = |it: &Release| json!({"version": it.version, "root": it.root});
        let state = json!({
            "from": release(&self.from),
            "to": release(&self.to),
            "next": next,
            "head": self.tree.git(["rev-parse", "HEAD"])?.trim(),
            "conflicts": conflicts.iter().map(|it| &it.file).collect::<Vec<_>>(),
        });
        Ok(fs::write(self.tree.0.join(STATE), state.to_string())?)
    }

    fn stopped(&self, index: usize, conflicts: &[Conflict]) -> String {
        let list: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
        format!(
            "patch {} of {} does not fit rustls {}\n{}\
             Resolve it in {FOLDER}, where git's markers show both changes; `git log old` there has the \
             patches as they were, and nothing needs to be committed. Then run\n    \
             cargo xtask rustls bump --continue\nor throw the work tree away:\n    \
             cargo xtask rustls bump --abort",
            index + 1,
            self.before.len(),
            self.to.version,
            list.concat(),
        )
    }
}

impl Before {
    fn section(&self, file: &str) -> Option<&str> {
        self.sections.iter().find(|(name, _)| name == file).map(|(_, section)| section.as_str())
    }
}

/// The source before the first patch, and after each.
fn sources(pristine: &Tree, series: &[(String, Vec<u8>)]) -> Result<Vec<Tree>> {
    let mut sources = vec![pristine.clone()];
    let mut source = pristine.clone();
    for (name, text) in series {
        apply(&mut source, name, text)?;
        sources.push(source.clone());
    }
    Ok(sources)
}
