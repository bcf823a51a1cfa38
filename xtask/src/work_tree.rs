//! A git work tree of the patched source, and how patches are made from its commits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustls_source::{Tree, write_tree};

use crate::{Result, git};

/// The tag of the commit with upstream's files only.
const PRISTINE: &str = "pristine";
/// The tag of the commit on which the patches stand.
const BASE: &str = "base";
/// The branch with the patches of the release before, and the tag of the commit on which they stand.
const OLD: &str = "old";
const OLD_BASE: &str = "old-base";
/// The tag of the last saved or loaded commit.
const SAVED: &str = "saved";

/// A git work tree: the pristine source, our own files on it, and a commit for each patch.
pub struct WorkTree(pub PathBuf);

/// A commit of a [`WorkTree`].
pub struct Commit {
    /// Its name in git.
    pub id: String,
    /// Its message.
    pub message: String,
}

impl Commit {
    /// The first line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

impl WorkTree {
    /// Makes the work tree from `pristine` and the series, and replaces the contents of its folder.
    ///
    /// # Errors
    /// If the series does not apply, or git fails.
    pub fn make(&self, pristine: &Tree, rustls: &Path) -> Result<()> {
        let made = self.fill(pristine, rustls);
        if made.is_err() {
            let _ = fs::remove_dir_all(&self.0);
        }
        made
    }

    fn fill(&self, pristine: &Tree, rustls: &Path) -> Result<()> {
        let patches = rustls.join("patches").canonicalize()?;
        if self.0.exists() {
            fs::remove_dir_all(&self.0)?;
        }
        fs::create_dir_all(&self.0)?;
        self.git(["init", "--quiet", "--template=", "--initial-branch=patched"])?;
        // Hunk headers without the line of upstream's source that git would quote.
        self.git(["config", "diff.plain.xfuncname", "^-- never --$"])?;
        fs::create_dir_all(self.0.join(".git/info"))?;
        fs::write(self.0.join(".git/info/attributes"), "* -text\n*.rs diff=plain\n")?;
        self.begin(pristine, &rustls_source::own_files(rustls)?)?;
        for (name, _) in rustls_source::series(&patches)? {
            let patch = patches.join(&name);
            self.git(["am", "--quiet", "--keep-non-patch", "-C1", &patch.display().to_string()])
                .map_err(|err| format!("{name} does not apply: {err}"))?;
        }
        self.git(["tag", SAVED])?;
        Ok(())
    }

    /// The commits on which the patches stand.
    fn begin(&self, pristine: &Tree, own: &Tree) -> Result<()> {
        for (files, message, tag) in [
            (pristine, "rustls as published", PRISTINE),
            (own, "Files that are wholly ours (rustls/src)", BASE),
        ] {
            write_tree(files, &self.0)?;
            self.commit(message)?;
            self.git(["tag", "--force", tag])?;
        }
        Ok(())
    }

    /// Keeps the patches as the branch [`OLD`], and begins the branch for patches anew on another release.
    ///
    /// # Errors
    /// If git fails.
    pub fn begin_again(&self, pristine: &Tree, own: &Tree) -> Result<()> {
        self.git(["branch", "--move", OLD])?;
        self.git(["tag", OLD_BASE, BASE])?;
        self.git(["checkout", "--quiet", "--orphan", "patched"])?;
        self.git(["rm", "-r", "--force", "--quiet", "."])?;
        self.begin(pristine, own)
    }

    /// The commits of the patches, and those of the branch [`OLD`].
    ///
    /// # Errors
    /// If git fails.
    pub fn commits(&self) -> Result<[Vec<Commit>; 2]> {
        let list = |range: &str| -> Result<Vec<Commit>> {
            let ids = self.git(["rev-list", "--reverse", range])?;
            let commit = |id: &str| {
                let message = self.git(["log", "-1", "--format=%B", id])?;
                Ok(Commit { id: id.into(), message: message.trim_end().into() })
            };
            ids.lines().map(commit).collect()
        };
        Ok([list(&format!("{BASE}..HEAD"))?, list(&format!("{OLD_BASE}..{OLD}"))?])
    }

    /// Commits all files as they are.
    ///
    /// # Errors
    /// If git fails.
    pub fn commit(&self, message: &str) -> Result<()> {
        self.git(["add", "--all", "--force"])?;
        self.git([
            "commit",
            "--quiet",
            "--allow-empty",
            "--cleanup=verbatim",
            "--message",
            message,
        ])?;
        Ok(())
    }

