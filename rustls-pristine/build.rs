//! Puts the published source where this crate builds it, under its other name.

use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "read_buf")]
    if rustversion::cfg!(nightly) {
        println!("cargo::rustc-cfg=read_buf");
    }
    rustls_source::build(rustls_source::pristine_tree)
}
