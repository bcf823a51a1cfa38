//! Programs from the registry that the checks use, each of one version, in `target/tools`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, run};

/// A program that cargo can install.
pub struct Tool<'a> {
    /// The name of the package and of its program.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
    /// Whether it is built without optimisation, which takes half of the time.
    pub debug: bool,
}

impl Tool<'_> {
    /// The path of the program. It is installed if it is neither in `target/tools` nor on the path.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn program(&self, repository: &Path) -> Result<PathBuf> {
        let Self { name, version, debug } = self;
        let root = target(repository).join("tools").join(format!("{name}-{version}"));
        let program = root.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX));
        if program.exists() {
            return Ok(program);
        }
        if self.is_on_path() {
            return Ok(name.into());
        }
        println!("installing {name} {version} to {}", root.display());
        let mut cargo = crate::cargo();
        cargo.args(["install", "--quiet", "--locked", name, "--version", &format!("={version}")]);
        cargo.args(debug.then_some("--debug")).arg("--root").arg(&root);
        // Its own folder for the build, and no debug information.
        run(cargo.env_remove("CARGO_TARGET_DIR").env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
        Ok(program)
    }

    fn is_on_path(&self) -> bool {
        let said = Command::new(self.name).arg("--version").stderr(Stdio::null()).output();
        let is_it = |said: &[u8]| {
            String::from_utf8_lossy(said).split_whitespace().any(|word| word == self.version)
        };
        said.is_ok_and(|said| said.status.success() && is_it(&said.stdout))
    }
}

/// The folder for builds.
pub fn target(repository: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or(repository.join("target"), |it| repository.join(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_on_the_path_counts_only_in_its_version() {
        let rustc = |version| Tool { name: "rustc", version, debug: true };
        let said = Command::new("rustc").arg("--version").output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        let version = said.split_whitespace().nth(1).unwrap();
        assert!(rustc(version).is_on_path());
        assert!(!rustc("0.0.1").is_on_path());
        assert!(!Tool { name: "no-such-program", version, debug: true }.is_on_path());
    }
}
