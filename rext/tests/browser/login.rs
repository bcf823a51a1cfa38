//! Logging in with a browser: the pages, and the outcomes in the server's log.

use serde_json::json;

use crate::browser::{Browser, Kind, Profile};
use crate::common::site::{LOGIN, SITE, STAFF, Site};
use crate::firefox::Dialog;

/// Asserts that no certificate was requested on any connection so far.
#[track_caller]
fn assert_no_certificate_was_requested(site: &Site) {
    let log = site.server.log_so_far();
    let connected: Vec<_> = log.iter().filter(|line| line.contains("connected")).collect();
    assert!(!connected.is_empty(), "{log:?}");
    for line in connected {
        assert!(line.contains("decision=\"none\" status=\"not_asked\""), "{line}");
    }
}

/// Asserts that the browser used the connection of another host name for `host`, and that the response
/// was 421.
fn assert_misdirected(site: &Site, host: &str) {
    let host = format!("host=\"{host}:");
    site.server.wait_for_log(&["request refused", &host, "status=421"]);
}

async fn visit_public_pages(site: &Site, browser: &Browser) {
    browser.goto(&site.url(SITE, "/")).await;
    assert_eq!(browser.heading().await, "Welcome");
    assert_eq!(browser.protocol().await, json!("h2"));
    assert_eq!(browser.row("Certificate requested").await, "no");
    assert_eq!(browser.row("Outcome").await, "no certificate was requested");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_pages_request_no_certificate_with_or_without_certificates_in_the_store() {
    let site = Site::start();
    for (name, profile) in [
        ("landing-without-certificate", Profile::trusting(&site.servers)),
        ("landing", Profile::trusting(&site.servers).with(&site.user).with(&site.admin)),
    ] {
        let browser = profile.open().await;
        visit_public_pages(&site, &browser).await;
        assert_no_certificate_was_requested(&site);
        browser.screenshot(name).await;
        browser.goto(&site.url(SITE, "/account")).await;
        assert_eq!(browser.heading().await, "Log in to see this page");
        browser.screenshot("log-in").await;
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_login_host_makes_the_browser_show_its_dialog() {
    let site = Site::start();
    let profile = Profile::trusting(&site.servers).with(&site.user).with(&site.admin);
    let browser = profile.not_waiting().open().await;
    browser.goto(&site.url(SITE, "/")).await;
    let line = site.server.wait_for_log(&["connected"]);
    assert!(line.contains("decision=\"none\" status=\"not_asked\""), "{line}");
    browser.press("Log in with a certificate").await;
    assert_misdirected(&site, LOGIN);
    match browser.kind {
        // It ends the handshake to ask its user, and does not continue without an answer.
        Kind::Chromium => {
            let line = site.server.wait_for_log(&["handshake"]);
            let reason = "the client closed the connection during the handshake";
            assert!(line.contains(reason), "{line}");
        }
        // It continues the handshake after the answer.
        Kind::Firefox => {
            let [host, subject] = [LOGIN, "<b>Ursula</b>"].map(str::to_owned);
            assert_eq!(browser.wait_for_dialog().await, Dialog { host, subjects: vec![subject] });
        }
    }
    let log = site.server.log_so_far();
    assert!(!log.iter().any(|line| line.contains("decision=\"request\"")), "{log:?}");
    if browser.kind == Kind::Firefox {
        browser.accept_dialog().await;
        assert_eq!(browser.heading().await, "Your account");
        site.server.wait_for_log(&["connected", "decision=\"request\"", "authenticated"]);
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_a_certificate_logs_in_over_http_2() {
    let site = Site::start();
    let profile = Profile::trusting(&site.servers).with(&site.user);
    let browser = profile.selecting(&site.url(LOGIN, ""), "Users CA").open().await;
    visit_public_pages(&site, &browser).await;
    assert_no_certificate_was_requested(&site);

    browser.follow("Log in with a certificate").await;
    assert_eq!(browser.heading().await, "Your account");
    assert_eq!(browser.protocol().await, json!("h2"));
    assert_eq!(browser.text("main strong").await, "<b>Ursula</b>");
    assert_eq!(browser.text("main .note code").await, LOGIN);
    assert_eq!(browser.row("Host name").await, LOGIN);
    assert_eq!(browser.row("Certificate requested").await, "yes, for the scope “users”");
    assert_misdirected(&site, LOGIN);
    let parts = ["connected", "TLSv1.3", "decision=\"request\"", "status=\"authenticated\""];
    site.server.wait_for_log(&parts);
    browser.screenshot("account").await;

    // The login is not valid on the public pages.
    browser.follow("public pages").await;
    assert_eq!(browser.row("Certificate requested").await, "no");
    // And it is still valid on the login host.
    browser.follow("Account").await;
    assert_eq!(browser.heading().await, "Your account");

    // The staff host requests another certificate, which this user does not have.
    browser.follow("Staff").await;
    assert_eq!(browser.heading().await, "You are not logged in");
    assert_eq!(browser.row("Outcome").await, "your client sent no certificate");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_log_in_with_certificates_of_their_own_authority() {
    let site = Site::start();
    let profile = Profile::trusting(&site.servers).with(&site.user).with(&site.admin);
    let browser = profile.selecting(&site.url(STAFF, ""), "Staff CA").open().await;
    visit_public_pages(&site, &browser).await;
    browser.follow("Staff").await;
    assert_eq!(browser.heading().await, "Administration");
    assert_eq!(browser.text("main strong").await, "Sam");
    assert_misdirected(&site, STAFF);
    browser.screenshot("staff").await;
    browser.goto(&site.url(STAFF, "/account")).await;
    assert_eq!(browser.heading().await, "Your certificate is not for this page");
    browser.screenshot("other-scope").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_the_login_page_explains_that_none_was_sent() {
    let site = Site::start();
    let browser = Profile::trusting(&site.servers).open().await;
    visit_public_pages(&site, &browser).await;
    browser.follow("Log in with a certificate").await;
    assert_eq!(browser.heading().await, "You are not logged in");
    assert_eq!(browser.protocol().await, json!("h2"));
    assert_misdirected(&site, LOGIN);
    site.server.wait_for_log(&["connected", "decision=\"request\"", "status=\"declined\""]);
    browser.screenshot("declined").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_accepted_leads_to_a_page_with_the_reason() {
    let site = Site::start();
    let profile = Profile::trusting(&site.servers).with(&site.revoked);
    let browser = profile.selecting(&site.url(LOGIN, ""), "Users CA").open().await;
    visit_public_pages(&site, &browser).await;
    browser.follow("Log in with a certificate").await;
    assert_eq!(browser.heading().await, "Your certificate was not accepted");
    let alert = browser.text("[role=alert]").await;
    assert!(alert.ends_with("but it has been revoked."), "{alert}");
    site.server.wait_for_log(&["connected", "decision=\"request\"", "status=\"refused\""]);
    browser.screenshot("refused").await;
    browser.close().await;
}
