//! Makes the source of the patched crate, unless it is there already.

#[path = "generate.rs"]
#[allow(dead_code)] // xtask uses more of it
mod generate;

use std::path::Path;
use std::process::ExitCode;

use generate::{Layout, Outcome};

fn main() -> ExitCode {
    for path in ["build.rs", "generate.rs", "generate", "pristine", "patches", "src", "gen"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed={}", generate::PRISTINE_VARIABLE);
    // For rustls-ext, which looks whether it is this rustls that it got.
    println!("cargo::metadata=patched={}", generate::VERSION);
    nightly();

    match generate::generate(&Layout::patched(Path::new(env!("CARGO_MANIFEST_DIR")))) {
        Ok(Outcome::Overwritten) => println!(
            "cargo::warning=rustls/gen was changed by hand and has been made anew; to change the \
             patched source, use `cargo xtask rustls edit`"
        ),
        Ok(_) => {}
        Err(problem) => {
            for line in problem.0.lines() {
                println!("cargo::error={line}");
            }
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// As upstream's build script: `read_buf` is for nightly compilers only.
fn nightly() {
    #[cfg(feature = "read_buf")]
    if rustversion::cfg!(nightly) {
        println!("cargo::rustc-cfg=read_buf");
    }
}
