//! The header, as C and C++ have it, and the README.

use std::process::Command;

use adapter_openssl::{Error, folder};

use crate::programs::{Server, visit};
use crate::site::{Site, have};

#[test]
fn the_header_is_good_c99_and_cxx17() {
    // Where there is OpenSSL to build with.
    if Site::new().is_none() {
        return;
    }
    for (compiler, language, standard) in [("cc", "c", "c99"), ("c++", "c++", "c++17")] {
        let found = Command::new(compiler).arg("--version").output();
        let found = found.map_err(|_| Error::Missing("compiler for C++"));
        if have(found).is_none() {
            continue;
        }
        let mut command = Command::new(compiler);
        command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]);
        command.arg(format!("-std={standard}")).args(["-x", language]);
        command.arg("-I").arg(folder().join("../../rustls-ext-capi/include"));
        let out = command.arg(folder().join("include/rext_openssl.h")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        // A header by itself is the main file, which is no mistake here.
        assert!(out.status.success(), "{language}: {said}");
    }
}

/// Each block of C in the README, as a file of its own.
#[test]
fn the_readme_s_examples_compile() {
    if Site::new().is_none() {
        return;
    }
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let blocks: Vec<_> = readme.split("\n```c\n").skip(1).collect();
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let code = block.split_once("```").unwrap().0;
        let file = tempfile::Builder::new().suffix(".c").tempfile().unwrap();
        std::fs::write(file.path(), code).unwrap();
        let mut command = Command::new("cc");
        command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]);
        command.arg("-I").arg(folder().join("../../rustls-ext-capi/include"));
        command.arg("-I").arg(folder().join("include")).arg(file.path());
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn the_readme_has_every_field_of_an_outcome() {
    let Some(site) = Site::new() else { return };
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut server = Server::demanding(&site, &["none"]);
    let client = visit(&site, &server.address, &[]).outcome;
    for outcome in [client, server.outcome()] {
        for field in outcome.as_object().unwrap().keys() {
            assert!(readme.contains(&format!("`{field}`")), "{field}");
        }
    }
}
