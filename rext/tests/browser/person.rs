//! What a person sees, and what the server knows of it.

use serde_json::json;

use crate::chromium::{Chromium, Profile};
use crate::common::site::{LOGIN, SITE, STAFF, Site};

/// That a browser was not asked on any connection so far.
#[track_caller]
fn assert_nobody_was_asked(site: &Site) {
    let log = site.server.log_so_far();
    let connected: Vec<_> = log.iter().filter(|line| line.contains("connected")).collect();
    assert!(!connected.is_empty(), "{log:?}");
    for line in connected {
        assert!(line.contains("decision=\"none\" status=\"not_asked\""), "{line}");
    }
}

/// That the browser would have used the connection that it had for another host name, and was told
/// to open one of its own.
fn assert_told_to_open_another_connection(site: &Site, host: &str) {
    let host = format!("host=\"{host}:");
    site.server.wait_for_log(&["request refused", &host, "status=421"]);
}

async fn visit_public_pages(site: &Site, browser: &Chromium) {
    browser.goto(&site.url(SITE, "/")).await;
    assert_eq!(browser.heading().await, "Welcome");
    assert_eq!(browser.protocol().await, json!("h2"));
    assert_eq!(browser.fact("Certificate asked for").await, "no");
    assert_eq!(browser.fact("What came of it").await, "nobody was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_public_pages_nobody_is_asked_with_certificates_or_without() {
    let site = Site::start();
    for (name, profile) in [
        ("landing-without-certificate", Profile::trusting(&site.servers)),
        ("landing", Profile::trusting(&site.servers).with(&site.user).with(&site.admin)),
    ] {
        let browser = profile.open().await;
        visit_public_pages(&site, &browser).await;
        assert_nobody_was_asked(&site);
        browser.screenshot(name).await;
        browser.goto(&site.url(SITE, "/account")).await;
        assert_eq!(browser.heading().await, "Log in to see this page");
        browser.screenshot("log-in").await;
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_where_one_logs_in_does_the_browser_ask() {
    let site = Site::start();
    let profile = Profile::trusting(&site.servers).with(&site.user);
    let browser = profile.not_waiting().open().await;
    browser.goto(&site.url(SITE, "/")).await;
    let line = site.server.wait_for_log(&["connected"]);
    assert!(line.contains("decision=\"none\" status=\"not_asked\""), "{line}");
    browser.goto(&site.url(LOGIN, "/account")).await;
    // It leaves the handshake to ask its person, and does not go on without an answer.
    let line = site.server.wait_for_log(&["handshake"]);
    assert!(line.contains("the client closed the connection during the handshake"), "{line}");
    let log = site.server.log_so_far();
    assert!(!log.iter().any(|line| line.contains("decision=\"request\"")), "{log:?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_a_certificate_logs_in_over_http_2() {
    let site = Site::start();
    let profile = Profile::trusting(&site.servers).with(&site.user);
    let browser = profile.selecting(&site.url(LOGIN, ""), "Users CA").open().await;
    visit_public_pages(&site, &browser).await;
    assert_nobody_was_asked(&site);

    browser.follow("Log in with a certificate").await;
    assert_eq!(browser.heading().await, "Your account");
    assert_eq!(browser.protocol().await, json!("h2"));
    assert_eq!(browser.text("main strong").await, "<b>Ursula</b>");
    assert_eq!(browser.text("main .note code").await, LOGIN);
    assert_eq!(browser.fact("Host name").await, LOGIN);
    assert_eq!(browser.fact("Certificate asked for").await, "yes, for “users”");
    assert_told_to_open_another_connection(&site, LOGIN);
    let words = ["connected", "TLSv1.3", "decision=\"request\"", "status=\"authenticated\""];
    site.server.wait_for_log(&words);
    browser.screenshot("account").await;

    // Who is logged in there is nobody on the public pages.
    browser.follow("public pages").await;
    assert_eq!(browser.fact("Certificate asked for").await, "no");
    // And is still logged in there.
    browser.follow("Account").await;
    assert_eq!(browser.heading().await, "Your account");

    // The staff's pages ask for another certificate, which this person does not have.
    browser.follow("Staff").await;
    assert_eq!(browser.heading().await, "You are not logged in");
    assert_eq!(browser.fact("What came of it").await, "your client sent no certificate");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_staff_logs_in_with_certificates_of_its_own() {
    let site = Site::start();
    let profile = Profile::trusting(&site.servers).with(&site.user).with(&site.admin);
    let browser = profile.selecting(&site.url(STAFF, ""), "Staff CA").open().await;
    visit_public_pages(&site, &browser).await;
    browser.follow("Staff").await;
    assert_eq!(browser.heading().await, "Administration");
    assert_eq!(browser.text("main strong").await, "Sam");
    assert_told_to_open_another_connection(&site, STAFF);
    browser.screenshot("staff").await;
    browser.goto(&site.url(STAFF, "/account")).await;
    assert_eq!(browser.heading().await, "Not with this certificate");
    browser.screenshot("other-scope").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_the_login_page_says_what_is_missing() {
    let site = Site::start();
    let browser = Profile::trusting(&site.servers).open().await;
    visit_public_pages(&site, &browser).await;
    browser.follow("Log in with a certificate").await;
    assert_eq!(browser.heading().await, "You are not logged in");
    assert_eq!(browser.protocol().await, json!("h2"));
    assert_told_to_open_another_connection(&site, LOGIN);
    site.server.wait_for_log(&["connected", "decision=\"request\"", "status=\"declined\""]);
    browser.screenshot("declined").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_count_leads_to_a_page_that_says_why() {
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
