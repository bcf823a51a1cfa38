//! Trees of files, and their digest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Problem, io_problem};

/// Files by their path below a crate's folder, with `/` between its parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// A digest over names and contents.
pub fn digest(tree: &Tree) -> String {
    let mut hash = Sha256::new();
    for (name, text) in tree {
        for part in [name.as_bytes(), text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hex(&hash.finalize())
}

/// The SHA-256 digest of one file.
pub fn sha256(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|err| io_problem("read", path, err))
}

/// All files below a folder.
///
/// # Errors
/// If something in it cannot be read.
pub fn read_tree(root: &Path) -> Result<Tree, Problem> {
    fn walk(folder: &Path, prefix: &str, tree: &mut Tree) -> Result<(), Problem> {
        let entries = fs::read_dir(folder).map_err(|err| io_problem("read", folder, err))?;
        for entry in entries {
            let entry = entry.map_err(|err| io_problem("read", folder, err))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.path() {
                path if path.is_dir() => walk(&path, &format!("{name}/"), tree)?,
                path => drop(tree.insert(name, read(&path)?)),
            }
        }
        Ok(())
    }
    let mut tree = Tree::new();
    walk(root, "", &mut tree)?;
    Ok(tree)
}

/// Writes files below a folder, in place of those that have the same names.
///
/// # Errors
/// If one cannot be written.
pub fn write_tree(tree: &Tree, root: &Path) -> Result<(), Problem> {
    for (name, text) in tree {
        let path = root.join(name);
        let folder = path.parent().unwrap_or(root);
        fs::create_dir_all(folder).map_err(|err| io_problem("make", folder, err))?;
        fs::write(&path, text).map_err(|err| io_problem("write", &path, err))?;
    }
    Ok(())
}
