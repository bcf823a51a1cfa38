//! Recorded resolutions: how the change of a patch in one file became another one, for another release.
//!
//! They are in `rustls/resolutions`, a file each, and are found by content: by the change itself, without its
//! line numbers, and by the digest of the file in the other release. So neither a patch's number nor its name
//! matters, and a release that does not change the file uses the same resolution.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustls_source::{Tree, apply, digest, read_tree, write_tree};

use super::carry::sections;
use crate::{Result, git};

/// The digest of a change of one file: its part of the patch without line numbers and object names. The digest
/// of no change depends on the patch's subject.
pub fn change_digest(subject: &str, file: &str, section: Option<&str>) -> String {
    let change = match section {
        None => format!("nothing in: {subject}"),
        Some(section) => section
            .lines()
            .filter(|line| !line.starts_with("index "))
            .map(|line| match line.strip_prefix("@@ ").and_then(|rest| rest.split_once(" @@")) {
                Some((_, rest)) => format!("@@{rest}\n"),
                None => format!("{line}\n"),
            })
            .collect(),
    };
    digest(&Tree::from([("file".into(), file.into()), ("change".into(), change.into())]))
}

/// The digest of a file of a release, if the release has it.
pub fn file_digest(text: Option<&Vec<u8>>) -> String {
    digest(&text.map(|text| ("file".to_owned(), text.clone())).into_iter().collect())
}

/// One recorded resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The subject of the patch.
    pub patch: String,
    /// The file.
    pub file: String,
    /// The release that the patch came from.
    pub from: String,
    /// The release that it was carried to.
    pub to: String,
    /// The [`change_digest`] of the change in `from`.
    pub change: String,
    /// The [`file_digest`] of the file in `to`.
    pub target: String,
    /// The change in `to`, as git writes it; empty if the patch does not change the file there.
    pub diff: String,
}

impl Resolution {
    fn parse(text: &str) -> Option<Self> {
        let (head, diff) = text.split_once("\n\n")?;
        let mut fields: BTreeMap<_, _> =
            head.lines().filter_map(|line| line.split_once(": ")).collect();
        let mut field = |name| fields.remove(name).map(str::to_owned);
        let resolution = Self {
            patch: field("Patch")?,
            file: field("File")?,
            from: field("From")?,
            to: field("To")?,
            change: field("Change")?,
            target: field("Target")?,
            diff: diff.to_owned(),
        };
        let is_of_file = match sections(diff).as_slice() {
            [] => diff.is_empty(),
            [(name, _)] => *name == resolution.file,
            _ => false,
        };
        (fields.is_empty() && is_of_file).then_some(resolution)
    }

    fn text(&self) -> String {
        let Self { patch, file, from, to, change, target, diff } = self;
        format!(
            "Patch: {patch}\nFile: {file}\nFrom: {from}\nTo: {to}\nChange: {change}\nTarget: \
             {target}\n\n{diff}"
        )
    }

    /// The name of its file. It is the same for each resolution of the same change in the same target.
    pub fn name(&self) -> String {
        let key = |digest: &str| digest.get(..8).unwrap_or(digest).to_owned();
        let file = self.file.replace('/', "-");
        format!("{file}-{}-{}.patch", key(&self.change), key(&self.target))
    }

    /// The file with the resolved change, or `None` if it does not apply.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn apply(&self, target: Option<&Vec<u8>>) -> Result<Option<Vec<u8>>> {
        let Some(target) = target else { return Ok(None) };
        if self.diff.is_empty() {
            return Ok(Some(target.clone()));
        }
        let mut tree = Tree::from([(self.file.clone(), target.clone())]);
        if apply(&mut tree, &self.name(), self.diff.as_bytes()).is_ok() {
            return Ok(tree.remove(&self.file));
        }
        // Other patches may have moved the lines.
        let aside = tempfile::tempdir()?;
        write_tree(&tree, aside.path())?;
        let patch = aside.path().join("resolution.patch");
        fs::write(&patch, &self.diff)?;
        match git(aside.path(), ["apply".as_ref(), patch.as_os_str()]) {
            Ok(_) => Ok(Some(fs::read(aside.path().join(&self.file))?)),
            Err(_) => Ok(None),
        }
    }
}

/// All recorded resolutions of a repository.
pub struct Resolutions {
    folder: PathBuf,
    all: Vec<Resolution>,
}

