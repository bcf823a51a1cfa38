//! Installs the C library where compilers, linkers and pkg-config look for it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use toml_edit::DocumentMut;

use crate::Result;

/// The system libraries that the static library needs, by `rustc --print native-static-libs`.
const NATIVE: &str = "-lgcc_s -lpthread -ldl -lm";

/// Options of `cargo xtask capi install`.
#[derive(Debug, Args)]
pub struct Install {
    /// The prefix, an absolute path: files go to its folders `lib` and `include`.
    #[arg(long, default_value = "/usr/local")]
    pub prefix: PathBuf,
    /// Write below this folder, for packages; `rext.pc` has the prefix without it.
    #[arg(long)]
    pub destdir: Option<PathBuf>,
    /// The cargo profile of the build.
    #[arg(long, default_value = "release")]
    pub profile: String,
    /// Also build and install the modules for OpenSSL's configuration, with samples of it. Needs
    /// make, a C compiler and OpenSSL's headers.
    // An option, so that the result does not depend on what else is installed.
    #[arg(long)]
    pub openssl: bool,
}

/// Builds the library, and installs it with its header and its pkg-config file.
///
/// # Errors
/// If it cannot be built, or a file cannot be written.
pub fn install(repository: &Path, to: &Install) -> Result<()> {
    let (Some(prefix), true) = (to.prefix.to_str(), to.prefix.is_absolute()) else {
        return Err(format!("{}: not an absolute path", to.prefix.display()).into());
    };
    let below = match &to.destdir {
        None => to.prefix.clone(),
        Some(folder) => folder.join(prefix.trim_start_matches('/')),
    };
    let crate_folder = repository.join("rustls-ext-capi");
    let (version, description) = package(&crate_folder)?;
    let built = build(repository, &to.profile)?;

    let (lib, include) = (below.join("lib"), below.join("include"));
    fs::create_dir_all(lib.join("pkgconfig"))?;
    fs::create_dir_all(&include)?;
    put(&crate_folder.join("include/rext.h"), &include.join("rext.h"))?;
    put(&built.join("librext.a"), &lib.join("librext.a"))?;
    let file = format!("librext.so.{version}");
    put(&built.join("librext.so"), &lib.join(&file))?;
    for name in [&soname(&version), "librext.so"] {
        let _ = fs::remove_file(lib.join(name));
        symlink(&file, lib.join(name))?;
    }
    fs::write(lib.join("pkgconfig/rext.pc"), pkg_config(prefix, &version, &description))?;
    if to.openssl {
        openssl_modules(repository, &built, to)?;
    }
    println!("installed librext {version} in {}", below.display());
    Ok(())
}

/// The modules and their sample configurations; the system's configuration stays as it is.
fn openssl_modules(repository: &Path, built: &Path, to: &Install) -> Result<()> {
    let out = built.join("openssl-conf");
    let mut make = Command::new("make");
    make.arg("--silent").arg("-C").arg(repository.join("adapters/openssl-conf")).arg("install");
    let variable = |name: &str, value: &Path| format!("{name}={}", value.display());
    make.arg(variable("OUT", &out)).arg(variable("PREFIX", &to.prefix));
    make.arg(variable("DESTDIR", to.destdir.as_deref().unwrap_or(Path::new(""))));
    make.arg(variable("REXT_CFLAGS", Path::new("-I../../rustls-ext-capi/include")));
    make.arg(format!("REXT_LIBS={} {NATIVE}", built.join("librext.a").display()));
    match make.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("the modules for OpenSSL cannot be built; they need a C compiler and \
                      OpenSSL's headers (Debian: gcc, libssl-dev)"
            .into()),
        Err(err) => Err(format!("make: {err}; the modules for OpenSSL need it").into()),
    }
}

/// Replaces a file instead of overwriting it, since a running program may have it open.
fn put(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_file(to);
    fs::copy(from, to).map_err(|err| format!("{} to {}: {err}", from.display(), to.display()))?;
    Ok(())
}

/// The version in the soname, as in the crate's build script: before 1.0, a minor version may break the ABI.
fn soname(version: &str) -> String {
    let components = if version.starts_with("0.") { 2 } else { 1 };
    let version: Vec<_> = version.split('.').take(components).collect();
    format!("librext.so.{}", version.join("."))
}

fn pkg_config(prefix: &str, version: &str, description: &str) -> String {
    format!(
        "prefix={prefix}\nlibdir=${{prefix}}/lib\nincludedir=${{prefix}}/include\n\n\
         Name: rext\nDescription: {description}\nVersion: {version}\n\
         Libs: -L${{libdir}} -lrext\nLibs.private: {NATIVE}\nCflags: -I${{includedir}}\n"
    )
}

/// Version and description of the library.
fn package(crate_folder: &Path) -> Result<(String, String)> {
    let manifest: DocumentMut = fs::read_to_string(crate_folder.join("Cargo.toml"))?.parse()?;
    let package = &manifest["package"];
    let description = &package["metadata"]["capi"]["pkg_config"]["description"];
    // The version is that of the workspace.
    let workspace =
        fs::read_to_string(crate_folder.join("../Cargo.toml"))?.parse::<DocumentMut>()?;
    let version = &workspace["workspace"]["package"]["version"];
    match (version.as_str(), description.as_str()) {
        (Some(version), Some(description)) => Ok((version.into(), description.into())),
        _ => Err("there is no version in Cargo.toml, or no description for C".into()),
    }
}

/// Builds the library, and returns its folder.
fn build(repository: &Path, profile: &str) -> Result<PathBuf> {
    let mut cargo = crate::cargo();
    cargo.current_dir(repository).args(["build", "--quiet", "-p", "rustls-ext-capi", "--lib"]);
    cargo.args(["--profile", profile, "--message-format", "json-render-diagnostics"]);
    let said = cargo.stderr(Stdio::inherit()).output()?;
    if !said.status.success() {
        return Err("the library cannot be built".into());
    }
    for line in String::from_utf8(said.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        let files = message["filenames"].as_array().into_iter().flatten();
        let library = files.filter_map(|file| file.as_str()).find(|f| f.ends_with("/librext.a"));
        if let Some(folder) = library.and_then(|file| Path::new(file).parent()) {
            return Ok(folder.to_owned());
        }
    }
    Err("cargo does not report the path of librext.a".into())
}
