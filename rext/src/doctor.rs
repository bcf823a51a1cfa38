//! `rext doctor`: reads a project's Cargo.lock to check whether it uses the patched rustls.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use command_line::{Failure, emit};
use serde::Deserialize;

/// Options of `rext doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The folder of the project, or a folder inside it
    #[arg(default_value = ".", value_name = "DIR")]
    pub project: PathBuf,
}

/// The version of rustls that the patches are for.
const VERSION: &str = "0.23.46";

/// Runs `rext doctor`.
///
/// # Errors
/// If a problem is found, or if there is no readable Cargo.lock or Cargo.toml.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let findings = examine(&args.project)?;
    for finding in &findings {
        emit(format!("{finding}\n"));
    }
    match findings.iter().filter(|it| it.kind == Kind::Problem).count() {
        0 => Ok(()),
        1 => Err(Failure::Failed("one problem was found".into())),
        several => Err(Failure::Failed(format!("{several} problems were found"))),
    }
}

/// A result of the examination.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    kind: Kind,
    /// The result, with the crate or file that it concerns.
    text: String,
    /// What to do, one step per line.
    remedy: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Good,
    /// A problem only if the program does something that Cargo.lock does not show.
    Note,
    Problem,
}

impl Finding {
    fn good(text: String) -> Self {
        Self { kind: Kind::Good, text, remedy: Vec::new() }
    }

    fn problem<const N: usize>(text: String, remedy: [String; N]) -> Self {
        Self { kind: Kind::Problem, text, remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Good => "good",
            Kind::Note => "note",
            Kind::Problem => "problem",
        };
        write!(f, "{kind}: {}", self.text)?;
        self.remedy.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// The relevant parts of a Cargo.lock.
#[derive(Debug, Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
    #[serde(default)]
    patch: Patches,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    /// None for a path.
    source: Option<String>,
    /// `NAME`, or `NAME VERSION` if there are several versions of the crate.
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Patches {
    #[serde(default)]
    unused: Vec<Package>,
}

impl Package {
    /// Returns true if it depends on any version of `name`.
    fn needs(&self, name: &str) -> bool {
        self.dependencies.iter().any(|it| it.split(' ').next() == Some(name))
    }

    /// Returns true for the patched rustls. It depends on the codec, which no other rustls does.
    fn is_patched(&self) -> bool {
        self.needs("rustls-ext-wire")
    }

    fn place(&self) -> String {
        match self.source.as_deref() {
            None => "a folder".into(),
            Some(source) if source.starts_with("registry+") => "crates.io".into(),
            Some(source) => source.trim_start_matches("git+").into(),
        }
    }

    /// The address of its git repository, without branch, tag or revision.
    fn address(&self) -> Option<&str> {
        let source = self.source.as_deref()?.strip_prefix("git+")?;
        source.split(['?', '#']).next()
    }
}

impl Lock {
    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Package> {
        self.package.iter().filter(move |it| it.name == name)
    }

    /// Returns true if cargo has found the patch of rustls, and not used it.
    fn has_unused_patch(&self) -> bool {
        self.patch.unused.iter().any(|it| it.name == "rustls")
    }

    /// The crates that depend on this rustls, such as `tokio-rustls 0.26.4, quinn 0.11.9`.
    fn dependents(&self, of: &Package) -> String {
        let exact = format!("{} {}", of.name, of.version);
        let names: Vec<_> = self
            .package
            .iter()
            .filter(|it| {
                let mut needed = it.dependencies.iter().map(String::as_str);
                needed.any(|it| it == of.name || it.starts_with(&exact))
            })
            .map(|it| format!("{} {}", it.name, it.version))
            .collect();
        if names.is_empty() { "nothing".into() } else { names.join(", ") }
    }
}

fn examine(project: &Path) -> Result<Vec<Finding>, Failure> {
    let unusable = |reason: String| Failure::option("DIR", project.display(), reason);
    let absolute = project.canonicalize().map_err(|err| unusable(err.to_string()))?;
    let root = absolute.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    let Some(root) = root else {
        return Err(unusable(
            "neither this folder nor one above it has a Cargo.lock: run `cargo generate-lockfile`"
                .into(),
        ));
    };
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|err| unusable(format!("{}: {err}", path.display())))
    };
    let lock_path = root.join("Cargo.lock");
    let lock: Lock = toml::from_str(&read(&lock_path)?)
        .map_err(|err| unusable(format!("{}: {err}", lock_path.display())))?;
    let manifest_path = root.join("Cargo.toml");
    let manifest = parse(&manifest_path, &read(&manifest_path)?).map_err(unusable)?;

    let mut findings = Vec::new();
    let member_path = absolute.join("Cargo.toml");
    if member_path != manifest_path && member_path.is_file() {
        let member = parse(&member_path, &read(&member_path)?).map_err(unusable)?;
        if patches_rustls(&member) {
            findings.push(Finding::problem(
                format!("cargo ignores the [patch.crates-io] of {}", member_path.display()),
                [format!("Move it to {}, the root of the workspace.", manifest_path.display())],
            ));
        }
    }
    findings.extend(findings_of(&lock, patches_rustls(&manifest), &manifest_path));
    Ok(findings)
}

fn parse(path: &Path, text: &str) -> Result<toml::Table, String> {
    toml::from_str(text).map_err(|err| format!("{}: {err}", path.display()))
}

