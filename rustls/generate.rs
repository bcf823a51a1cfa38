// Makes the source of the patched rustls: the pristine source, the patches, and our own files.
//
// Included by the build scripts of `rustls` and `rustls-pristine`, and by `xtask`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, fmt, fs, io};

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use sha2::{Digest, Sha256};

/// The one version that the patches fit.
pub const VERSION: &str = "0.23.46";

/// Names an unpacked copy of the pristine crate, for builds that cannot ask cargo.
pub const PRISTINE_VARIABLE: &str = "RUSTLS_EXT_PRISTINE";

/// Files by their path below a crate's folder, with `/` between its parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

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
    Problem(format!("cannot {doing} {}: {err}", path.display()))
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
        inputs.insert("tree.sha256".into(), read(&pin)?);
        inputs.insert("generate.rs".into(), include_bytes!("generate.rs").to_vec());
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
    let stamp = fs::read_to_string(layout.generated.join("stamp")).unwrap_or_default();
    let stamp: Vec<&str> = stamp.lines().collect();
    let mut outcome = Outcome::Written;
    if let [of_inputs, of_outcome] = stamp[..] {
        let mut there = read_tree(&layout.generated).unwrap_or_default();
        there.remove("stamp");
        let unchanged = digest(&there) == of_outcome;
        if of_inputs == inputs && unchanged {
            return Ok(Outcome::Current);
        }
        if !unchanged && of_inputs == inputs {
            outcome = Outcome::Overwritten;
        }
    }
    let tree = layout.tree()?;
    let stamp = format!("{inputs}\n{}\n", digest(&tree));
    write(&tree, &stamp, &layout.generated)?;
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
        let new = diffy::apply(old, patch).map_err(|err| bad(format!("in {path}, {err}")))?;
        tree.insert(path, new.into_bytes());
        files += 1;
    }
    match files {
        0 => problem(format!("{name} changes nothing. {advice}")),
        _ => Ok(()),
    }
}

/// The source of the pristine crate, whose digest is the pinned one.
pub fn pristine_tree(pristine: &Path) -> Result<Tree, Problem> {
    let root = pristine_root(pristine)?;
    let tree = pristine_files(&root)?;
    let pin = String::from_utf8_lossy(&read(&pristine.join("tree.sha256"))?).trim().to_owned();
    let found = digest(&tree);
    if found != pin {
        return problem(format!(
            "the source in {} is not that of rustls {VERSION} as published: its digest is {found}, \
             and {pin} is pinned in {}. Delete that folder, so that cargo unpacks the crate again; \
             if the digest stays wrong, do not build from it.",
            root.display(),
            pristine.join("tree.sha256").display(),
        ));
    }
    Ok(tree)
}

/// The part of the pristine crate that is built: its source, and the README that it includes.
pub fn pristine_files(root: &Path) -> Result<Tree, Problem> {
    let mut tree: Tree = read_tree(&root.join("src"))?
        .into_iter()
        .map(|(name, text)| (format!("src/{name}"), text))
        .collect();
    tree.insert("README.md".into(), read(&root.join("README.md"))?);
    Ok(tree)
}

/// The folder of the pristine crate.
pub fn pristine_root(pristine: &Path) -> Result<PathBuf, Problem> {
    if let Some(root) = env::var_os(PRISTINE_VARIABLE) {
        return Ok(root.into());
    }
    // What cargo has already is taken without a look at the network.
    match ask_cargo(pristine, true) {
        Ok(root) => Ok(root),
        Err(_) => ask_cargo(pristine, false).map_err(|said| {
            let manifest = pristine.join("Cargo.toml");
            let manifest = manifest.display();
            let what_to_do = match said.contains("checksum") {
                true => format!(
                    "The checksum in {} is not the published one: restore it with `git checkout \
                     rustls/pristine`. If it is the registry that differs, do not build from it.",
                    pristine.join("Cargo.lock").display()
                ),
                false => format!(
                    "Its source is needed once. Where there is a network, run `cargo fetch --locked \
                     --manifest-path {manifest}`, and build again; or set {PRISTINE_VARIABLE} to a \
                     folder with the unpacked crate."
                ),
            };
            Problem(format!(
                "cargo has no rustls {VERSION} for the patches. {what_to_do}\ncargo said:\n{said}"
            ))
        }),
    }
}

fn ask_cargo(pristine: &Path, offline: bool) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["metadata", "--format-version=1", "--locked"])
        .args(offline.then_some("--offline"))
        .arg("--manifest-path")
        .arg(pristine.join("Cargo.toml"))
        // Only where configuration of the user counts, not where this package happens to be built.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .stdin(Stdio::null());
    if let Some(host) = env::var_os("HOST") {
        cargo.arg("--filter-platform").arg(host);
    }
    let said = cargo.output().map_err(|err| format!("cannot run cargo: {err}"))?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).trim().to_owned());
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&said.stdout).map_err(|err| format!("not JSON: {err}"))?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| package["name"] == "rustls" && package["version"] == VERSION)
        .find_map(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(Path::to_owned)
        .ok_or_else(|| "there is no such package in its metadata".into())
}

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

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
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

/// Puts a tree in place of what is at `target`, so that nobody finds half of it.
fn write(tree: &Tree, stamp: &str, target: &Path) -> Result<(), Problem> {
    let aside = |what: &str| target.with_extension(format!("{what}.{}", std::process::id()));
    let (new, old) = (aside("new"), aside("old"));
    let stamp = ("stamp".to_owned(), stamp.as_bytes().to_vec());
    for (name, text) in tree.iter().chain([(&stamp.0, &stamp.1)]) {
        let path = new.join(name);
        let folder = path.parent().unwrap_or(&new);
        fs::create_dir_all(folder).map_err(|err| io_problem("make", folder, err))?;
        fs::write(&path, text).map_err(|err| io_problem("write", &path, err))?;
    }
    age(&new).map_err(|err| io_problem("date", &new, err))?;
    let _ = fs::rename(target, &old);
    let renamed = fs::rename(&new, target);
    let _ = fs::remove_dir_all(&old);
    let _ = fs::remove_dir_all(&new);
    match renamed {
        Ok(()) => Ok(()),
        // Another build was faster, with the same outcome.
        Err(_) if fs::read(target.join("stamp")).is_ok_and(|there| there == stamp.1) => Ok(()),
        Err(err) => Err(io_problem("rename the new source to", target, err)),
    }
}

/// Makes everything old, so that cargo, which saw this build script start just now, does not run it
/// again for what it has just written.
fn age(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            age(&entry?.path())?;
        }
    }
    let times = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    match path.is_dir() {
        // Not every system can open a folder; the price is a second run of the script.
        true => {
            let _ = fs::File::open(path).and_then(|folder| folder.set_modified(times));
            Ok(())
        }
        false => fs::File::options().write(true).open(path)?.set_modified(times),
    }
}
