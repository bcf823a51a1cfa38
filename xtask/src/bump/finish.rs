//! The end of a bump: records resolutions, writes the repository, and tests it.

use std::collections::BTreeSet;
use std::process::Stdio;

use rustls_source::Tree;

use super::carry::{Merged, Sides, sections};
use super::pins::{self, Release};
use super::resolutions::{Resolution, change_digest, file_digest};
use super::{Before, Bump, FOLDER, abort, sources};
use crate::rustls::{self, Series};
use crate::work_tree::{Commit, WorkTree};
use crate::{Result, unit};

impl Bump {
    /// Writes everything to the repository, and tests it.
    pub(super) fn finish(&mut self, test: bool) -> Result<()> {
        if self.tree.is_dirty()? {
            return Err(
                format!("{FOLDER} has changes that are not committed: amend a commit").into()
            );
        }
        let (series, own) = self.tree.series(&self.to.tree)?;
        if test {
            self.compile()?;
        }
        self.record(&series)?;
        rustls::write(&Series::new(&self.repository, false), series, own)?;
        let changed = pins::write(&self.repository, &self.from, &self.to)?;
        println!("{} other changes of the repository", changed.len());
        for line in changed {
            println!("  {line}");
        }
        if test {
            self.test()?;
        }
        abort(&self.repository)?;
        println!("The patches are for rustls {} now.", self.to.version);
        Ok(())
    }

    /// Checks that the series compiles.
    fn compile(&self) -> Result<()> {
        unit::compile(&self.repository, &self.tree.files()?, &self.to.root).map_err(|err| {
            format!(
                "the patched source does not compile: {err}\nChange the commits in {FOLDER} (`git rebase \
                 --interactive base`), then run `cargo xtask rustls bump --continue`."
            )
            .into()
        })
    }

    /// Records how the commits differ from what the merge makes, for both directions.
    fn record(&mut self, series: &Tree) -> Result<()> {
        let [commits, old] = self.tree.commits()?;
        let texts: Vec<_> =
            series.iter().map(|(name, text)| (name.clone(), text.clone())).collect();
        let now = sources(&self.to.tree, &texts)?;
        let mut free: Vec<usize> = (0..self.before.len()).collect();
        let mut recorded = 0;
        for (index, commit) in commits.iter().enumerate() {
            let is_same = |at: &&usize| {
                self.before.get(**at).is_some_and(|it| it.subject == commit.subject())
            };
            let Some(before) = free.iter().find(is_same).copied() else { continue };
            free.retain(|at| *at != before);
            let text = texts.get(index).map(|(_, text)| String::from_utf8_lossy(text).into_owned());
            let there = Before {
                name: String::new(),
                subject: commit.subject().into(),
                message: String::new(),
                sections: sections(&text.unwrap_or_default()),
            };
            let (Some(here), Some(old)) = (self.before.get(before), old.get(before)) else {
                continue;
            };
            let this = Side {
                patch: here,
                sources: &self.sources,
                index: before,
                release: &self.from,
                commit: old,
            };
            let that = Side { patch: &there, sources: &now, index, release: &self.to, commit };
            let mut new = this.resolutions(&that, &self.tree)?;
            new.extend(that.resolutions(&this, &self.tree)?);
            for resolution in new {
                let name = resolution.name();
                if self.resolutions.record(resolution)? {
                    println!("  recorded rustls/resolutions/{name}");
                    recorded += 1;
                }
            }
        }
        println!("{recorded} resolutions recorded");
        Ok(())
    }

    /// Runs upstream's unit tests and ours, in a new build of this program.
    fn test(&self) -> Result<()> {
        let cargo = || {
            let mut cargo = crate::cargo();
            cargo.current_dir(&self.repository);
            cargo
        };
        // The lock files of the other workspaces follow their manifests.
        for folder in ["fuzz", "adapters/pingora", "adapters/rustls", "rustls-next"] {
            let mut metadata = cargo();
            metadata.current_dir(self.repository.join(folder));
            metadata.args(["metadata", "--quiet", "--format-version", "1"]);
            crate::run(metadata.stdout(Stdio::null()))?;
        }
        for args in
            [&["xtask", "rustls", "check"][..], &["xtask", "rustls", "test"], &["test", "--quiet"]]
        {
            crate::run(cargo().args(args)).map_err(|err| {
                format!(
                    "{err}\nThe repository has the new series. Change the commits in {FOLDER}, or our own \
                     code, then run `cargo xtask rustls bump --continue`."
                )
            })?;
        }
        Ok(())
    }
}

/// One patch in one release, beside the same patch in the other release.
struct Side<'a> {
    patch: &'a Before,
    sources: &'a [Tree],
    index: usize,
    release: &'a Release,
    commit: &'a Commit,
}

impl Side<'_> {
    /// The resolutions without which the patch of this side would not become that of the other.
    fn resolutions(&self, other: &Self, tree: &WorkTree) -> Result<Vec<Resolution>> {
        let at = |side: &Self, more: usize, file: &str| {
            side.sources.get(side.index + more)?.get(file).cloned()
        };
        let mut found = Vec::new();
        let names = |side: &Self| {
            side.patch.sections.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
        };
        for file in names(self).union(&names(other)) {
            let (base, patched) = (at(self, 0, file), at(self, 1, file));
            let target = at(other, 0, file);
            let sides =
                Sides { base: base.as_ref(), patched: patched.as_ref(), target: target.as_ref() };
            if sides.merge(["", "", ""])? == Merged::Clean(at(other, 1, file)) {
                continue;
            }
            let id = &other.commit.id;
            let range = [format!("{id}^"), id.clone(), "--".into(), format!(":(literal){file}")];
            let args = ["diff", "--no-renames", "--unified=3", "--abbrev=12"].map(String::from);
            found.push(Resolution {
                patch: self.patch.subject.clone(),
                file: file.clone(),
                from: self.release.version.clone(),
                to: other.release.version.clone(),
                change: change_digest(&self.patch.subject, file, self.patch.section(file)),
                target: file_digest(other.release.tree.get(file)),
                diff: tree.git(args.into_iter().chain(range))?,
            });
        }
        Ok(found)
    }
}
