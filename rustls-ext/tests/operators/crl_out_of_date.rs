//! Lists that have expired, are not valid yet, or are about to expire.

use std::sync::Arc;

use rustls::AlertDescription::CertificateUnknown;
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use rustls_ext::CrlExpiry;

use crate::common::{Clock, Pki, connect, provider, pump};

use crate::{Case, at, configs, now, outcome, outcome_at, policy, refused};

const CASE: Case = Case("crl-out-of-date");

#[test]
fn an_expired_list_is_an_error_in_the_log_and_refuses_what_it_covers() {
    let policy = policy(CASE.anchors("ca.pem").with_crls(CASE.crls(&["out-of-date.crl"])));
    assert_eq!(
        CASE.warnings(&policy, now()),
        ["error: scope \"clients\": the revocation list of CN=Client Root,O=Test \
          (out-of-date.crl) expired at 2024-02-01T00:00:00Z: certificates that it covers are \
          refused"]
    );
    let Err((alert, words)) = outcome(policy, &CASE.client("client")) else { panic!("let in") };
    assert_eq!(alert, CertificateUnknown);
    assert_eq!(
        CASE.without_paths(&words),
        "the revocation list in out-of-date.crl of CN=Client Root,O=Test expired at \
         2024-02-01T00:00:00Z: get its current list"
    );
}

#[test]
fn a_list_of_the_future_is_no_better() {
    let policy = policy(CASE.anchors("ca.pem").with_crls(CASE.crls(&["not-yet.crl"])));
    assert_eq!(
        CASE.warnings(&policy, now()),
        [
            "error: scope \"clients\": the revocation list of CN=Client Root,O=Test (not-yet.crl) is \
          not valid before 2030-01-01T00:00:00Z: certificates that it covers are refused"
        ]
    );
    let Err((alert, words)) = outcome(policy, &CASE.client("client")) else { panic!("let in") };
    assert_eq!(alert, CertificateUnknown);
    assert_eq!(
        CASE.without_paths(&words),
        "the revocation list in not-yet.crl of CN=Client Root,O=Test is not valid before \
         2030-01-01T00:00:00Z"
    );
}

#[test]
fn expiry_can_be_ignored_and_is_told_of_all_the_same() {
    for list in ["out-of-date.crl", "not-yet.crl"] {
        let anchors = CASE.anchors("ca.pem").with_crls(CASE.crls(&[list]));
        let ignoring = policy(anchors.with_crl_expiry(CrlExpiry::Ignore));
        let keys = format!("anchors = ['@ca.pem']\ncrls = ['@{list}']\ncrl_expiry = 'ignore'");
        for policy in [ignoring, CASE.policy(&keys).unwrap()] {
            let warnings = CASE.warnings(&policy, now());
            let [warning] = &warnings[..] else { panic!("{warnings:?}") };
            assert!(warning.starts_with("warning: ") && warning.ends_with("as configured"));
            assert_eq!(outcome(policy, &CASE.client("client")), Ok(()), "{list}");
        }
        let keys = keys.replace("ignore", "enforce");
        let enforced = outcome(CASE.policy(&keys).unwrap(), &CASE.client("client"));
        assert_eq!(enforced.map_err(|(alert, _)| alert), Err(CertificateUnknown), "{list}");
    }
}

#[test]
fn when_a_fifth_of_its_life_is_left_that_is_told() {
    // expires in 2030
    let (begin, end) = (1_893_456_000, 1_924_992_000);
    let policy = || policy(CASE.anchors("ca.pem").with_crls(CASE.crls(&["not-yet.crl"])));
    let fifth = end - (end - begin) / 5;
    assert_eq!(CASE.warnings(&policy(), at(begin)), [""; 0]);
    assert_eq!(CASE.warnings(&policy(), at(fifth - 1)), [""; 0]);
    assert_eq!(
        CASE.warnings(&policy(), at(fifth)),
        ["warning: scope \"clients\": the revocation list of CN=Client Root,O=Test (not-yet.crl) \
          expires at 2031-01-01T00:00:00Z: install the next one"]
    );
    // It is valid from its thisUpdate until before its nextUpdate.
    let client = CASE.client("client");
    let at = |now| outcome_at(policy(), &client, now).map_err(|(alert, _)| alert);
    assert_eq!(at(begin - 1), Err(CertificateUnknown));
    assert_eq!(at(begin), Ok(()));
    assert_eq!(at(end - 1), Ok(()));
    assert_eq!(at(end), Err(CertificateUnknown));
}

#[test]
fn a_newer_list_replaces_the_expired_one() {
    // of the same authority and key
    let newer = Case("crl-two-lists-old-first").crls(&["new.crl"]);
    let lists = CASE.crls(&["out-of-date.crl"]).into_iter().chain(newer);
    let policy = policy(CASE.anchors("ca.pem").with_crls(lists));
    let warnings = CASE.warnings(&policy, now());
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.contains("(out-of-date.crl) is not used"), "{warning}");
    // client-1, which the newer one revokes
    assert_eq!(
        outcome(policy, &CASE.client("client")),
        refused(
            rustls::AlertDescription::CertificateRevoked,
            "the certificate, or that of an authority above it, is revoked"
        )
    );
}

#[test]
fn a_session_does_not_resume_when_the_list_has_expired_since() {
    let (pki, end) = (Pki::new(), 1_924_992_000);
    for version in [&TLS13, &TLS12] {
        let anchors = CASE.anchors("ca.pem").with_crls(CASE.crls(&["not-yet.crl"]));
        let (policy, client) = (Arc::new(policy(anchors)), CASE.client("client"));
        let (server, client) = configs(&pki, &policy, &client, version, end - 60, provider());
        let clock = Clock::now();
        clock.set(end - 60);
        let mut server = rustls::ServerConfig::clone(&server);
        server.time_provider = clock.clone();
        let server = Arc::new(server);
        let resumed = || {
            let (mut client, mut server) = connect(&client, &server);
            pump(&mut client, &mut server).map(|()| client.handshake_kind().unwrap())
        };
        assert_eq!(resumed().unwrap(), HandshakeKind::Full);
        assert_eq!(resumed().unwrap(), HandshakeKind::Resumed);
        clock.set(end);
        assert_eq!(resumed().unwrap_err().alert(), Some(CertificateUnknown));
    }
}
