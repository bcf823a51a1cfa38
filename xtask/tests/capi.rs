//! The installed C library: pkg-config's output is enough to build and run a program.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::capi::{Install, install};

/// Whether there is such a tool. Without it, a test does nothing, or fails where `REXT_REQUIRE_TOOLS` is
/// set, as in CI.
fn have(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok_and(|out| out.status.success());
    let required = std::env::var_os("REXT_REQUIRE_TOOLS").is_some();
    assert!(there || !required, "there is no `{tool}` here: install it");
    there
}

/// Runs a command, which must succeed, and returns its standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn pkg_config(prefix: &Path, options: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(options).arg("rext");
    run(&mut command).split_whitespace().map(str::to_owned).collect()
}

const PROGRAM: &str = r#"
#include <rext.h>
#include <stdio.h>
int main(void) {
    rext_flags flags = {{0}};
    rext_bytes body;
    if (rext_flags_insert(&flags, 80) != REXT_OK || rext_flags_body(&flags, &body) != REXT_YES)
        return 1;
    printf("%s, ABI %u, %zu bytes\n", rext_version(), (unsigned)rext_abi(), body.length);
    return 0;
}
"#;

fn compile(prefix: &Path, options: &[&str], more: &[&str]) -> PathBuf {
    let (source, program) = (prefix.join("program.c"), prefix.join("program"));
    std::fs::write(&source, PROGRAM).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]).arg(&program).arg(source);
    run(cc.args(more).args(pkg_config(prefix, options)));
    program
}

#[test]
fn a_program_builds_and_runs_with_what_pkg_config_says() {
    if !(have("cc") && have("pkg-config")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path();
    let profile = "dev".into();
    let to = Install { prefix: prefix.to_owned(), destdir: None, profile, openssl: false };
    install(&xtask::repository(), &to).unwrap();
    let version = pkg_config(prefix, &["--modversion"]).concat();
    let said = format!("{version}, ABI 0, 12 bytes\n");

    let program = compile(prefix, &["--cflags", "--libs"], &[]);
    if have("readelf") {
        let needed = run(Command::new("readelf").arg("--dynamic").arg(&program));
        let (minor, _) = version.rsplit_once('.').unwrap();
        assert!(needed.contains(&format!("Shared library: [librext.so.{minor}]")), "{needed}");
        let symbols = run(Command::new("readelf").args(["--wide", "--dyn-syms"]).arg(&program));
        assert!(symbols.contains(&format!("rext_abi@librext.so.{minor}")), "{symbols}");
    }
    assert_eq!(run(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib"))), said);

    // With nothing but the static library there, that is what is linked.
    for file in std::fs::read_dir(prefix.join("lib")).unwrap() {
        let path = file.unwrap().path();
        if path.to_str().unwrap().contains("librext.so") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let program = compile(prefix, &["--static", "--cflags", "--libs"], &[]);
    assert_eq!(run(&mut Command::new(program)), said);
}

#[test]
fn a_package_is_put_together_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let destdir = Some(folder.path().to_owned());
    let headers = ["--exists", "openssl"];
    let openssl = have("make")
        && have("cc")
        && have("pkg-config")
        && Command::new("pkg-config").args(headers).status().is_ok_and(|status| status.success());
    let to = Install { prefix: "/opt/rext".into(), destdir, profile: "dev".into(), openssl };
    install(&xtask::repository(), &to).unwrap();
    let lib = folder.path().join("opt/rext/lib");
    let text = std::fs::read_to_string(lib.join("pkgconfig/rext.pc")).unwrap();
    assert!(text.starts_with("prefix=/opt/rext\n"), "{text}");
    assert!(lib.join("librext.so").exists());
    assert!(folder.path().join("opt/rext/include/rext.h").exists());
    for name in ["offer", "ask"].into_iter().filter(|_| openssl) {
        assert!(lib.join(format!("rext/rext_{name}.so")).exists());
        let sample = folder.path().join(format!("opt/rext/share/rext/openssl-{name}.cnf"));
        let text = std::fs::read_to_string(sample).unwrap();
        assert!(text.contains(&format!("\npath = /opt/rext/lib/rext/rext_{name}.so\n")), "{text}");
        assert!(!text.contains('@'), "{text}");
    }

    let to = Install { openssl: false, prefix: "opt".into(), destdir: None, profile: "dev".into() };
    assert_eq!(
        install(&xtask::repository(), &to).unwrap_err().to_string(),
        "opt: not an absolute path"
    );
}
