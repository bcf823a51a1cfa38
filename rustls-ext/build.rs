//! Says what to do when the patched rustls is not in use, before rustc says it at length.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The patched crate's build script leaves this for the crates that depend on it.
    if std::env::var_os("DEP_RUSTLS_EXT_PATCHED").is_some() {
        return;
    }
    for line in [
        "rustls-ext needs the patched rustls that comes with it, and this build uses the plain one.",
        "Add this to the Cargo.toml at the root of your workspace, with the address (and rev or tag) \
         from which you take rustls-ext:",
        "    [patch.crates-io]",
        "    rustls = { git = \"<the address of the rustls-ext repository>\" }",
        "or, with a checkout:",
        "    [patch.crates-io]",
        "    rustls = { path = \"<the checkout>/rustls\" }",
        "If the lines are there already, run `cargo update -p rustls --precise 0.23.46`.",
    ] {
        println!("cargo::error={line}");
    }
}
