//! The programs of the peers, and the files that they read.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use command_line::Failure;

use test_pki::{Authority, IssuedCertificate};

/// The subject of the client's certificate.
pub const CLIENT: &str = "CN=client-1";

/// The origin of the URI in the client's certificate.
pub const ORIGIN: &str = "spiffe://example.org";

/// The policy file of servers that request a certificate because of [`ORIGIN`].
const ORIGIN_POLICY: &str = r#"
[scopes.workloads]
anchors = ["client-ca.pem"]
trust_domain = "spiffe://example.org"

[[rules]]
origin = "spiffe://example.org"
request = "workloads"

[otherwise]
ask = "nothing"
"#;

/// Certificates in files, and the project's folders.
#[derive(Debug)]
pub struct Site {
    files: tempfile::TempDir,
    project: PathBuf,
    programs: Vec<PathBuf>,
}

impl Site {
    /// Makes the files, with new certificates.
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
            Failure::Failed(
                "the project's sources are not found: run this command in the project's folder"
                    .into(),
            )
        })?;
        // Cargo's output folders of both profiles.
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
        site.identity("client", &clients.workload("client-1", &format!("{ORIGIN}/client-1"))?)?;
        site.write("origin-policy.toml", ORIGIN_POLICY)?;
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

    /// The path of `origin-policy.toml`, or of a certificate file: `server-ca.pem`, `client-ca.pem`, and `.pem` and `.key` of `server` and
    /// `client`. A peer may add its own files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// The path of a file of the project's sources.
    pub fn source(&self, name: &str) -> PathBuf {
        self.project.join(name)
    }

    /// The path of a program that cargo has built.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.iter().map(|folder| folder.join(name)).find(|path| path.exists())
    }

    /// A command that runs in the folder of the certificates, without standard input.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.files.path()).stdin(Stdio::null());
        command
    }

    /// The version of a program: the first line that `program args…` prints.
    ///
    /// # Errors
    /// If it is missing; the text names the Debian package.
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
    /// The last line with an error that it prints.
    pub fn build(&self, command: &mut std::process::Command) -> Result<(), String> {
        let program = command.get_program().to_string_lossy().into_owned();
        // Without this, make would use cargo's job server.
        let output = command
            .env_remove("MAKEFLAGS")
            .output()
            .map_err(|err| format!("cannot run {program}: {err}"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().rev().find(|line| line.contains("rror")).unwrap_or(&text);
        Err(format!("{program} fails: {}", line.trim()))
    }

    /// Builds the programs of a C adapter into the folder of the certificates, with the librext
    /// that cargo built.
    ///
    /// # Errors
    /// If librext is missing, or the build fails.
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
