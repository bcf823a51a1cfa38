//! The repository as a git dependency of other projects.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use toml_edit::DocumentMut;

/// Cargo looks for a package in every folder of a git repository but hidden ones, and does not choose
/// between two of one name.
#[test]
fn no_two_packages_that_cargo_finds_have_one_name() {
    let repository = xtask::repository();
    let git = ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*Cargo.toml"];
    let listed = Command::new("git").current_dir(&repository).args(git).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut folders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for path in listed.lines().filter(|path| !path.split('/').any(|part| part.starts_with('.'))) {
        let manifest: DocumentMut =
            fs::read_to_string(repository.join(path)).unwrap().parse().unwrap();
        let name = manifest.get("package").and_then(|package| package["name"].as_str());
        if let Some(name) = name {
            folders.entry(name.to_owned()).or_default().push(path);
        }
    }
    assert_eq!(folders["rustls"], ["rustls/Cargo.toml"]);
    let repeated: Vec<_> = folders.into_iter().filter(|(_, paths)| paths.len() > 1).collect();
    assert_eq!(repeated, []);
}
