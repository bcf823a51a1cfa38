//! Makes the source of the patched crate, in the folder that cargo gives for that.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    for path in ["build.rs", "patches", "src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    // For rustls-ext, which looks whether it is this rustls that it got.
    println!("cargo::metadata=patched={}", rustls_source::VERSION);
    let providers =
        ["CARGO_FEATURE_RING", "CARGO_FEATURE_AWS_LC_RS"].map(|it| env::var_os(it).is_some());
    println!("cargo::metadata=providers={}", providers.iter().filter(|built| **built).count());
    nightly();
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    rustls_source::build(|| rustls_source::patched_tree(&here))
}

/// As upstream's build script: `read_buf` is for nightly compilers only.
fn nightly() {
    #[cfg(feature = "read_buf")]
    if rustversion::cfg!(nightly) {
        println!("cargo::rustc-cfg=read_buf");
    }
}