impl Resolutions {
    /// Reads them; there are none if the folder does not exist.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn read(rustls: &Path) -> Result<Self> {
        let folder = rustls.join("resolutions");
        let files = if folder.exists() { read_tree(&folder)? } else { Tree::new() };
        let mut all = Vec::new();
        for (name, text) in files.into_iter().filter(|(name, _)| name.ends_with(".patch")) {
            let resolution = String::from_utf8(text).ok().and_then(|text| Resolution::parse(&text));
            all.push(resolution.ok_or_else(|| {
                format!(
                    "rustls/resolutions/{name} is not as `cargo xtask rustls bump` writes it: restore \
                     it with `git checkout`, or delete it"
                )
            })?);
        }
        Ok(Self { folder, all })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Resolution> {
        self.all.iter()
    }

    /// The resolution of a change for exactly this target.
    pub fn exact(&self, change: &str, target: &str) -> Option<&Resolution> {
        self.all.iter().find(|it| it.change == change && it.target == target)
    }

    /// The resolutions of a change for other states of the file.
    pub fn similar<'a>(&'a self, change: &'a str) -> impl Iterator<Item = &'a Resolution> {
        self.all.iter().filter(move |it| it.change == change)
    }

    /// Records a resolution, in place of one for the same change and target. Returns whether it is new.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn record(&mut self, new: Resolution) -> Result<bool> {
        if self.exact(&new.change, &new.target).is_some_and(|old| old.diff == new.diff) {
            return Ok(false);
        }
        self.all.retain(|old| old.change != new.change || old.target != new.target);
        write_tree(&Tree::from([(new.name(), new.text().into())]), &self.folder)?;
        self.all.push(new);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "diff --git a/src/a.rs b/src/a.rs\nindex 111..222 100644\n--- a/src/a.rs\n\
                        +++ b/src/a.rs\n@@ -2,6 +2,7 @@\n a\n b\n c\n+ours\n d\n e\n f\n";
    const TARGET: &str = "start\na\nb\nc\nd\ne\nf\nend\n";

    fn resolution(diff: &str) -> Resolution {
        Resolution {
            patch: "Have an idea".into(),
            file: "src/a.rs".into(),
            from: "1.0.0".into(),
            to: "1.0.1".into(),
            change: change_digest("Have an idea", "src/a.rs", Some(DIFF)),
            target: file_digest(Some(&TARGET.into())),
            diff: diff.into(),
        }
    }

    #[test]
    fn line_numbers_do_not_change_the_digest_of_a_change_and_lines_do() {
        let of = |section: &str| change_digest("s", "f", Some(section));
        let moved = DIFF.replace("-2,6 +2,7", "-7,6 +8,7").replace("111..222", "333..444");
        assert_eq!(of(&moved), of(DIFF));
        assert_ne!(of(&DIFF.replace("ours", "yours")), of(DIFF));
        assert_ne!(change_digest("s", "f", None), change_digest("t", "f", None));
    }

    #[test]
    fn a_resolution_that_was_written_is_read_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut all = Resolutions::read(folder.path()).unwrap();
        let (first, second) = (resolution(DIFF), resolution(""));
        assert!(all.record(first.clone()).unwrap());
        assert!(!all.record(first.clone()).unwrap());
        let read = |from: &Resolution| {
            let all = Resolutions::read(folder.path()).unwrap();
            assert_eq!(all.iter().count(), 1);
            all.exact(&from.change, &from.target).cloned()
        };
        assert_eq!(read(&first), Some(first));
        assert!(all.record(second.clone()).unwrap());
        assert_eq!(read(&second), Some(second));
    }

    #[test]
    fn a_resolution_is_found_where_other_patches_moved_it_and_refused_where_the_lines_differ() {
        let apply = |diff: &str, target: &str| {
            let text = resolution(diff).apply(Some(&target.into())).unwrap();
            text.map(|text| String::from_utf8(text).unwrap())
        };
        let resolved = TARGET.replace("c\n", "c\nours\n");
        assert_eq!(apply(DIFF, TARGET), Some(resolved.clone()));
        assert_eq!(apply(DIFF, &format!("{TARGET}{TARGET}")), Some(format!("{resolved}{TARGET}")));
        let moved = format!("before\n{TARGET}");
        assert_eq!(apply(DIFF, &moved), Some(format!("before\n{resolved}")));
        assert_eq!(apply(DIFF, &TARGET.replace("e\n", "E\n")), None);
        assert_eq!(apply("", "one\n").unwrap(), "one\n");
        assert_eq!(resolution(DIFF).apply(None).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_not_a_resolution_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "Patch: x\n\n", &resolution(&DIFF.replace("a.rs", "b.rs")).text()] {
            let file = ("resolutions/bad.patch".to_owned(), text.as_bytes().to_vec());
            write_tree(&Tree::from([file]), folder.path()).unwrap();
            let problem = Resolutions::read(folder.path()).err().unwrap().to_string();
            assert!(problem.starts_with("rustls/resolutions/bad.patch is not as"), "{problem}");
        }
    }
}
