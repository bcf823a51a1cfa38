//! The patched source as an ordinary crate.

use std::fs;

use common::{Repository, stderr, succeeds};
use rustls_source::read_tree;

mod common;

#[test]
fn an_export_has_the_patched_source_and_no_build_script() {
    let repository = Repository::new();
    let to = repository.path("to/there");
    let folder = to.display().to_string();
    let said = succeeds(repository.xtask(&["export", &folder]));
    assert!(said.starts_with(&format!("{folder} has the patched rustls")), "{said}");

    let exported = read_tree(&to).unwrap();
    let source = repository.source().unwrap();
    for (name, text) in &source {
        assert_eq!(exported.get(&format!("rustls/{name}")), Some(text), "{name}");
    }
    let mut others: Vec<_> = exported
        .keys()
        .filter(|name| !name.strip_prefix("rustls/").is_some_and(|name| source.contains_key(name)))
        .filter(|name| !name.starts_with("rustls-ext-wire/src/"))
        .collect();
    others.sort();
    assert_eq!(
        others,
        [
            "README.md",
            "rustls-ext-wire/Cargo.toml",
            "rustls-ext-wire/LICENSE-APACHE",
            "rustls-ext-wire/LICENSE-MIT",
            "rustls-ext-wire/README.md",
            "rustls/Cargo.toml",
        ]
    );
    for license in ["rustls/LICENSE-APACHE", "rustls/LICENSE-ISC", "rustls/LICENSE-MIT"] {
        assert!(exported.contains_key(license), "{license}");
    }
    let manifest = String::from_utf8(exported["rustls/Cargo.toml"].clone()).unwrap();
    for gone in ["build =", "build-dependencies", "links =", "rustversion", "workspace"] {
        assert!(!manifest.contains(gone), "{gone} in {manifest}");
    }
    assert!(manifest.contains("path = \"../rustls-ext-wire\""), "{manifest}");
}

#[test]
fn an_export_overwrites_nothing() {
    let repository = Repository::new();
    let to = repository.path("to");
    fs::create_dir(&to).unwrap();
    succeeds(repository.xtask(&["export", &to.display().to_string()]));
    let before = read_tree(&to).unwrap();
    let output = repository.xtask(&["export", &to.display().to_string()]).output().unwrap();
    assert!(!output.status.success());
    let problem = stderr(&output);
    assert!(
        problem.ends_with("to is not empty: name a folder that is, or a new one\n"),
        "{problem}"
    );
    assert!(read_tree(&to).unwrap() == before);
}
