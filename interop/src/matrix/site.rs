//! Where the peers are: their programs, and the files that they read.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use command_line::Failure;

use test_pki::{Authority, IssuedCertificate};

/// Whom the client's certificate names.
pub const CLIENT: &str = "CN=client-1";

/// A PKI in files, and the project's folders.
#[derive(Debug)]
pub struct Site {
    files: tempfile::TempDir,
    project: PathBuf,
    programs: Vec<PathBuf>,
}

impl Site {
    /// With new certificates.
    ///
    /// # Errors
    /// If the files cannot be written, or the project's sources are not found above the program.
    pub fn new() -> Result<Self, Failure> {
        let failed = |err: std::io::Error| Failure::Failed(format!("cannot make files: {err}"));
        let exe = std::env::current_exe().map_err(failed)?;
        let here = std::env::current_dir().map_err(failed)?;
        let project = exe.ancestors().chain(here.ancestors()).find(|folder| {
            folder.join("adapters/README.md").exists() && folder.join("interop/peers").exists()
        });
        let project = project.map(Path::to_owned).ok_or_else(|| {
            Failure::Failed("the project's sources are not found: run it in its folder".into())
        })?;
        // Where cargo puts what it builds, whatever the profile.
        let mut programs: Vec<_> = exe.parent().map(Path::to_owned).into_iter().collect();
        for profile in ["debug", "release"] {
            let target = programs.first().and_then(|folder| folder.parent());
            programs.extend(target.map(|target| target.join(profile)));
        }
        let site = Self { files: tempfile::tempdir().map_err(failed)?, project, programs };
        let servers = Authority::new("Server CA")?;
        let clients = Authority::new("Client CA")?;
        site.write("server-ca.pem", &servers.pem())?;
        site.write("client-ca.pem", &clients.pem())?;
        site.identity("server", &servers.server(&["localhost"])?)?;
        site.identity("client", &clients.client("client-1")?)?;
        Ok(site)
    }

    fn identity(&self, name: &str, identity: &IssuedCertificate) -> Result<(), Failure> {
        self.write(&format!("{name}.pem"), identity.cert_pem())?;
        self.write(&format!("{name}.key"), &identity.key_pem())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        std::fs::write(self.file(name), text)
            .map_err(|err| Failure::Failed(format!("cannot write {name}: {err}")))
    }

    /// A file of the PKI: `server-ca.pem`, `client-ca.pem`, and `.pem` and `.key` of `server` and
    /// `client`; or one of its own for a peer.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A file of the project's sources.
    pub fn source(&self, name: &str) -> PathBuf {
        self.project.join(name)
    }

    /// A program that cargo builds, where it is.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.iter().map(|folder| folder.join(name)).find(|path| path.exists())
    }

    /// A command, with the folder of the PKI as its working directory.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.files.path());
        command
    }

    /// What a program says of its version: the first line of `program args…`.
    ///
    /// # Errors
    /// That it is missing, and which package of Debian's has it.
    pub fn version(&self, program: &str, args: &[&str], package: &str) -> Result<String, String> {
        let run = std::process::Command::new(program).args(args).output();
        match run {
            Ok(output) if output.status.success() => {
                let text = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&text);
                Ok(text.lines().next().unwrap_or_default().trim().to_owned())
            }
            _ => Err(format!("there is no `{program}`: install {package}")),
        }
    }

    /// Runs a command that builds something in seconds.
    ///
    /// # Errors
    /// The last line that it says.
    pub fn build(&self, command: &mut std::process::Command) -> Result<(), String> {
        let what = command.get_program().to_string_lossy().into_owned();
        // Make, run by cargo, must not look for a job server that is not for it.
        let output = command
            .env_remove("MAKEFLAGS")
            .output()
            .map_err(|err| format!("cannot run {what}: {err}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().rev().find(|line| line.contains("rror")).unwrap_or(&said);
        Err(format!("{what} fails: {}", line.trim()))
    }

    /// Builds an adapter in C, with the librext that cargo built; its folder of programs.
    ///
    /// # Errors
    /// What is missing.
    pub fn make(&self, adapter: &str) -> Result<(), String> {
        let library = self
            .program("librext.a")
            .ok_or("there is no librext.a: run `cargo build -p rustls-ext-capi`")?;
        let include = self.source("rustls-ext-capi/include");
        let mut make = std::process::Command::new("make");
        make.args(["--silent", "-C"]).arg(self.source(adapter));
        make.arg(format!("OUT={}", self.files.path().display()));
        make.arg(format!("REXT_CFLAGS=-I{}", include.display()));
        make.arg(format!("REXT_LIBS={} -lgcc_s -lpthread -ldl -lm", library.display()));
        self.build(&mut make)
    }
}
