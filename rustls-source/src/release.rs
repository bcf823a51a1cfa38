//! A release that has a patch series of its own.

use std::env;
use std::path::{Path, PathBuf};

use crate::files::{Tree, digest};
use crate::pristine::{pristine_files, published_root};
use crate::{Problem, patched, problem};

/// A release of rustls beside [`VERSION`](crate::VERSION), with a patch series in a folder of its own.
#[derive(Debug)]
pub struct Release {
    /// Its version.
    pub version: &'static str,
    /// The folder of its series, in the repository.
    pub folder: &'static str,
    /// Names a folder with the unpacked crate, for builds where cargo's home does not have it.
    pub variable: &'static str,
    /// The digest over its [`pristine_files`].
    digest: &'static str,
}

/// The release that the preview is for.
pub const NEXT: Release = Release {
    version: "0.24.0-dev.2",
    folder: "rustls-next",
    variable: "RUSTLS_EXT_PRISTINE_NEXT",
    digest: "eaccb14f51f13de0a3b696a9aba891c3be34196c2fcab33038d5e97527675d6a",
};

impl Release {
    /// The folder of the published crate.
    ///
    /// # Errors
    /// If there is none, and cargo cannot download it.
    pub fn root(&self) -> Result<PathBuf, Problem> {
        match env::var_os(self.variable) {
            Some(root) => Ok(root.into()),
            None => published_root(self.version),
        }
    }

    /// The source of the published crate, whose digest is the pinned one.
    ///
    /// # Errors
    /// If cargo has no such crate, or another source under its name.
    pub fn pristine_tree(&self) -> Result<Tree, Problem> {
        let root = self.root()?;
        let tree = pristine_files(&root)?;
        match digest(&tree) {
            found if found == self.digest => Ok(tree),
            found => problem(format!(
                "the source in {} is not that of rustls {} as published: its digest is {found}, and {} is \
                 pinned. If it is cargo's copy, delete that folder, so that cargo unpacks the crate again",
                root.display(),
                self.version,
                self.digest,
            )),
        }
    }

    /// The whole source of the patched crate whose folder is `rustls`.
    ///
    /// # Errors
    /// If the published crate is not available, if a patch does not apply, or if a file cannot be read.
    pub fn patched_tree(&self, rustls: &Path) -> Result<Tree, Problem> {
        let Self { version, folder, .. } = self;
        let advice = format!(
            "The patches fit each other and rustls {version} only: restore them with \
             `git checkout {folder}/patches`, or change them with `cargo xtask rustls edit --next`."
        );
        patched(self.pristine_tree()?, rustls, &advice)
    }
}
