//! The source of the patched rustls, made from the published one, the patches, and our own files.
//!
//! For the build scripts of `rustls` and `rustls-pristine`, and for `xtask`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs, io};

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use diffy::{Hunk, Line};

mod files;
mod pristine;
mod release;
mod root;

pub use files::{Tree, digest, read_tree, sha256, write_tree};
pub use pristine::{
    PRISTINE_VARIABLE, VERSION, pristine_files, pristine_root, pristine_tree, published_root,
};
pub use release::{NEXT, Release};
pub use root::{ROOT, Root};

/// An error, with the text of what to do.
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
        io::ErrorKind::NotFound => ". If it belongs to the repository, check that out again",
        _ => "",
    };
    Problem(format!("cannot {doing} {}: {err}{advice}", path.display()))
}

/// Prints a notice as a cargo warning, since cargo hides other output of build scripts.
fn notice(text: &str) {
    match env::var_os("OUT_DIR") {
        Some(_) => println!("cargo::warning={text}"),
        None => eprintln!("{text}"),
    }
}

/// The main function of build scripts: writes the source to `OUT_DIR/src`, with a root that can be
/// included, and the documentation of the crate to `OUT_DIR/crate.md`.
pub fn build(tree: impl FnOnce() -> Result<Tree, Problem>) -> ExitCode {
    println!("cargo::rerun-if-env-changed={PRISTINE_VARIABLE}");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    match tree().and_then(|tree| write_source(tree, &out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            for line in problem.0.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn write_source(mut tree: Tree, out: &Path) -> Result<(), Problem> {
    let root = Root::of(&tree)?;
    tree.insert(ROOT.into(), root.items.into());
    tree.insert("crate.md".into(), root.docs.into());
    // Remove files of an earlier run that do not exist any more.
    match fs::remove_dir_all(out.join("src")) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            Err(io_problem("remove", &out.join("src"), err))
        }
        _ => write_tree(&tree, out),
    }
}

/// The whole source of the patched rustls whose folder is `rustls`.
///
/// # Errors
/// If the published crate is not available, if a patch does not apply, or if a file cannot be read.
pub fn patched_tree(rustls: &Path) -> Result<Tree, Problem> {
    patched(pristine_tree()?, rustls, ADVICE)
}

fn patched(mut tree: Tree, rustls: &Path, advice: &str) -> Result<Tree, Problem> {
    for (name, text) in series(&rustls.join("patches"))? {
        apply_or(advice, &mut tree, &name, &text)?;
    }
    for (name, text) in own_files(rustls)? {
        if tree.insert(name.clone(), text).is_some() {
            return problem(format!(
                "{} is one of our own files, and one of upstream's: rename it",
                rustls.join(name).display()
            ));
        }
    }
    Ok(tree)
}

/// The files that are wholly ours, all of them in `src`. The root of the crate is not one of them: it only
/// includes generated files.
///
/// # Errors
/// If one cannot be read.
pub fn own_files(rustls: &Path) -> Result<Tree, Problem> {
    let mut own: Tree = read_tree(&rustls.join("src"))?
        .into_iter()
        .map(|(name, text)| (format!("src/{name}"), text))
        .collect();
    own.remove(ROOT);
    Ok(own)
}

/// The patches of a series, in order.
///
/// # Errors
/// If there are none.
pub fn series(patches: &Path) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let mut series: Vec<_> =
        read_tree(patches)?.into_iter().filter(|(name, _)| name.ends_with(".patch")).collect();
    series.sort();
    if series.is_empty() {
        problem(format!(
            "there are no patches in {}: check the repository out again",
            patches.display()
        ))
    } else {
        Ok(series)
    }
}

/// Applies one patch, as git formats them, to the files that it names.
///
/// # Errors
/// If it does not apply at exactly its place, or does more than change files.
pub fn apply(tree: &mut Tree, name: &str, text: &[u8]) -> Result<(), Problem> {
    apply_or(ADVICE, tree, name, text)
}

const ADVICE: &str = "The patches fit each other and rustls 0.23.46 only: restore them with \
                      `git checkout rustls/patches`, or change them with `cargo xtask rustls edit`.";

fn apply_or(advice: &str, tree: &mut Tree, name: &str, text: &[u8]) -> Result<(), Problem> {
    let text =
        std::str::from_utf8(text).map_err(|_| Problem(format!("{name} is not text. {advice}")))?;
    let mut files = 0;
    for file in PatchSet::parse(text, ParseOptions::gitdiff()) {
        let bad = |why: String| Problem(format!("{name} cannot be applied: {why}. {advice}"));
        let file = file.map_err(|err| bad(err.to_string()))?;
        let operation = file.operation().strip_prefix(1);
        let FileOperation::Modify { original, modified } = &operation else {
            return Err(bad("it does more than change files".into()));
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

/// Applies hunks only at their exact lines. diffy, like `patch`, would search for other places that fit,
/// and a single line of context fits in many.
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
