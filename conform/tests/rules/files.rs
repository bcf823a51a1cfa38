//! Certificates and the binary in a temporary folder.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use test_pki::{Authority, IssuedCertificate};

pub struct Files(tempfile::TempDir);

impl Files {
    /// `server` and `client`, with a certificate and a key each, and the authorities `server-ca` and
    /// `client-ca`.
    pub fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        let [servers, clients] =
            ["Server CA", "Client CA"].map(|name| Authority::new(name).unwrap());
        this.write("server-ca.pem", servers.pem());
        this.write("client-ca.pem", clients.pem());
        this.write_identity("server", &servers.server(&["localhost"]).unwrap());
        this.write_identity("client", &clients.client("client-1").unwrap());
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn write_identity(&self, name: &str, identity: &IssuedCertificate) {
        self.write(&format!("{name}.pem"), identity.cert_pem());
        self.write(&format!("{name}.key"), identity.key_pem());
    }

    /// The binary, in the folder, so that file names need no path.
    pub fn conform(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rext-conform"));
        command.current_dir(self.0.path()).args(args).stdin(Stdio::null());
        command
    }
}
