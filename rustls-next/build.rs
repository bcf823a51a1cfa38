//! Makes the source of the patched crate, in the folder that cargo gives for that.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use rustls_source::NEXT;

fn main() -> ExitCode {
    for path in ["build.rs", "patches", "src"] {
        println!("cargo::rerun-if-changed=../{path}");
    }
    println!("cargo::rerun-if-env-changed={}", NEXT.variable);
    // The manifest is in a folder of its own.
    let mut here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    here.pop();
    rustls_source::build(|| NEXT.patched_tree(&here))
}
