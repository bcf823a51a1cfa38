#![allow(dead_code)] // not every test uses all of it

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustls_source::{ROOT, Tree, patched_tree, read_tree, series, write_tree};
use tempfile::TempDir;

/// A repository with nothing but the patched rustls in it, to be spoiled.
pub struct Repository(TempDir);

impl Repository {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = xtask::repository();
        for package in ["rustls", "rustls-ext-wire", "rustls-next/patches", "rustls-next/src"] {
            write_tree(&read_tree(&real.join(package)).unwrap(), &folder.path().join(package))
                .unwrap();
        }
        for name in
            ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", &format!("rustls-pristine/{ROOT}")]
        {
            let to = folder.path().join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(real.join(name), to).unwrap();
        }
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What the build script would build, or what it would say.
    pub fn source(&self) -> Result<Tree, String> {
        patched_tree(&self.path("rustls")).map_err(|problem| problem.0)
    }

    pub fn replace(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.arg("--repository").arg(self.0.path()).arg("rustls").args(args);
        xtask.stdin(Stdio::null());
        xtask
    }
}

pub fn first_patch(repository: &Repository) -> String {
    let patches = series(&repository.path("rustls/patches")).unwrap();
    format!("rustls/patches/{}", patches[0].0)
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}
