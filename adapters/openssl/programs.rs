//! Builds the adapter for OpenSSL and its programs, for tests and for other programs that run them as peers.
//!
//! The adapter itself is C: `include/rext_openssl.h` says all about it.
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program needs that links `librext.a`.
const NATIVE: &str = "-lgcc_s -lpthread -ldl -lm";

/// The programs; `--help` says what they do.
#[derive(Clone, Debug)]
pub struct Programs {
    /// A server of HTTP/1.1 that asks for certificates.
    pub server: PathBuf,
    /// A client that offers one.
    pub client: PathBuf,
    /// A client or server that sends exported authenticators.
    pub authenticator: PathBuf,
}

/// Why there are no programs.
#[derive(Debug)]
pub enum Error {
    /// This is not installed.
    Missing(&'static str),
    /// The compiler, or another of them, said this.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "there is no {what} here: install it"),
            Self::Failed(said) => write!(f, "cannot build the adapter for OpenSSL: {said}"),
        }
    }
}

impl std::error::Error for Error {}

/// The folder of the adapter, with its sources and its Makefile.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Programs {
    /// Builds them into a folder, if they are not there and current. `librext` is `librext.a`, as
    /// cargo made it of rustls-ext-capi.
    ///
    /// # Errors
    /// If there is no compiler, no make or no OpenSSL to build with; or if they do not build.
    pub fn build(librext: &Path, into: &Path) -> Result<Self, Error> {
        Self::build_with(librext, into, "")
    }

    /// The same with more flags for compiler and linker, such as `-fsanitize=address`.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn build_with(librext: &Path, into: &Path, sanitize: &str) -> Result<Self, Error> {
        for (tool, what) in [("make", "make"), ("cc", "C compiler"), ("pkg-config", "pkg-config")] {
            said(Command::new(tool).arg("--version")).map_err(|_| Error::Missing(what))?;
        }
        said(Command::new("pkg-config").args(["--atleast-version=3", "openssl"]))
            .map_err(|_| Error::Missing("OpenSSL 3 to build with (libssl-dev)"))?;
        let mut make = Command::new("make");
        make.arg("--silent").arg("-C").arg(folder()).arg(setting("OUT=", into));
        let header = folder().join("../../rustls-ext-capi/include");
        make.arg(setting("REXT_CFLAGS=-I", &header));
        let mut libraries = setting("REXT_LIBS=", librext);
        libraries.push(" ");
        libraries.push(NATIVE);
        said(make.arg(libraries).arg(format!("SANITIZE={sanitize}"))).map_err(Error::Failed)?;
        let program = |name: &str| into.join(name);
        Ok(Self {
            server: program("rext-openssl-server"),
            client: program("rext-openssl-client"),
            authenticator: program("rext-openssl-authenticator"),
        })
    }
}

fn setting(name: &str, value: &Path) -> OsString {
    let mut setting = OsString::from(name);
    setting.push(value);
    setting
}

fn said(command: &mut Command) -> Result<(), String> {
    // Make, run by cargo, must not look for a job server that is not for it.
    let out = command.env_remove("MAKEFLAGS").output().map_err(|err| err.to_string())?;
    if out.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&out.stderr).trim().into())
    }
}
