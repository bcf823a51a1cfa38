// Makes the source of the patched rustls: the pristine source, the patches, and our own files.
//
// Included by the build scripts of `rustls` and `rustls-pristine`, and by `xtask`.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use diffy::{Hunk, Line};

#[path = "generate/files.rs"]
mod files;
#[path = "generate/pristine.rs"]
mod pristine;

#[allow(unused_imports)] // not every includer uses all of them
pub use files::{STAMP, Tree, digest, read_tree};
#[allow(unused_imports)]
pub use pristine::{PRISTINE_VARIABLE, pristine_files, pristine_root, pristine_tree};

/// The one version that the patches fit.
pub const VERSION: &str = "0.23.46";

/// What went wrong, and what to do about it.
#[derive(Debug)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

fn problem<T>(text: impl Into<String>) -> Result<T, Problem> {
    Err(Problem(text.into()))
}

fn io_problem(doing: &str, path: &Path, err: io::Error) -> Problem {
    let advice = match err.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". The patched source is made in the folder of its crate: make that writable, or build \
             from a copy of the repository"
        }
        io::ErrorKind::NotFound => ". If it belongs to the repository, check that out again",
        _ => "",
    };
    Problem(format!("cannot {doing} {}: {err}{advice}", path.display()))
}

/// Where a generated crate's parts are.
pub struct Layout {
    /// The folder with the package that asks cargo for the pristine crate.
    pub pristine: PathBuf,
    /// The patches, in the order of their names; `None` for the pristine crate itself.
    pub patches: Option<PathBuf>,
    /// The files that are wholly ours.
    pub own: Option<PathBuf>,
    /// Where the outcome goes.
    pub generated: PathBuf,
}

impl Layout {
    /// The patched rustls whose folder is `root`.
    pub fn patched(root: &Path) -> Self {
        Self {
            pristine: root.join("pristine"),
            patches: Some(root.join("patches")),
            own: Some(root.join("src")),
            generated: root.join("gen"),
        }
    }

    /// What goes into the outcome, besides the pristine source itself.
    pub fn inputs(&self) -> Result<Tree, Problem> {
        let mut inputs = Tree::new();
        let pin = self.pristine.join("tree.sha256");
        inputs.insert("tree.sha256".into(), files::read(&pin)?);
        for (name, text) in [
            ("generate.rs", &include_bytes!("generate.rs")[..]),
            ("generate/files.rs", include_bytes!("generate/files.rs")),
            ("generate/pristine.rs", include_bytes!("generate/pristine.rs")),
        ] {
            inputs.insert(name.into(), text.to_vec());
        }
        if let Some(patches) = &self.patches {
            let series = series(patches)?;
            inputs.extend(series.into_iter().map(|(name, text)| (format!("patches/{name}"), text)));
        }
        if let Some(own) = &self.own {
            let files = read_tree(own)?;
            inputs.extend(files.into_iter().map(|(name, text)| (format!("src/{name}"), text)));
        }
        Ok(inputs)
    }

    /// The whole source, made anew.
    pub fn tree(&self) -> Result<Tree, Problem> {
        let mut tree = pristine_tree(&self.pristine)?;
        if let Some(patches) = &self.patches {
            for (name, text) in series(patches)? {
                apply(&mut tree, &name, &text)?;
            }
        }
        if let Some(own) = &self.own {
            for (name, text) in read_tree(own)? {
                let name = format!("src/{name}");
                if tree.insert(name.clone(), text).is_some() {
                    return problem(format!(
                        "rustls/{name} is one of our own files, and one of upstream's: rename it",
                    ));
                }
            }
        }
        Ok(tree)
    }
}

/// What [`generate`] did.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: what is there is what would be made.
    Current,
    /// It wrote the source.
    Written,
    /// It wrote the source over one that somebody had changed.
    Overwritten,
}

