//! Compiles the C tests with warnings as errors, and runs them, also under checkers.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{C, CXX, NATIVE, c_tests, compile, compiler, corpus, have, library_folder, run};

fn cc() -> String {
    compiler("CC", "cc")
}

/// Compiles the C tests to a program in this folder.
fn program(folder: &Path, flags: &[&str]) -> PathBuf {
    let program = folder.join("tests");
    let library = library_folder().join("librext.a");
    let link = [&[library.to_str().unwrap()], NATIVE].concat();
    compile(&cc(), &[C, flags].concat(), c_tests(), &link, &program);
    program
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn the_c_tests_pass_with_the_static_library() {
    if have(&cc()) {
        let folder = folder();
        let output = run(Command::new(program(folder.path(), &[])).arg(corpus()));
        assert_eq!(
            output,
            format!("13 tests passed, with librext {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
fn the_c_tests_pass_with_the_shared_library() {
    if have(&cc()) {
        let folder = folder();
        let program = folder.path().join("tests");
        // Under its soname, which the program looks for at run time.
        let library = library_folder().join("librext.so");
        let name = concat!("librext.so.0.", env!("CARGO_PKG_VERSION_MINOR"));
        std::os::unix::fs::symlink(&library, folder.path().join(name)).unwrap();
        let link = [library.to_str().unwrap(), "-lpthread"];
        compile(&cc(), C, c_tests(), &link, &program);
        run(Command::new(program).arg(corpus()).env("LD_LIBRARY_PATH", folder.path()));
    }
}

#[test]
fn the_c_tests_pass_under_sanitizers() {
    if have(&cc()) {
        let folder = folder();
        let sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        run(Command::new(program(folder.path(), &sanitize)).arg(corpus()));
    }
}

#[test]
fn the_c_tests_pass_under_valgrind() {
    if have(&cc()) && have("valgrind") {
        let folder = folder();
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
        valgrind.args(["--show-leak-kinds=all", "--errors-for-leak-kinds=all"]);
        run(valgrind.arg(program(folder.path(), &[])).arg(corpus()));
    }
}

#[test]
fn threads_do_not_race() {
    if have(&cc()) && have("valgrind") {
        let folder = folder();
        let mut helgrind = Command::new("valgrind");
        helgrind.args(["--quiet", "--tool=helgrind", "--error-exitcode=9"]);
        run(helgrind.arg(program(folder.path(), &[])).arg(corpus()).arg("threads"));
    }
}

#[test]
fn the_header_compiles_as_cxx() {
    let cxx = compiler("CXX", "c++");
    if have(&cxx) {
        let folder = folder();
        let program = folder.path().join("header");
        let source = support::crate_folder().join("tests/c/header.cpp");
        let library = library_folder().join("librext.a");
        let link = [&[library.to_str().unwrap()], NATIVE].concat();
        compile(&cxx, CXX, [source], &link, &program);
        assert_eq!(run(&mut Command::new(program)), "12 bytes, incomplete\n");
    }
}

#[test]
fn the_header_compiles_as_c99_without_other_headers() {
    if have(&cc()) {
        let mut command = Command::new(cc());
        command.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]);
        run(command.args(["-x", "c"]).arg(support::crate_folder().join("include/rext.h")));
    }
}
