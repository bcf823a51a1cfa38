//! Puts the pristine source where this crate builds it, under its other name.

#[path = "../rustls/generate.rs"]
#[allow(dead_code)] // the patched crate uses more of it
mod generate;

use std::path::Path;
use std::process::ExitCode;

use generate::Layout;

fn main() -> ExitCode {
    for path in
        ["build.rs", "../rustls/generate.rs", "../rustls/generate", "../rustls/pristine", "gen"]
    {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed={}", generate::PRISTINE_VARIABLE);
    #[cfg(feature = "read_buf")]
    if rustversion::cfg!(nightly) {
        println!("cargo::rustc-cfg=read_buf");
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let layout = Layout {
        pristine: here.join("../rustls/pristine"),
        patches: None,
        own: None,
        generated: here.join("gen"),
    };
    if let Err(problem) = generate::generate(&layout) {
        for line in problem.0.lines() {
            println!("cargo::error={line}");
        }
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
