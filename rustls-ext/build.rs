//! Says what to do when the patched rustls is not in use, before rustc says it at length.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTLS_EXT_EXPORTED");
    // The patched crate's build script leaves this for the crates that depend on it.
    // `cargo xtask rustls export` writes it without one.
    if ["DEP_RUSTLS_EXT_PATCHED", "RUSTLS_EXT_EXPORTED"]
        .iter()
        .any(|it| std::env::var_os(it).is_some())
    {
        // For the text of an error.
        if let Ok(providers) = std::env::var("DEP_RUSTLS_EXT_PROVIDERS") {
            println!("cargo::rustc-env=RUSTLS_EXT_PROVIDERS={providers}");
        }
        return;
    }
    for line in [
        "rustls-ext needs the patched rustls that comes with it, and this build uses the plain one.",
        "Add this to the Cargo.toml at the root of your workspace (cargo ignores it in a member), with \
         the address (and rev or tag) from which you take rustls-ext:",
        "    [patch.crates-io]",
        "    rustls = { git = \"<the address of the rustls-ext repository>\" }",
        "or, with a checkout:",
        "    [patch.crates-io]",
        "    rustls = { path = \"<the checkout>/rustls\" }",
        "With a rustls that `cargo xtask rustls export` wrote, also set RUSTLS_EXT_EXPORTED=1.",
        "If the lines are there already, your Cargo.lock keeps another rustls. Run this:",
        "    cargo update -p rustls --precise 0.23.46",
        "If that does not help, a checkout of rustls-ext finds the reason:",
        "    cargo run -p rext -- doctor <the folder of your project>",
    ] {
        println!("cargo::error={line}");
    }
}