fn patches_rustls(manifest: &toml::Table) -> bool {
    let patched = manifest.get("patch").and_then(|it| it.get("crates-io"));
    patched.and_then(|it| it.get("rustls")).is_some()
}

fn findings_of(lock: &Lock, manifest_has_patch: bool, manifest: &Path) -> Vec<Finding> {
    let has_patch = manifest_has_patch || lock.has_unused_patch();
    let mut all = lock.named("rustls").peekable();
    if all.peek().is_none() {
        return vec![Finding::problem(
            "nothing in this project depends on rustls".into(),
            ["Add rustls-ext to [dependencies]; if it is there, run `cargo update -p rustls-ext`."
                .into()],
        )];
    }
    let (patched, plain): (Vec<_>, Vec<_>) = all.partition(|it| it.is_patched());
    let mut findings = Vec::new();
    for rustls in &patched {
        findings.push(Finding::good(format!(
            "rustls {} is the patched one, from {}",
            rustls.version,
            rustls.place()
        )));
    }
    for rustls in plain {
        let is_compatible = rustls.version.starts_with("0.23.") && patched.is_empty();
        findings.push(if !is_compatible {
            other_version(lock, rustls)
        } else if has_patch {
            locked(lock, rustls)
        } else {
            without_patch(lock, rustls, manifest)
        });
    }
    findings.extend(two_commits(lock));
    findings.extend(patched.iter().filter_map(|rustls| providers(rustls)));
    findings
}

/// The patch is configured, but the lock file has another rustls.
fn locked(lock: &Lock, rustls: &Package) -> Finding {
    let (version, place) = (&rustls.version, rustls.place());
    if version != VERSION {
        return Finding::problem(
            format!(
                "Cargo.lock keeps rustls {version} from {place}, so cargo does not use the patched \
                 {VERSION}"
            ),
            [format!("Run `cargo update -p rustls --precise {VERSION}`.")],
        );
    }
    // Cargo has resolved the project with the patch, and not used it.
    if lock.has_unused_patch() {
        return Finding::problem(
            format!(
                "Cargo.lock keeps rustls {version} from {place}, and lists the patched rustls as \
                 unused ([[patch.unused]])"
            ),
            [format!("Run `cargo update -p rustls@{VERSION}`.")],
        );
    }
    Finding {
        kind: Kind::Note,
        text: format!(
            "Cargo.lock has rustls {version} from {place}: cargo has not resolved the project with \
             the patch yet"
        ),
        remedy: vec!["The next `cargo check` switches to the patched rustls.".into()],
    }
}

fn without_patch(lock: &Lock, rustls: &Package, manifest: &Path) -> Finding {
    let address = lock.named("rustls-ext").find_map(Package::address);
    let address = address.unwrap_or("<the repository of rustls-ext>");
    Finding::problem(
        format!("rustls {} is not the patched one: it is from {}", rustls.version, rustls.place()),
        [
            format!(
                "Add this to {}, with the same rev, tag or branch as rustls-ext if it has one:",
                manifest.display()
            ),
            "[patch.crates-io]".into(),
            format!("rustls = {{ git = \"{address}\" }}"),
            format!("Then run `cargo update -p rustls --precise {VERSION}`."),
        ],
    )
}

/// Another version than 0.23, or a second version.
fn other_version(lock: &Lock, rustls: &Package) -> Finding {
    Finding::problem(
        format!(
            "rustls {} from {} is also in use, by {}: connections of these crates have no offers and \
             no policies, and its types do not fit those of rustls-ext",
            rustls.version,
            rustls.place(),
            lock.dependents(rustls)
        ),
        ["Update these crates to versions that depend on rustls 0.23.".into()],
    )
}

/// rustls-ext and the patched rustls must be of the same commit.
fn two_commits(lock: &Lock) -> Option<Finding> {
    let places: Vec<_> = lock.named("rustls-ext-wire").map(Package::place).collect();
    (places.len() > 1).then(|| {
        Finding::problem(
            format!(
                "rustls-ext and the patched rustls come from different places: {}",
                places.join(", ")
            ),
            ["Give rustls in [patch.crates-io] the same address and rev as rustls-ext.".into()],
        )
    })
}

/// The cryptography providers that the features of the project's dependencies enable.
fn providers(rustls: &Package) -> Option<Finding> {
    match (rustls.needs("ring"), rustls.needs("aws-lc-rs")) {
        (true, true) => Some(Finding {
            kind: Kind::Note,
            text: "two crypto providers are built in, so rustls does not choose one".into(),
            remedy: [
                "Choose one at the start of `main`:",
                "let _ = rustls_ext::rustls::crypto::ring::default_provider().install_default();",
                "or disable one; these commands show which features enable them:",
                "cargo tree -e features -i ring",
                "cargo tree -e features -i aws-lc-rs",
            ]
            .map(String::from)
            .into(),
        }),
        (false, false) => Some(Finding::problem(
            "no crypto provider is built in".into(),
            ["Add the feature `ring` or `aws-lc-rs` to rustls-ext in [dependencies].".into()],
        )),
        (true, false) => Some(Finding::good("the crypto provider is ring".into())),
        (false, true) => Some(Finding::good("the crypto provider is aws-lc-rs".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_patched_crate() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustls/Cargo.toml");
        let manifest: toml::Table = toml::from_str(&fs::read_to_string(manifest).unwrap()).unwrap();
        let version = manifest.get("package").and_then(|it| it.get("version"));
        assert_eq!(version.and_then(toml::Value::as_str), Some(VERSION));
    }
}
