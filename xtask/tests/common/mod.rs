#![allow(dead_code)] // not every test uses all of it

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use xtask::generate::{self, Layout, Outcome};

/// A repository with nothing but the patched rustls in it, to be spoiled.
pub struct Repository(TempDir);

impl Repository {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rustls = xtask::repository().join("rustls");
        for (name, text) in generate::read_tree(&rustls).unwrap() {
            if !name.starts_with("gen/") {
                let path = folder.path().join("rustls").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn layout(&self) -> Layout {
        Layout::patched(&self.path("rustls"))
    }

    pub fn generate(&self) -> Result<Outcome, String> {
        generate::generate(&self.layout()).map_err(|problem| problem.0)
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
    let patches = generate::series(&repository.path("rustls/patches")).unwrap();
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
