//! Proves in a copy of the repository that the recorded resolutions carry the series to another release and
//! back, byte for byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustls_source::write_tree;

use super::resolutions::Resolutions;
use super::{pins, start};
use crate::work_tree::difference;
use crate::{Result, git, tracked_files, unit};

/// Carries the series to each release for which there are resolutions, and back. With `compile`, the source
/// there must compile, too.
///
/// # Errors
/// If there is a conflict, if something differs afterwards, or if there is no resolution.
pub fn check(repository: &Path, compile: bool) -> Result<()> {
    let (pinned, _) = pins::pinned(repository)?;
    let resolutions = Resolutions::read(&repository.join("rustls"))?;
    let mut others: BTreeSet<_> =
        resolutions.iter().flat_map(|it| [it.from.clone(), it.to.clone()]).collect();
    others.remove(&pinned);
    if others.is_empty() {
        return Err("rustls/resolutions has no resolution for another release".into());
    }
    let copy = repository.join("target/rustls-bump-check");
    for other in others {
        let before = tracked_files(repository)?;
        let _ = fs::remove_dir_all(&copy);
        write_tree(&before, &copy)?;
        // The files of the copy are listed by git, too.
        git(&copy, ["init", "--quiet", "--template="])?;
        println!("-- {pinned} to {other}");
        start(&copy, &other, None, false).map_err(|err| advice(&err, &pinned, &other))?;
        if compile {
            compile_at(repository, &copy, &other)?;
        }
        println!("-- {other} to {pinned}");
        start(&copy, &pinned, None, false).map_err(|err| advice(&err, &pinned, &other))?;
        if let Some(name) = difference(&before, &tracked_files(&copy)?) {
            return Err(format!(
                "after {pinned}, {other} and {pinned}, {name} differs: compare target/rustls-bump-check/{name}"
            )
            .into());
        }
        println!(
            "{} files are the same, byte for byte, after {pinned}, {other} and {pinned}",
            before.len()
        );
    }
    Ok(())
}

/// What to do at a conflict: this is in a copy, where nothing can be recorded.
fn advice(err: &dyn std::fmt::Display, pinned: &str, other: &str) -> String {
    format!(
        "{err}\n\nThat was in a copy of the repository. To record a resolution, commit your changes, do the \
         same in the repository (`cargo xtask rustls bump {other} --no-test`, and back by `cargo xtask \
         rustls bump {pinned} --no-test`), and commit rustls/resolutions."
    )
}

/// Checks that the series of the copy compiles. The build is the repository's.
fn compile_at(repository: &Path, copy: &Path, version: &str) -> Result<()> {
    let root = rustls_source::published_root(version)?;
    let mut source = super::Release::read(version, &root)?.tree;
    for (name, text) in rustls_source::series(&copy.join("rustls/patches"))? {
        rustls_source::apply(&mut source, &name, &text)?;
    }
    source.extend(rustls_source::own_files(&copy.join("rustls"))?);
    unit::compile(repository, &source, &root)?;
    println!("the patched rustls {version} compiles");
    Ok(())
}