/// Brings the generated source up to date.
pub fn generate(layout: &Layout) -> Result<Outcome, Problem> {
    let inputs = digest(&layout.inputs()?);
    let stamp = || fs::read_to_string(layout.generated.join(STAMP)).unwrap_or_default();
    let stamped = stamp();
    let mut outcome = Outcome::Written;
    if let [of_inputs, of_outcome] = stamped.lines().collect::<Vec<_>>()[..] {
        let mut there = read_tree(&layout.generated).unwrap_or_default();
        there.remove(STAMP);
        match (digest(&there) == of_outcome, of_inputs == inputs) {
            (true, true) => return Ok(Outcome::Current),
            // Unless another build is at work there.
            (false, _) if stamp() == stamped => outcome = Outcome::Overwritten,
            _ => {}
        }
    }
    let tree = layout.tree()?;
    let stamp = format!("{inputs}\n{}\n", digest(&tree));
    files::write(tree, &stamp, &layout.generated)?;
    Ok(outcome)
}

/// The patches of a series, in order.
pub fn series(patches: &Path) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let mut series: Vec<_> =
        read_tree(patches)?.into_iter().filter(|(name, _)| name.ends_with(".patch")).collect();
    series.sort();
    match series.is_empty() {
        true => problem(format!(
            "there are no patches in {}: check the repository out again",
            patches.display()
        )),
        false => Ok(series),
    }
}

/// Applies one patch, as git formats them, to the files that it names.
pub fn apply(tree: &mut Tree, name: &str, text: &[u8]) -> Result<(), Problem> {
    let advice = "The patches fit each other and rustls 0.23.46 only: restore them with \
                  `git checkout rustls/patches`, or change them with `cargo xtask rustls edit`.";
    let text =
        std::str::from_utf8(text).map_err(|_| Problem(format!("{name} is not text. {advice}")))?;
    let mut files = 0;
    for file in PatchSet::parse(text, ParseOptions::gitdiff()) {
        let bad = |why: String| Problem(format!("{name} cannot be applied: {why}. {advice}"));
        let file = file.map_err(|err| bad(err.to_string()))?;
        let operation = file.operation().strip_prefix(1);
        let FileOperation::Modify { original, modified } = &operation else {
            return Err(bad("it does more than to change files".into()));
        };
        let path = modified.to_string();
        if *original != *modified {
            return Err(bad(format!("it renames {original}")));
        }
        let old = tree.get(&path).ok_or_else(|| bad(format!("there is no {path}")))?;
        let old = std::str::from_utf8(old).map_err(|_| bad(format!("{path} is not text")))?;
        let patch =
            file.patch().as_text().ok_or_else(|| bad(format!("it is binary for {path}")))?;
        let new =
            apply_hunks(old, patch.hunks()).map_err(|why| bad(format!("in {path}, {why}")))?;
        tree.insert(path, new.into_bytes());
        files += 1;
    }
    match files {
        0 => problem(format!("{name} changes nothing. {advice}")),
        _ => Ok(()),
    }
}

/// Applies hunks where they say, so that there is one outcome or none. Like `patch`, diffy would go
/// on to look for other places that fit, and a single line of context fits in many.
fn apply_hunks(old: &str, hunks: &[Hunk<'_, str>]) -> Result<String, String> {
    let mut rest = old.split_inclusive('\n');
    let mut new = String::with_capacity(old.len());
    let mut taken = 0;
    for hunk in hunks {
        let range = hunk.old_range();
        // A hunk that takes no line names the one before it.
        let before = range.start().saturating_sub(usize::from(!range.is_empty()));
        let between = before.checked_sub(taken).ok_or("hunks are not in order")?;
        new.extend(rest.by_ref().take(between));
        taken = before;
        for line in hunk.lines() {
            if let Line::Context(text) | Line::Delete(text) = line {
                taken += 1;
                if rest.next() != Some(*text) {
                    return Err(format!("line {taken} is not {:?}", text.trim()));
                }
            }
            if let Line::Context(text) | Line::Insert(text) = line {
                new.push_str(text);
            }
        }
    }
    new.extend(rest);
    Ok(new)
}
