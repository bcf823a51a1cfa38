//! Checks what can be published: packages, and their API since the last release.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tool::Tool;
use crate::{Result, git, run};

/// The newest version that stable Rust builds.
const SEMVER_CHECKS: Tool<'_> =
    Tool { name: "cargo-semver-checks", version: "0.51.0", debug: true };

/// The address that stands for the repository's in all pages.
const PLACEHOLDER: &str = "https://example.org/";

/// Checks the metadata of each crate that can be published, and builds its package.
///
/// # Errors
/// If something is missing, or a package does not build on its own.
pub fn package(repository: &Path) -> Result<()> {
    let crates = publishable(repository)?;
    let changelog = fs::read_to_string(repository.join("CHANGELOG.md"))?;
    let files = |name: &str| -> Result<Vec<String>> {
        let mut cargo = crate::cargo();
        cargo.current_dir(repository).args(["package", "--quiet", "--allow-dirty", "--locked"]);
        let said = cargo.args(["--list", "-p", name]).output()?;
        if !said.status.success() {
            return Err(String::from_utf8_lossy(&said.stderr).trim().into());
        }
        Ok(String::from_utf8(said.stdout)?.lines().map(str::to_owned).collect())
    };
    for package in &crates {
        let name = package["name"].as_str().unwrap_or_default();
        let missing = missing(package, &files(name)?, &changelog);
        if !missing.is_empty() {
            return Err(format!("{name} cannot be published: {}", missing.join("; ")).into());
        }
    }
    if crates.iter().any(|it| text(it, "repository").starts_with(PLACEHOLDER)) {
        println!(
            "the repository in Cargo.toml is {PLACEHOLDER}…: name its real address before the first \
             release"
        );
    }
    let mut cargo = crate::cargo();
    cargo.current_dir(repository).args(["package", "--quiet", "--allow-dirty", "--locked"]);
    run(selected(&mut cargo, &crates))?;
    for package in crates {
        println!("{} {} can be published", text(&package, "name"), text(&package, "version"));
    }
    Ok(())
}

/// Compares the API of each crate that can be published with the last release before this commit.
///
/// # Errors
/// If the API changed in a way that the new version does not allow.
pub fn semver(repository: &Path) -> Result<()> {
    let Some(tag) = last_tag(repository)? else {
        println!("no tag v… is an ancestor of this commit: the API is NOT compared");
        return Ok(());
    };
    println!("the API since {tag}");
    let program = SEMVER_CHECKS.program(repository)?;
    let mut checks = Command::new(std::path::absolute(&program).unwrap_or(program));
    checks.current_dir(repository).args(["semver-checks", "--baseline-rev", &tag]);
    run(selected(&mut checks, &publishable(repository)?))
}

/// The tag of the highest version among this commit's ancestors.
fn last_tag(repository: &Path) -> Result<Option<String>> {
    let args = ["tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-version:refname"];
    let tags = git(repository, args)?;
    // A candidate for a release promises nothing.
    Ok(tags.lines().find(|tag| !tag.contains('-')).map(str::to_owned))
}

/// The description that cargo has of each crate that can be published.
fn publishable(repository: &Path) -> Result<Vec<Value>> {
    let mut cargo = crate::cargo();
    cargo.current_dir(repository).args([
        "metadata",
        "--no-deps",
        "--locked",
        "--format-version",
        "1",
    ]);
    let said = cargo.output()?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).trim().into());
    }
    let mut metadata: Value = serde_json::from_slice(&said.stdout)?;
    let packages = metadata["packages"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok(packages.into_iter().filter(|it| it["publish"].is_null()).collect())
}

fn selected<'a>(command: &'a mut Command, crates: &[Value]) -> &'a mut Command {
    command.args(crates.iter().flat_map(|it| ["-p", text(it, "name")]))
}

fn text<'a>(package: &'a Value, field: &str) -> &'a str {
    package[field].as_str().unwrap_or_default()
}

/// What a package lacks for a release.
fn missing(package: &Value, files: &[String], changelog: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for field in ["description", "license", "readme", "repository", "rust_version"] {
        if text(package, field).is_empty() {
            missing.push(format!("Cargo.toml has no {}", field.replace('_', "-")));
        }
    }
    for field in ["keywords", "categories"] {
        if package[field].as_array().is_none_or(Vec::is_empty) {
            missing.push(format!("Cargo.toml has no {field}"));
        }
    }
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
        if !files.iter().any(|it| it == file) {
            missing.push(format!("the package has no {file}"));
        }
    }
    let version = text(package, "version");
    let is_title = |line: &str| {
        let title = line.strip_prefix("## ").unwrap_or_default();
        title == "Unreleased" || title.split_whitespace().next() == Some(version)
    };
    if !changelog.lines().any(is_title) {
        missing.push(format!("CHANGELOG.md has neither \"## Unreleased\" nor \"## {version}\""));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Value {
        serde_json::json!({
            "name": "a", "version": "0.2.0", "description": "d", "license": "MIT", "readme": "README.md",
            "repository": "https://example.org/a", "rust_version": "1.85", "keywords": ["k"],
            "categories": ["c"],
        })
    }

    #[test]
    fn what_a_release_needs_is_missing_by_name() {
        let files = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"].map(String::from);
        let none: [&str; 0] = [];
        assert_eq!(missing(&package(), &files, "## Unreleased\n"), none);
        assert_eq!(missing(&package(), &files, "## 0.2.0 (2026-01-01)\n"), none);
        let mut other = package();
        other["repository"] = Value::Null;
        other["keywords"] = serde_json::json!([]);
        assert_eq!(
            missing(&other, &files[1..], "## 0.1.0\n"),
            [
                "Cargo.toml has no repository",
                "Cargo.toml has no keywords",
                "the package has no LICENSE-APACHE",
                "CHANGELOG.md has neither \"## Unreleased\" nor \"## 0.2.0\"",
            ]
        );
    }

    #[test]
    fn the_codec_the_c_abi_and_the_raw_peer_can_be_published_and_nothing_else() {
        let crates = publishable(&crate::repository()).unwrap();
        let mut names: Vec<_> = crates.iter().map(|it| text(it, "name")).collect();
        names.sort_unstable();
        assert_eq!(names, ["raw-peer", "rustls-ext-capi", "rustls-ext-wire"]);
    }

    #[test]
    fn the_last_tag_is_the_highest_release_among_the_ancestors() {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| git(folder.path(), args).unwrap();
        let commit = || git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        git(&["init", "--quiet", "--initial-branch=main"]);
        commit();
        assert_eq!(last_tag(folder.path()).unwrap(), None);
        for tag in ["v0.9.0", "v0.10.0", "v0.11.0-rc.1", "vendored", "other-1.0.0"] {
            git(&["tag", tag]);
        }
        git(&["checkout", "--quiet", "-b", "side"]);
        commit();
        git(&["tag", "v1.0.0"]);
        git(&["checkout", "--quiet", "main"]);
        assert_eq!(last_tag(folder.path()).unwrap().as_deref(), Some("v0.10.0"));
    }
}
