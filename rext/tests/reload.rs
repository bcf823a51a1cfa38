//! `rext serve` reloads its files: on SIGHUP, or with `--watch`.

mod common;

use std::process::Command;

use common::{Files, Server};

const REQUIRE: &str = "
    [scopes.clients]
    anchors = ['client-ca.pem']
    [[rules]]
    server_name = 'localhost'
    require = 'clients'
    [otherwise]
    ask = 'nothing'
";
const NOTHING: &str = "otherwise = { ask = 'nothing' }";

/// The status of a new connection of a client with a certificate.
#[track_caller]
fn status(files: &Files, server: &Server) -> String {
    files.connect(server, Some("client"), &[]).only_server()["status"].as_str().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn sighup_reloads_all_files_or_none() {
    let files = Files::new();
    files.write("policy.toml", NOTHING);
    let server = files.serve_without_ca(&["--policy-file", "policy.toml"], |_| {});
    let hang_up = || {
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    assert_eq!(status(&files, &server), "not_asked");

    files.write("policy.toml", REQUIRE);
    hang_up();
    server.wait_for_log(&["INFO", "files reloaded"]);
    assert_eq!(status(&files, &server), "authenticated");

    // A valid policy with an unusable certificate.
    let certificate = std::fs::read(files.path("server.pem")).unwrap();
    files.write("policy.toml", NOTHING);
    files.write("server.pem", "");
    hang_up();
    server.wait_for_log(&[
        "ERROR",
        "reload failed: the previous files stay in use",
        "server.pem: no certificate in it",
    ]);
    assert_eq!(status(&files, &server), "authenticated");

    files.write("server.pem", certificate);
    hang_up();
    server.wait_for_log(&["INFO", "files reloaded"]);
    assert_eq!(status(&files, &server), "not_asked");
}

#[test]
fn watch_reloads_changed_files() {
    let files = Files::new();
    let server = files.serve(&["--policy", "always", "--watch", "0.05"]);
    assert_eq!(status(&files, &server), "authenticated");
    let other = std::fs::read(files.path("server-ca.pem")).unwrap();
    files.write("client-ca.pem", other);
    server.wait_for_log(&["INFO", "files reloaded"]);
    let refused = files.connect(&server, Some("client"), &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors[0].contains("unknown_ca"), "{refused:?}");
}

#[test]
fn a_revoked_certificate_is_refused_after_the_reload_of_its_list() {
    let files = Files::new();
    files.write("clients.crl", files.clients.crl(&[]).unwrap());
    let args = ["--policy", "always", "--client-crl", "clients.crl", "--watch", "0.05"];
    let server = files.serve(&args);
    assert_eq!(status(&files, &server), "authenticated");
    files.write("clients.crl", files.clients.crl(&[&files.client]).unwrap());
    server.wait_for_log(&["INFO", "files reloaded"]);
    let refused = files.connect(&server, Some("client"), &[]);
    assert!(refused.errors[0].contains("certificate_revoked"), "{refused:?}");
}

/// A file of the library's tests for operators' files.
fn case(file: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rustls-ext/tests/operators/data/");
    std::fs::read(format!("{folder}{file}")).unwrap()
}

#[test]
fn an_expired_revocation_list_is_an_error_in_the_log_at_start_and_at_each_reload() {
    let files = Files::new();
    files.write("client-ca.pem", case("crl-out-of-date/ca.pem"));
    files.write("clients.crl", case("crl-out-of-date/out-of-date.crl"));
    let args = ["--policy", "always", "--client-crl", "clients.crl", "--watch", "0.05"];
    let server = files.serve(&args);
    let expired =
        ["ERROR", "CN=Client Root,O=Test", "clients.crl", "expired at 2024-02-01T00:00:00Z"];
    server.wait_for_log(&expired);

    // Another list, and then the expired one again.
    files.write("clients.crl", case("crl-two-lists-old-first/new.crl"));
    server.wait_for_log(&["INFO", "files reloaded"]);
    files.write("clients.crl", case("crl-out-of-date/out-of-date.crl"));
    server.wait_for_log(&["INFO", "files reloaded"]);
    server.wait_for_log(&expired);

    // The server still accepts connections, and refuses the certificates that the list covers.
    files.write("client.pem", case("crl-out-of-date/client.pem"));
    files.write("client.key", case("crl-out-of-date/client.key"));
    let refused = files.connect(&server, Some("client"), &[]);
    assert!(refused.errors[0].contains("certificate_unknown"), "{refused:?}");
    server.wait_for_log(&["handshake failed", "CN=Client Root,O=Test expired at 2024-02-01"]);
}
