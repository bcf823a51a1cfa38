// Files read as a whole, told apart by digest, and written so that builds at the same time are safe.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io, process};

use sha2::{Digest, Sha256};

use super::{Problem, io_problem};

/// Files by their path below a crate's folder, with `/` between its parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// The file that says of which inputs and of which outcome the others are.
pub const STAMP: &str = "stamp";
const UNFINISHED: &str = "unfinished";

/// A digest over names and contents.
pub fn digest(tree: &Tree) -> String {
    let mut hash = Sha256::new();
    for (name, text) in tree {
        for part in [name.as_bytes(), text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
}

pub fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|err| io_problem("read", path, err))
}

/// All files below a folder.
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

/// Makes `target` hold the tree and its stamp. Whoever reads there meanwhile, such as another build,
/// finds each file either as it was or as it will be.
pub fn write(mut tree: Tree, stamp: &str, target: &Path) -> Result<(), Problem> {
    tree.insert(STAMP.into(), stamp.into());
    let aside = target.with_extension(process::id().to_string());
    let written = write_aside(&tree, &aside).and_then(|()| {
        // All at once if there is nothing yet.
        fs::rename(&aside, target).or_else(|_| replace(&tree, &aside, target))
    });
    let _ = fs::remove_dir_all(&aside);
    written
}

fn write_aside(tree: &Tree, aside: &Path) -> Result<(), Problem> {
    for (name, text) in tree {
        let path = aside.join(name);
        make_parent(&path)?;
        fs::write(&path, text).map_err(|err| io_problem("write", &path, err))?;
    }
    age(aside);
    Ok(())
}

/// Moves the files that differ from `aside` to `target`, one by one.
fn replace(tree: &Tree, aside: &Path, target: &Path) -> Result<(), Problem> {
    let there = read_tree(target).unwrap_or_default();
    if there != *tree {
        let put = |from: &str, name: &str| {
            let path = target.join(name);
            make_parent(&path)?;
            fs::rename(aside.join(from), &path).map_err(|err| io_problem("replace", &path, err))
        };
        // Nobody is to take what is half done for the work of a hand.
        let unfinished = aside.join(UNFINISHED);
        fs::write(&unfinished, "").map_err(|err| io_problem("write", &unfinished, err))?;
        put(UNFINISHED, STAMP)?;
        let differs = |name: &&String| *name != STAMP && there.get(*name) != tree.get(*name);
        for name in tree.keys().filter(differs) {
            put(name, name)?;
        }
        for surplus in there.keys().filter(|name| !tree.contains_key(*name)) {
            let path = target.join(surplus);
            match fs::remove_file(&path) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => {
                    return Err(io_problem("remove", &path, err));
                }
                _ => {}
            }
        }
        put(STAMP, STAMP)?;
    }
    age(target);
    Ok(())
}

fn make_parent(path: &Path) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|err| io_problem("make", folder, err))
}

/// Makes everything old, so that cargo, which saw this build script start just now, does not run it
/// again for what it has just written. Where that fails, as with folders on some systems, the script
/// runs a second time and finds nothing to do.
fn age(path: &Path) {
    let times = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let opened = match fs::read_dir(path) {
        Ok(entries) => {
            entries.flatten().for_each(|entry| age(&entry.path()));
            fs::File::open(path)
        }
        Err(_) => fs::File::options().write(true).open(path),
    };
    let _ = opened.and_then(|opened| opened.set_modified(times));
}
