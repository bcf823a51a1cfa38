//! The tools that the tests need: a C compiler, and checkers.
#![allow(dead_code)] // each test program uses some of it

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Warnings are errors.
pub const C: &[&str] = &["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"];
pub const CXX: &[&str] = &["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"];

/// Libraries that the static library needs; `rustc --print native-static-libs` lists them.
pub const NATIVE: &[&str] = &["-lpthread", "-ldl", "-lm"];

pub fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of librext.a and librext.so that cargo built for this test.
pub fn library_folder() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    assert!(folder.join("librext.a").exists(), "no librext.a in {}", folder.display());
    folder
}

pub fn corpus() -> PathBuf {
    crate_folder().parent().unwrap().join("rustls-ext-wire/corpus")
}

/// The name of a compiler: from this environment variable, or the usual one.
pub fn compiler(variable: &str, usual: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| usual.into())
}

/// Returns true if a tool is available. If not, it prints that the test is skipped, or panics if
/// `REXT_REQUIRE_TOOLS` is set, as in CI.
pub fn have(tool: &str) -> bool {
    let available =
        Command::new(tool).arg("--version").output().is_ok_and(|out| out.status.success());
    if !available {
        let missing = format!("`{tool}` is not available");
        assert!(std::env::var_os("REXT_REQUIRE_TOOLS").is_none(), "{missing}: install it");
        eprintln!("{missing}: not tested");
    }
    available
}

/// Runs a command, which must succeed, and returns its standard output.
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
