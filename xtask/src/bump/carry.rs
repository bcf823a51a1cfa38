//! Carries the change of one file to another release: a three-way merge, and the report of a conflict.

use std::fmt;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use diffy::patch_set::{ParseOptions, PatchSet};
use diffy::{DiffOptions, Line};

use crate::{Result, git_output};

/// The result of a merge. `None` is a file that does not exist.
#[derive(Debug, PartialEq, Eq)]
pub enum Merged {
    /// The file with both changes.
    Clean(Option<Vec<u8>>),
    /// The file with git's conflict markers, or `None` if the release does not have the file.
    Conflict(Option<Vec<u8>>),
}

/// The versions of one file that a merge is made of.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// The file before the patch, in the release that the patch fits.
    pub base: Option<&'a Vec<u8>>,
    /// The same file after the patch.
    pub patched: Option<&'a Vec<u8>>,
    /// The file in the other release, with the patches that come before.
    pub target: Option<&'a Vec<u8>>,
}

impl Sides<'_> {
    /// Makes the change of the patch in the target.
    ///
    /// # Errors
    /// If git fails.
    pub fn merge(self, labels: [&str; 3]) -> Result<Merged> {
        let Self { base, patched, target } = self;
        if base == patched {
            return Ok(Merged::Clean(target.cloned()));
        }
        if base == target {
            return Ok(Merged::Clean(patched.cloned()));
        }
        let (Some(base), Some(patched), Some(target)) = (base, patched, target) else {
            return Ok(Merged::Conflict(target.cloned()));
        };
        let aside = tempfile::tempdir()?;
        for (name, text) in [("target", target), ("base", base), ("patched", patched)] {
            fs::write(aside.path().join(name), text)?;
        }
        let mut args = vec!["merge-file", "--stdout", "--diff3"];
        args.extend(labels.iter().flat_map(|label| ["-L", label]));
        args.extend(["target", "base", "patched"]);
        let said = git_output(aside.path(), args)?;
        match said.status.code() {
            Some(0) => Ok(Merged::Clean(Some(said.stdout))),
            // The number of conflicts, 127 at most; errors are above.
            Some(1..=127) => Ok(Merged::Conflict(Some(said.stdout))),
            _ => Err(String::from_utf8_lossy(&said.stderr).trim().into()),
        }
    }
}

/// Whether a line is one of git's conflict markers.
pub fn is_marker(line: &str) -> bool {
    ["<<<<<<< ", "||||||| ", ">>>>>>> "].iter().any(|marker| line.starts_with(marker))
}

/// The parts of a patch that change one file each, by the name of the file.
pub fn sections(patch: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in patch.split_inclusive('\n') {
        if line.starts_with("diff --git ") {
            sections.push((String::new(), String::new()));
        }
        if let Some((name, section)) = sections.last_mut() {
            if let Some(changed) = line.strip_prefix("+++ b/") {
                *name = changed.trim_end().into();
            }
            section.push_str(line);
        }
    }
    sections
}

/// A hunk of a patch that upstream's own change meets.
#[derive(Debug, PartialEq, Eq)]
pub struct Hunk {
    /// Its number in the part of the patch for this file, from 1.
    pub number: usize,
    /// Its text, as in the patch.
    pub text: String,
}

/// A file in which a patch does not fit another release.
#[derive(Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The name of the patch.
    pub patch: String,
    /// The file.
    pub file: String,
    /// The lines of the work tree's file with the first marker of each conflict; none if the release does not
    /// have the file.
    pub lines: Vec<usize>,
    /// The hunks that upstream's changes meet.
    pub hunks: Vec<Hunk>,
    /// The number of hunks that the patch has for this file.
    pub of: usize,
}

