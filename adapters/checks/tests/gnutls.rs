//! The adapter for GnuTLS, in C: built with warnings as errors, and its example server from outside.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use adapter_checks::Adapter;

fn adapter() -> Adapter {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Adapter {
        program: PROGRAM.get_or_init(build).clone(),
        // illegal_parameter, as the rules ask for
        bad_hello: Some(47),
        // unknown_ca
        unknown_ca: Some(48),
        // certificate_required
        no_certificate: Some(116),
        names_authorities: true,
        compares_second_hello: true,
    }
}

/// Builds the adapter and its server with the static library that this test was built with. Debian
/// has what that takes in `gcc`, `make`, `pkg-config` and `libgnutls28-dev`.
fn build() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of adapters");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gnutls");
    let deps = std::env::current_exe().expect("a program").parent().expect("a folder").to_owned();
    let library = deps.join("librext.a");
    let include = here.parent().expect("a project").join("rustls-ext-capi/include");
    let built = Command::new("make")
        .args(["--silent", "-C"])
        .arg(here.join("gnutls"))
        .arg(format!("OUT={}", out.display()))
        .arg(format!("REXT_CFLAGS=-I{}", include.display()))
        .arg(format!("REXT_LIBS={} -lgcc_s -lpthread -ldl -lm", library.display()))
        // Make, run by cargo, must not look for a job server that is not for it.
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    out.join("rext-gnutls-server")
}

adapter_checks::checks!(adapter);
