//! Builds the adapter for GnuTLS, in C, with warnings as errors, and runs the common checks and the
//! adapter's own tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use adapter_checks::Adapter;
use test_pki::Authority;

fn adapter() -> Adapter {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Adapter {
        program: PROGRAM.get_or_init(build).clone(),
        // illegal_parameter, as the rules require
        bad_hello: Some(47),
        // unknown_ca
        unknown_ca: Some(48),
        // certificate_required
        no_certificate: Some(116),
        names_authorities: true,
        compares_second_hello: true,
    }
}

/// Builds the adapter and its server with the static library that cargo built for this test. It
/// needs Debian's `gcc`, `make`, `pkg-config` and `libgnutls28-dev`.
fn build() -> PathBuf {
    make("gnutls", &[]).join("rext-gnutls-server")
}

/// Runs make in the adapter's folder, with the output folder `out` and these further arguments.
fn make(out: &str, args: &[&str]) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of adapters");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(out);
    let deps = std::env::current_exe().expect("a program").parent().expect("a folder").to_owned();
    let library = deps.join("librext.a");
    let include = here.parent().expect("a project").join("rustls-ext-capi/include");
    let built = Command::new("make")
        .args(["--silent", "-C"])
        .arg(here.join("gnutls"))
        .arg(format!("OUT={}", out.display()))
        .arg(format!("REXT_CFLAGS=-I{}", include.display()))
        .arg(format!("REXT_LIBS={} -lgcc_s -lpthread -ldl -lm", library.display()))
        .args(args)
        // Cargo's MAKEFLAGS name a job server that this make cannot use.
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    out
}

#[test]
fn a_replaced_verification_does_not_authenticate_clients_and_names_must_fit() {
    let flags = "SANITIZE=-fsanitize=address,undefined -fno-sanitize-recover=all";
    let program = make("gnutls-callbacks", &["callbacks", flags]).join("callbacks");
    let servers = Authority::new("Server CA").unwrap();
    let clients = Authority::new("Client CA").unwrap();
    let foreign = Authority::new("Foreign CA").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for (name, identity) in [
        ("server", servers.server(&["localhost"]).unwrap()),
        ("client", clients.client("client-1").unwrap()),
        ("stranger", foreign.client("stranger").unwrap()),
    ] {
        write(&format!("{name}.pem"), identity.cert_pem());
        write(&format!("{name}.key"), &identity.key_pem());
    }
    write("client-ca.pem", &clients.pem());
    // The name of each takes 125 bytes, and 2 more for its length.
    let many = (0..600).map(|n| Authority::new(&format!("{n:0>112}")).unwrap().pem());
    write("too-many.pem", &many.collect::<String>());
    let args = ["server.pem", "server.key", "client-ca.pem", "client.pem", "client.key"];
    let more = ["stranger.pem", "stranger.key", "too-many.pem"];
    let out = Command::new(program).args(args).args(more).current_dir(&folder).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.stdout, b"all passed\n");
}

adapter_checks::checks!(adapter);
