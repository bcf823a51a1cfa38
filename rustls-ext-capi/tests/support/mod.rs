//! What the tests need of the machine: a C compiler, and checkers where they are.
#![allow(dead_code)] // each test program uses some of it

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Warnings are errors.
pub const C: &[&str] = &["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"];
pub const CXX: &[&str] = &["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"];

/// What a program needs that links the static library; `rustc --print native-static-libs`.
pub const NATIVE: &[&str] = &["-lpthread", "-ldl", "-lm"];

pub fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of librext.a and librext.so, as cargo made them for this test.
pub fn library_folder() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    assert!(folder.join("librext.a").exists(), "no librext.a in {}", folder.display());
    folder
}

pub fn corpus() -> PathBuf {
    crate_folder().parent().unwrap().join("rustls-ext-wire/corpus")
}

/// A compiler by the variable that names it, or by its usual name.
pub fn compiler(variable: &str, usual: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| usual.into())
}

/// Whether there is such a tool. Without, a test that needs it says so and does nothing; where
/// `REXT_REQUIRE_TOOLS` is set, as in CI, it fails.
pub fn have(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok_and(|out| out.status.success());
    if !there {
        let missing = format!("there is no `{tool}` here");
        assert!(std::env::var_os("REXT_REQUIRE_TOOLS").is_none(), "{missing}: install it");
        eprintln!("{missing}: not tested");
    }
    there
}

/// Runs a command, which must succeed, and returns what it says on standard output.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}

/// Compiles sources that include `rext.h` into a program.
pub fn compile<S: AsRef<OsStr>>(
    compiler: &str,
    flags: &[&str],
    sources: impl IntoIterator<Item = S>,
    link: &[&str],
    program: &Path,
) {
    let mut command = Command::new(compiler);
    command.args(flags).arg("-I").arg(crate_folder().join("include")).args(sources);
    run(command.args(link).arg("-o").arg(program));
}

/// The sources of the C tests.
pub fn c_tests() -> Vec<PathBuf> {
    let files = std::fs::read_dir(crate_folder().join("tests/c")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension() == Some(OsStr::new("c")));
    files.sort();
    files
}
