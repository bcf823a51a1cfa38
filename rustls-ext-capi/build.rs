//! Gives the shared library its soname, and its symbols the soname as their version.
//!
//! rustc passes a version script of its own. A second one is not possible: GNU ld refuses it, and
//! LLVM's linker ignores it. GNU ld can derive the symbol versions from the soname without a
//! script, so it links the shared library where it is available.
#![forbid(unsafe_code)]

use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name| std::env::var(name).unwrap_or_default();
    if (var("CARGO_CFG_TARGET_OS"), var("CARGO_CFG_TARGET_ENV")) != ("linux".into(), "gnu".into()) {
        return;
    }
    // The same soname as from cargo-c: before 1.0, a minor version may break the ABI.
    let soname = match (var("CARGO_PKG_VERSION_MAJOR"), var("CARGO_PKG_VERSION_MINOR")) {
        (major, minor) if major == "0" => format!("librext.so.0.{minor}"),
        (major, _) => format!("librext.so.{major}"),
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    let gnu_ld = || Command::new("ld.bfd").arg("--version").stdout(Stdio::null()).status();
    if var("HOST") == var("TARGET") && gnu_ld().is_ok_and(|status| status.success()) {
        println!("cargo::rustc-cdylib-link-arg=-fuse-ld=bfd");
        println!("cargo::rustc-cdylib-link-arg=-Wl,--default-symver");
    } else {
        println!(
            "cargo::warning=GNU ld (ld.bfd) not found: the symbols of librext.so get no version"
        );
    }
}