impl Conflict {
    /// Finds the hunks of `section`, the part of the patch for this file, that cannot be carried.
    ///
    /// # Errors
    /// If the patch cannot be parsed.
    pub fn new(
        patch: &str,
        file: &str,
        section: &str,
        sides: Sides<'_>,
        marked: Option<&[u8]>,
    ) -> Result<Self> {
        let text = |side: Option<&Vec<u8>>| {
            String::from_utf8_lossy(side.map(Vec::as_slice).unwrap_or_default()).into_owned()
        };
        let (base, target) = (text(sides.base), text(sides.target));
        let upstream = DiffOptions::new().set_context_len(0).create_patch(&base, &target);
        let upstream: Vec<_> = upstream.hunks().iter().filter_map(changed).collect();
        let meets = |ours: &RangeInclusive<usize>| {
            sides.target.is_none()
                || upstream.iter().any(|it| ours.start() <= it.end() && it.start() <= ours.end())
        };
        let mut all = Vec::new();
        let mut met = Vec::new();
        let texts = hunk_texts(section);
        for part in PatchSet::parse(section, ParseOptions::gitdiff()) {
            let part = part.map_err(|err| format!("{patch} cannot be parsed: {err}"))?;
            let hunks = part.patch().as_text().map(|it| it.hunks()).unwrap_or_default();
            for (index, (hunk, text)) in hunks.iter().zip(&texts).enumerate() {
                let is_met = changed(hunk).is_some_and(|ours| meets(&ours));
                let hunk = || Hunk { number: index + 1, text: text.clone() };
                all.push(hunk());
                met.extend(is_met.then(hunk));
            }
        }
        let marked = String::from_utf8_lossy(marked.unwrap_or_default());
        let is_first = |(_, line): &(usize, &str)| line.starts_with("<<<<<<< ");
        Ok(Self {
            patch: patch.into(),
            file: file.into(),
            lines: (1..).zip(marked.lines()).filter(is_first).map(|(line, _)| line).collect(),
            of: all.len(),
            // git and diffy can differ in what they treat as changed.
            hunks: if met.is_empty() { all } else { met },
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { patch, file, lines, hunks, of } = self;
        writeln!(f, "conflict: {patch}")?;
        if lines.is_empty() {
            writeln!(f, "  {file} does not exist in this release, or was not in the one before")?;
        }
        for line in lines {
            writeln!(f, "  {file}:{line}")?;
        }
        for Hunk { number, text } in hunks {
            writeln!(f, "  hunk {number} of {of} for {file}:")?;
            for line in text.lines() {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}

/// The texts of the hunks of one file's part of a patch.
fn hunk_texts(section: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for line in section.split_inclusive('\n') {
        if line.starts_with("@@ ") {
            texts.push(String::new());
        }
        if let Some(text) = texts.last_mut() {
            text.push_str(line);
        }
    }
    texts
}

/// The places before lines of the old file, from the first that a hunk changes to the one after its last, as
/// git compares them: hunks that only touch each other are a conflict, too.
fn changed(hunk: &diffy::Hunk<'_, str>) -> Option<RangeInclusive<usize>> {
    let range = hunk.old_range();
    // A hunk that takes no line names the one before it.
    let mut at = range.start() + usize::from(range.is_empty());
    let mut found: Option<RangeInclusive<usize>> = None;
    for line in hunk.lines() {
        let after = at + usize::from(!matches!(line, Line::Insert(_)));
        if !matches!(line, Line::Context(_)) {
            let start = found.as_ref().map_or(at, |it| *it.start());
            found = Some(start..=after);
        }
        at = after;
    }
    found
}

/// The lines of the files in `folder` that still have conflict markers, as `file:line`.
///
/// # Errors
/// If a file cannot be read.
pub fn unresolved<'a>(
    folder: &Path,
    files: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files {
        let path = folder.join(file);
        if path.exists() {
            let text = fs::read_to_string(path)?;
            let lines = (1..).zip(text.lines()).filter(|(_, line)| is_marker(line));
            found.extend(lines.map(|(line, _)| format!("{file}:{line}")));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n";
    const SECTION: &str = "diff --git a/src/a.rs b/src/a.rs\nindex 111111111111..222222222222 100644\n\
                           --- a/src/a.rs\n+++ b/src/a.rs\n\
                           @@ -2,2 +2,3 @@\n two\n+ours\n three\n\
                           @@ -7,2 +8,2 @@\n seven\n-eight\n+EIGHT\n";

    fn patched() -> Vec<u8> {
        BASE.replace("two\n", "two\nours\n").replace("eight", "EIGHT").into()
    }

    fn conflict(target: &str) -> Option<Conflict> {
        let (base, patched, target) = (BASE.into(), patched(), target.as_bytes().to_vec());
        let sides = Sides { base: Some(&base), patched: Some(&patched), target: Some(&target) };
        match sides.merge(["target", "base", "patched"]).unwrap() {
            Merged::Clean(_) => None,
            Merged::Conflict(marked) => Some(
                Conflict::new("1.patch", "src/a.rs", SECTION, sides, marked.as_deref()).unwrap(),
            ),
        }
    }

    #[test]
    fn a_change_elsewhere_is_no_conflict() {
        assert_eq!(conflict(&BASE.replace("five", "FIVE")), None);
        assert_eq!(conflict(&format!("zero\n{BASE}")), None);
    }

    #[test]
    fn a_conflict_names_its_hunk_and_its_line_and_no_other_hunk() {
        let conflict = conflict(&BASE.replace("one\n", "").replace("eight", "acht")).unwrap();
        assert_eq!(
            conflict.to_string(),
            "conflict: 1.patch\n  src/a.rs:8\n  hunk 2 of 2 for src/a.rs:\n    @@ -7,2 +8,2 @@\n     \
             seven\n    -eight\n    +EIGHT\n"
        );
    }

    #[test]
    fn changes_that_touch_are_a_conflict() {
        let conflict = conflict(&BASE.replace("two", "zwei")).unwrap();
        let numbers: Vec<_> = conflict.hunks.iter().map(|hunk| hunk.number).collect();
        assert_eq!((conflict.lines, numbers), (vec![2], vec![1]));
    }

    #[test]
    fn a_file_that_is_gone_is_a_conflict_of_all_hunks() {
        let (base, patched) = (BASE.into(), patched());
        let sides = Sides { base: Some(&base), patched: Some(&patched), target: None };
        assert_eq!(sides.merge(["", "", ""]).unwrap(), Merged::Conflict(None));
        let conflict = Conflict::new("1.patch", "src/a.rs", SECTION, sides, None).unwrap();
        assert_eq!((conflict.hunks.len(), conflict.of), (2, 2));
        assert!(conflict.to_string().contains("src/a.rs does not exist in this release"));
    }

    #[test]
    fn the_parts_of_a_patch_are_by_file() {
        let patch = format!("From: x\n\n{SECTION}{}", SECTION.replace("a.rs", "b.rs"));
        let names: Vec<_> = sections(&patch).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["src/a.rs", "src/b.rs"]);
        assert_eq!(sections(&patch).remove(0).1, SECTION);
    }
}
