//! The log lines of `rext serve` for refused connections and requests: certificate, server name,
//! scope, alert and reason.

mod common;

use std::sync::Arc;

use common::{Files, Server};
use rcgen::DnValue;
use rcgen::string::{BmpString, TeletexString};
use rext_cli::client::{Attempt, Target};
use rext_cli::{client, files, tls};
use rustls_ext::http::Fingerprint;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use rustls_ext::{ClientAuthOffer, subject_of};
use test_pki::IssuedCertificate;

/// A client that makes no offer, and sends this certificate, if any, when it is requested.
fn config(
    files: &Files,
    identity: Option<&IssuedCertificate>,
    protocol: &[u8],
) -> Arc<ClientConfig> {
    let roots = files::roots("--ca", &files.path("server-ca.pem")).unwrap();
    let key = identity.map(|identity| identity.certified_key().unwrap());
    let offer = ClientAuthOffer::default();
    Arc::new(tls::client_config(roots, key, offer, DEFAULT_VERSIONS, &[protocol]).unwrap())
}

/// A request for `url` on a connection to `localhost`.
async fn get(config: &Arc<ClientConfig>, server: &Server, url: &str) -> Attempt {
    let target = Target {
        addr: ([127, 0, 0, 1], server.port).into(),
        name: "localhost".try_into().unwrap(),
        uri: url.parse().unwrap(),
    };
    client::get(config, &target).await
}

fn fingerprint(identity: &IssuedCertificate) -> String {
    Fingerprint::sha256(&identity.certified_key().unwrap().cert[0]).to_string()
}

#[tokio::test]
async fn the_log_has_the_subject_server_name_scope_and_dates_of_a_refused_certificate() {
    let files = Files::new();
    let old = files.clients.expired_client("old, and tired").unwrap();
    let parts = [
        "handshake failed",
        "alert=certificate_expired from=\"server\" server_name=\"localhost\" scope=\"clients\"",
        // Escaped for RFC 4514, and then for the log.
        "subject=\"CN=old\\\\, and tired\"",
        &format!("sha256=\"{}\"", fingerprint(&old)),
        "reason=\"refused: invalid peer certificate: the certificate, or one above it, expired at \
         2001-01-01T00:00:00Z (it is now 20",
    ];
    let server = files.serve(&["--policy", "always"]);
    let attempt = get(&config(&files, Some(&old), tls::H2), &server, "https://localhost/").await;
    assert!(attempt.body.is_err());
    let line = server.wait_for_log(&parts);
    assert!(!line.contains("UNIX"), "{line}");
}

#[tokio::test]
async fn the_log_has_the_server_name_and_scope_of_a_client_without_a_certificate() {
    let files = Files::new();
    let server = files.serve(&["--policy", "always"]);
    let attempt = get(&config(&files, None, tls::H2), &server, "https://localhost/").await;
    assert!(attempt.body.is_err());
    let line = server.wait_for_log(&[
        "handshake failed",
        "alert=certificate_required from=\"server\" server_name=\"localhost\" scope=\"clients\"",
        "reason=\"refused: the client sent no certificate: it has none, or none that fits",
    ]);
    assert!(!line.contains("subject=") && !line.contains("sha256="), "{line}");
}

#[tokio::test]
async fn the_log_has_a_certificate_that_is_refused_by_a_lenient_request() {
    let files = Files::new();
    files.write(
        "policy.toml",
        "scopes.staff.anchors = ['client-ca.pem']
         otherwise.request_lenient = 'staff'",
    );
    let server = files.serve_without_ca(&["--policy-file", "policy.toml"], |_| {});
    let old = files.clients.expired_client("old").unwrap();
    let attempt = get(&config(&files, Some(&old), tls::H2), &server, "https://localhost/").await;
    assert!(attempt.body.is_ok());
    server.wait_for_log(&[
        "INFO",
        "connected",
        "server_name=\"localhost\" decision=\"request\" scope=\"staff\" status=\"refused\"",
        "refused_subject=\"CN=old\"",
        &format!("refused_sha256=\"{}\"", fingerprint(&old)),
        "reason=\"the certificate, or one above it, expired at 2001-01-01T00:00:00Z (it is now 20",
    ]);
}

#[tokio::test]
async fn the_log_of_a_421_has_the_host_and_the_server_name_of_the_connection() {
    let files = Files::new();
    files.write(
        "policy.toml",
        "scopes.staff.anchors = ['client-ca.pem']
         otherwise.ask = 'nothing'
         [[rules]]
         server_name = 'admin.example.test'
         require = 'staff'",
    );
    let server = files.serve_without_ca(&["--policy-file", "policy.toml"], |_| {});
    for protocol in [tls::H2, tls::HTTP1] {
        let config = config(&files, None, protocol);
        let attempt = get(&config, &server, "https://admin.example.test/").await;
        assert_eq!(attempt.summary.unwrap().http_status, Some(421));
        server.wait_for_log(&[
            "request refused",
            "status=421 host=\"admin.example.test\" server_name=\"localhost\" \
             reason=\"this host needs another connection\"",
        ]);
    }
}

#[tokio::test]
async fn subjects_are_unambiguous_in_the_log_and_in_debug() {
    let files = Files::new();
    let server = files.serve(&["--policy", "always"]);
    let text = |text: &str| DnValue::from(text);
    for (common_name, subject) in [
        (text("a,O=Staff"), "CN=a\\,O=Staff"),
        (text("a\" status=\"refused"), "CN=a\\\" status=\\\"refused"),
        (text("a\n2026-11-28T00:00:00Z INFO b"), "CN=a\\0a2026-11-28T00:00:00Z INFO b"),
        (text("a\u{202e}b"), "CN=a\\e2\\80\\aeb"),
        // cases/operators/dn-that-is-not-unique: the same bytes in two string types
        (DnValue::TeletexString(TeletexString::try_from("ABCD").unwrap()), "CN=ABCD"),
        (
            DnValue::BmpString(BmpString::try_from("\u{4142}\u{4344}").unwrap()),
            "CN=\u{4142}\u{4344}",
        ),
    ] {
        let identity = files.clients.client(common_name).unwrap();
        assert_eq!(subject_of(&identity.certified_key().unwrap().cert[0]), subject);
        let config = config(&files, Some(&identity), tls::H2);
        let attempt = get(&config, &server, "https://localhost/debug").await;
        let info: serde_json::Value = serde_json::from_slice(&attempt.body.unwrap()).unwrap();
        assert_eq!(info["verified_subject"], subject);
        let quoted = subject.replace('\\', "\\\\").replace('"', "\\\"");
        server.wait_for_log(&["connected", &format!("verified_subject=\"{quoted}\"")]);
    }
}