    /// All files, without those of git.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn files(&self) -> Result<Tree> {
        let mut files = rustls_source::read_tree(&self.0)?;
        files.retain(|name, _| !name.starts_with(".git/"));
        Ok(files)
    }

    /// Whether the work tree exists.
    pub fn exists(&self) -> bool {
        self.0.join(".git").exists()
    }

    /// Whether it has changes that are not committed.
    ///
    /// # Errors
    /// If git fails.
    pub fn is_dirty(&self) -> Result<bool> {
        Ok(!self.git(["status", "--porcelain"])?.is_empty())
    }

    /// Whether it has commits that are not in the series.
    ///
    /// # Errors
    /// If git fails.
    pub fn is_unsaved(&self) -> Result<bool> {
        let at = |name: &str| self.git(["rev-parse", "--verify", "--quiet", name]);
        // Without the tag, nothing was ever saved.
        Ok(at("HEAD")? != at(SAVED).unwrap_or_default())
    }

    /// The commits as a series of patches of `pristine`, and the files that upstream does not have.
    ///
    /// Every commit and every patch gets the same author and date, so that the result does not depend
    /// on the user and the time.
    ///
    /// # Errors
    /// If a commit cannot be a patch, or if the series would not make exactly this source.
    pub fn series(&self, pristine: &Tree) -> Result<(Tree, Tree)> {
        let names = |what: &str| -> Result<BTreeSet<String>> {
            let names = self.git(["ls-tree", "-r", "-z", "--name-only", what])?;
            Ok(names.split_terminator('\0').map(str::to_owned).collect())
        };
        let (upstream, now) = (names(PRISTINE)?, names("HEAD")?);
        if let Some(gone) = upstream.difference(&now).next() {
            return Err(format!("{gone} is gone: patches only change upstream's files").into());
        }
        if let Some(misplaced) = now.difference(&upstream).find(|name| !name.starts_with("src/")) {
            return Err(format!("{misplaced} is outside src/, where nothing would build it").into());
        }
        self.make_neutral()?;

        let aside = tempfile::tempdir()?;
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
        args.extend([aside.path().display().to_string(), format!("{BASE}..HEAD"), "--".into()]);
        args.extend(upstream.iter().map(|name| format!(":(literal){name}")));
        self.git(args)?;
        let series = rustls_source::read_tree(aside.path())?;
        let own: Tree = now
            .difference(&upstream)
            .map(|name| Ok((name.clone(), fs::read(self.0.join(name))?)))
            .collect::<Result<_>>()?;

        let mut made = pristine.clone();
        for (name, text) in &series {
            rustls_source::apply(&mut made, name, text)?;
        }
        made.extend(own.clone());
        match difference(&made, &self.files()?) {
            Some(name) => Err(format!("the series would not make {name} as it is here").into()),
            None => Ok((series, own)),
        }
    }

    /// Gives each commit the author and the date that [`git`] sets.
    fn make_neutral(&self) -> Result<()> {
        if self.git(["symbolic-ref", "--quiet", "HEAD"]).is_err() {
            return Err(
                "no branch is checked out: finish the rebase, or check out `patched`".into()
            );
        }
        if !self.git(["rev-list", "--merges", &format!("{BASE}..HEAD")])?.is_empty() {
            return Err("a merge cannot become a patch: rebase instead".into());
        }
        let commits = self.git(["rev-list", "--reverse", &format!("{BASE}..HEAD")])?;
        let mut head = self.git(["rev-parse", BASE])?.trim().to_owned();
        for commit in commits.lines() {
            let message = self.git(["log", "-1", "--format=%B", commit])?;
            let files = format!("{commit}^{{tree}}");
            let made = self.git(["commit-tree", &files, "-p", &head, "-m", message.trim_end()])?;
            head = made.trim().to_owned();
        }
        self.git(["reset", "--quiet", "--soft", &head])?;
        Ok(())
    }

    /// Records that the series has all commits.
    ///
    /// # Errors
    /// If git fails.
    pub fn mark_saved(&self) -> Result<()> {
        self.git(["tag", "--force", SAVED])?;
        Ok(())
    }

    /// Runs git there.
    ///
    /// # Errors
    /// If git fails.
    pub fn git(
        &self,
        args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
    ) -> Result<String> {
        git(&self.0, args)
    }
}

/// The first file in which two trees differ.
pub fn difference<'a>(one: &'a Tree, other: &'a Tree) -> Option<&'a String> {
    one.keys().chain(other.keys()).find(|name| one.get(*name) != other.get(*name))
}
