//! Tests the code blocks of the pages: each Rust block is built as a crate with the Cargo.toml that the
//! page shows for it, and commands are run.
//!
//! The comment in the last line before a block selects the test:
//!
//! | block | test |
//! |---|---|
//! | `toml` with `[dependencies]` | the manifest of the Rust blocks below it, until the next one |
//! | `toml` | must be well-formed |
//! | `rust` | is built with the nearest manifest above it; with `fn main` as a program |
//! | `rust` after `<!-- run -->` | is built, and run to its end |
//! | `rust` after `<!-- serve -->` | is built, and runs while the blocks after it run |
//! | `console` after `<!-- run -->` | is run by bash; the first command that fails ends it |
//! | any after `<!-- output -->` | must be the output of the block before it |
//! | any after `<!-- file NAME -->` | is written to the folder in which the blocks of the page run |
//! | after `<!-- tested by PATH -->` | is run by that file, which names its section or its first line |
//! | after `<!-- not tested: REASON -->` | none |
//!
//! A `console` block without such a line is an error, and so is a relative link to a file or a section
//! that does not exist. The blocks of a page run in its order, in a
//! folder that is empty at first. A manifest without `[patch.crates-io]` has that of the one above
//! it. In manifests, the address [`ADDRESS`] becomes this repository; the
//! port [`PORT`] becomes one that is free.

use std::fs;
use std::path::Path;

use crate::{Result, git};

mod blocks;
mod build;
mod links;
mod run;

pub use blocks::{Block, Marker, blocks};
pub use build::manifest;

/// The placeholder in the pages for the address of this repository.
pub const ADDRESS: &str = "https://example.org/rustls-ext";
/// The port in the pages on which their servers listen.
pub const PORT: &str = "8443";

/// Builds and runs the code of all pages, or of those whose path contains `only`.
///
/// # Errors
/// If a block does not build, fails, or does not say how it is tested; with the place of each.
pub fn test(repository: &Path, only: Option<&str>) -> Result<()> {
    let pages = check(repository)?;
    let mut failed = Vec::new();
    let chosen = |page: &&Page| only.is_none_or(|only| page.path.contains(only));
    for page in pages.iter().filter(chosen) {
        failed.extend(run::page(repository, page)?);
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(format!("these blocks fail:\n    {}", failed.join("\n    ")).into()),
    }
}

/// A page and its blocks.
#[derive(Debug)]
pub struct Page {
    /// Its path in the repository.
    pub path: String,
    /// Its blocks, in its order.
    pub blocks: Vec<Block>,
}

/// Checks that each block says how it is tested and can be tested so, and that the file and the section
/// of each relative link exist. Builds nothing.
///
/// # Errors
/// The place of each wrong block or link.
pub fn check(repository: &Path) -> Result<Vec<Page>> {
    let listed = git(
        repository,
        ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*.md"],
    )?;
    let mut pages = Vec::new();
    let mut wrong = Vec::new();
    for path in listed.lines() {
        // Git also lists files that are deleted, but not committed yet.
        let Ok(text) = fs::read_to_string(repository.join(path)) else { continue };
        wrong.extend(links::problems(repository, path, &text));
        match blocks(path, &text) {
            Ok(blocks) => {
                wrong.extend(problems(repository, &blocks));
                pages.push(Page { path: path.to_owned(), blocks });
            }
            Err(err) => wrong.push(err.to_string()),
        }
    }
    match wrong.as_slice() {
        [] => Ok(pages),
        wrong => Err(wrong.join("\n    ").into()),
    }
}

/// The errors in the blocks of a page, such as `README.md:12: …`.
pub fn problems(repository: &Path, blocks: &[Block]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut has_manifest = false;
    for block in blocks {
        has_manifest |= block.is_manifest();
        if let Some(problem) = problem(repository, block, has_manifest) {
            problems.push(format!("{}: {problem}", block.place()));
        }
    }
    problems
}

fn problem(repository: &Path, block: &Block, has_manifest: bool) -> Option<String> {
    match &block.marker {
        Some(Marker::NotTested(_) | Marker::Output) => return None,
        Some(Marker::TestedBy(path)) => return tested_by(repository, block, path),
        Some(Marker::File(name)) if Path::new(name).components().count() != 1 => {
            return Some(format!("`{name}` is not the name of a file"));
        }
        Some(Marker::Run | Marker::Serve) if block.language == "rust" && !block.is_program() => {
            return Some("this block has no `fn main`, so it cannot be run".into());
        }
        Some(Marker::Serve) if block.language != "rust" => {
            return Some("`serve` is for Rust blocks".into());
        }
        Some(Marker::Run) if block.language != "rust" && !block.is_commands() => {
            return Some("`run` is for `console` and `rust` blocks".into());
        }
        _ => {}
    }
    match block.language.as_str() {
        "rust" if !has_manifest => Some(
            "no `toml` block above this one has `[dependencies]`: show the Cargo.toml that builds \
             it"
            .into(),
        ),
        "toml" => block.code.parse::<toml_edit::DocumentMut>().err().map(|err| err.to_string()),
        _ if block.is_commands() && block.marker.is_none() => Some(
            "nothing tests these commands: write `<!-- run -->`, `<!-- tested by PATH -->` or \
             `<!-- not tested: REASON -->` in the line before the block"
                .into(),
        ),
        _ => None,
    }
}

/// Checks that the file which is named as the test of a block mentions its section or its first line, or
/// includes the page as documentation.
fn tested_by(repository: &Path, block: &Block, path: &str) -> Option<String> {
    let Ok(text) = fs::read_to_string(repository.join(path)) else {
        return Some(format!("there is no {path} to test this"));
    };
    let page = block.page.rsplit('/').next().unwrap_or(&block.page);
    let first = block.code.lines().next().unwrap_or("").split("  #").next().unwrap_or("").trim();
    let found = text.contains(&format!("'{}'", block.section))
        || text.contains(&format!("{page}\")"))
        || (!first.is_empty() && text.contains(first));
    (!found).then(|| format!("{path} has neither `{first}` nor '{}' in it", block.section))
}
