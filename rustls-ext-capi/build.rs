//! Gives the shared library its soname, and its symbols the soname as their version.
//!
//! rustc has a version script of its own, which leaves no room for another (GNU ld refuses the two,
//! LLVM's goes by the first). GNU ld can make versions of the soname without a script, so it links
//! the shared library wherever it is at hand.
#![forbid(unsafe_code)]

use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name| std::env::var(name).unwrap_or_default();
    if (var("CARGO_CFG_TARGET_OS"), var("CARGO_CFG_TARGET_ENV")) != ("linux".into(), "gnu".into()) {
        return;
    }
    // As cargo-c has it: before 1.0, a minor version may break the ABI.
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
        println!("cargo::warning=no GNU ld: the symbols of librext.so have no version");
    }
}
