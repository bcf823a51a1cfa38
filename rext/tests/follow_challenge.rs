//! `rext connect --follow-challenge` with `rext serve --site`.

mod common;

use common::site::{LOGIN, SITE, Site};
use serde_json::{Value, json};

/// The site, and the files of its visitors.
fn site() -> Site {
    let site = Site::start();
    site.write_identities();
    site
}

/// Runs `rext connect`. Returns the lines on standard error, and standard output.
#[track_caller]
fn connect(site: &Site, name: &str, page: (&str, &str), args: &[&str]) -> (Vec<Value>, String) {
    site.connect(name, page, &[&["--follow-challenge"], args].concat())
}

/// The summary of a request that was answered on a connection with the user's certificate.
fn summary(sent: u32, status: &str, tls_version: &str) -> Value {
    json!({
        "http_status": 200,
        "sent": sent,
        "challenged": sent == 2,
        "misdirected": false,
        "identity": "user.pem",
        "realm": "users",
        "status": status,
        "tls_version": tls_version,
        "unanswered": null,
    })
}

#[test]
fn cant_5_a_challenge_is_answered_once_and_its_connection_is_kept() {
    let site = site();
    for (args, status) in [
        (&[][..], "acknowledged"),
        (&["--http1"], "acknowledged"),
        (&["--offer", "both"], "acknowledged"),
        (&["--offer", "care"], "asked_without_acknowledgement"),
    ] {
        let args = [args, &["-n", "2"]].concat();
        let (lines, pages) = connect(&site, "user", (SITE, "/account"), &args);
        assert_eq!(lines, [2, 1].map(|sent| summary(sent, status, "TLSv1.3")));
        assert_eq!(pages.matches("You are logged in as").count(), 2, "{pages}");
    }
}

#[test]
fn cant_7_without_a_challenge_or_a_fitting_certificate_no_request_is_repeated() {
    let site = site();
    let (lines, _) = connect(&site, "user", (SITE, "/"), &[]);
    let mut expected = json!({
        "http_status": 200,
        "sent": 1,
        "challenged": false,
        "misdirected": false,
        "identity": null,
        "realm": null,
        "status": "not_offered",
        "tls_version": "TLSv1.3",
        "unanswered": null,
    });
    assert_eq!(lines, [expected.clone()]);

    let (mut lines, page) = connect(&site, "admin", (SITE, "/account"), &[]);
    let why = lines[0]["unanswered"].take();
    expected["http_status"] = 401.into();
    assert_eq!(lines, [expected]);
    let why = why.as_str().unwrap();
    assert!(why.starts_with("no identity for ClientCertificate realm=\"users\""), "{why}");
    assert!(why.ends_with("admin.pem is not accepted by the challenge"), "{why}");
    assert!(page.contains("Log in to see this page"), "{page}");
}

#[test]
fn cant_7_a_certificate_that_is_not_accepted_is_tried_once() {
    let site = site();
    let (lines, page) = connect(&site, "revoked", (LOGIN, "/account"), &[]);
    assert_eq!((&lines[0]["http_status"], &lines[0]["sent"]), (&json!(401), &json!(2)));
    assert!(lines[0]["unanswered"].is_string(), "{lines:?}");
    assert!(page.contains("but it has been revoked."), "{page}");
}

#[test]
fn cant_8_under_tls_1_2_a_challenge_is_answered_only_if_allowed() {
    let site = site();
    let args = ["--tls12", "--offer", "care"];
    let (lines, _) = connect(&site, "user", (SITE, "/account"), &args);
    assert_eq!((&lines[0]["http_status"], &lines[0]["sent"]), (&json!(401), &json!(1)));
    let args = [&args[..], &["--certificate-in-clear"]].concat();
    let (lines, _) = connect(&site, "user", (SITE, "/account"), &args);
    assert_eq!(lines, [summary(2, "asked_without_acknowledgement", "TLSv1.2")]);
}

#[test]
fn with_same_connection_a_challenge_is_answered_where_the_server_requests_nothing() {
    let site = site();
    let (lines, _) = site.connect("user", (SITE, "/account"), &["--same-connection"]);
    let mut expected = summary(2, "acknowledged", "TLSv1.3");
    expected["same_connection"] = json!({"requested": 0, "shown": [], "declined": []});
    assert_eq!(lines, [expected]);
}
