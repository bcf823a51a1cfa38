//! The client against the server.

use serde_json::json;

use crate::programs::{Server, assert_fields, visit, with};
use crate::site::Site;

/// Client options and certificate, what the server demands; what each end then says.
type Row<'a> = (&'a [&'a str], &'a str, (&'a str, &'a str, bool, bool), (&'a str, bool));

fn check(site: &Site, version: &str, rows: &[Row<'_>]) {
    for (options, demand, server_says, client_says) in rows {
        let mut server = Server::demanding(site, &[demand]);
        let options = with("agent", &[&["--max-version", version], *options].concat());
        let visit = visit(site, &server.address, &options);
        let (offer, demanded, acknowledged, authenticated) = *server_says;
        let who = if authenticated { "CN=agent-1" } else { "nobody" };
        assert_eq!(visit.code, Some(0), "{demand} {options:?}: {}", visit.outcome);
        assert_eq!(visit.body, format!("hello {who}\n"), "{demand} {options:?}");
        let version = format!("TLSv{version}");
        let (status, echoed) = *client_says;
        assert_fields(
            &visit.outcome,
            json!({
                "version": version, "offer": offer, "status": status, "echoed": echoed,
                "authenticated": authenticated, "acknowledged": acknowledged, "error": null,
            }),
        );
        assert_fields(
            &server.outcome(),
            json!({
                "version": version, "server_name": "localhost", "offer": offer,
                "demand": demanded, "acknowledged": acknowledged, "authenticated": authenticated,
                "resumed": false, "retried": false, "error": null,
                "subject": if authenticated { Some(who) } else { None },
                "scope": if demanded == "none" { None } else { Some("clients") },
            }),
        );
    }
}

const ASKED: &str = "asked-without-acknowledgement";

#[test]
fn each_offer_meets_each_demand_under_tls_13() {
    let Some(site) = Site::new() else { return };
    let flag: &[&str] = &["--offer", "flag"];
    let care: &[&str] = &["--offer", "care"];
    let both: &[&str] = &["--offer", "both"];
    check(
        &site,
        "1.3",
        &[
            (&[], "none", ("none", "none", false, false), ("not-offered", false)),
            (&[], "if-offered", ("none", "none", false, false), ("not-offered", false)),
            (&[], "request", ("none", "request", false, true), (ASKED, false)),
            (&[], "require", ("none", "require", false, true), (ASKED, false)),
            (flag, "none", ("flag", "none", false, false), ("offered", false)),
            (flag, "if-offered", ("flag", "request", true, true), ("acknowledged", false)),
            (flag, "require-if-offered", ("flag", "require", true, true), ("acknowledged", false)),
            (flag, "require", ("flag", "require", false, true), (ASKED, false)),
            (care, "none", ("care", "none", false, false), ("offered", true)),
            (care, "if-offered", ("care", "request", false, true), (ASKED, true)),
            (both, "if-offered", ("both", "request", true, true), ("acknowledged", true)),
            (both, "request", ("both", "request", false, true), (ASKED, true)),
        ],
    );
}

#[test]
fn flags_9_care_5_each_offer_meets_each_demand_under_tls_12() {
    let Some(site) = Site::new() else { return };
    let flag: &[&str] = &["--offer", "flag", "--certificate-in-clear"];
    let care: &[&str] = &["--offer", "care"];
    let both: &[&str] = &["--offer", "both", "--certificate-in-clear"];
    check(
        &site,
        "1.2",
        &[
            (&[], "request", ("none", "request", false, true), (ASKED, false)),
            (&[], "if-offered", ("none", "none", false, false), ("not-offered", false)),
            (flag, "if-offered", ("none", "none", false, false), ("not-offered", false)),
            (care, "none", ("care", "none", false, false), ("offered", true)),
            (care, "if-offered", ("care", "request", false, false), (ASKED, true)),
            (both, "if-offered", ("care", "request", false, true), (ASKED, true)),
        ],
    );
}

#[test]
fn flags_9_a_server_that_chooses_tls_12_ignores_the_flag() {
    let Some(site) = Site::new() else { return };
    let options = ["--ca", "clients.pem", "--demand", "if-offered", "--max-version", "1.2"];
    let mut server = Server::start(&site, &options);
    let visit = visit(&site, &server.address, &with("agent", &["--offer", "flag"]));
    assert_fields(&visit.outcome, json!({"offer": "flag", "status": "offered", "error": null}));
    let said = json!({"version": "TLSv1.2", "offer": "none", "demand": "none", "error": null});
    assert_fields(&server.outcome(), said);
}

#[test]
fn flags_12_an_offer_survives_hello_retry_request() {
    let Some(site) = Site::new() else { return };
    let options = ["--ca", "clients.pem", "--demand", "if-offered", "--groups", "P-256"];
    let mut server = Server::start(&site, &options);
    let options = with("agent", &["--offer", "both", "--groups", "X25519:P-256"]);
    let visit = visit(&site, &server.address, &options);
    assert_fields(&visit.outcome, json!({"status": "acknowledged", "echoed": true, "error": null}));
    let said = json!({"retried": true, "offer": "both", "acknowledged": true, "error": null,
                      "authenticated": true});
    assert_fields(&server.outcome(), said);
}

#[test]
fn refusals_have_their_alerts_at_both_ends() {
    let Some(site) = Site::new() else { return };
    let mut server = Server::demanding(&site, &["require"]);
    let nothing: Vec<&str> = vec![];
    // Nothing to show, and a certificate of another authority.
    for (version, identity, alert) in [
        ("1.3", None, 116),
        ("1.2", None, 40),
        ("1.3", Some("staff-1"), 48),
        ("1.2", Some("staff-1"), 48),
    ] {
        let version = ["--max-version", version];
        let who = identity.map_or(nothing.clone(), |identity| with(identity, &[]));
        let visit = visit(&site, &server.address, &[&version[..], &who].concat());
        assert_eq!((visit.code, visit.body.as_str()), (Some(1), ""));
        let ended = json!({"alert_received": alert, "alert_sent": null});
        assert_fields(&visit.outcome, ended);
        let ended = json!({"alert_sent": alert, "alert_received": null, "authenticated": false,
                           "subject": null});
        assert_fields(&server.outcome(), ended);
    }
}

#[test]
fn who_declines_a_request_is_served_as_nobody() {
    let Some(site) = Site::new() else { return };
    let mut server = Server::demanding(&site, &["if-offered"]);
    let visit = visit(&site, &server.address, &["--offer", "flag"]);
    assert_eq!((visit.code, visit.body.as_str()), (Some(0), "hello nobody\n"));
    assert_fields(&visit.outcome, json!({"status": "acknowledged", "authenticated": false}));
    let said = json!({"acknowledged": true, "authenticated": false, "error": null});
    assert_fields(&server.outcome(), said);
}

#[test]
fn rca_8_each_server_name_has_its_own_scope() {
    let Some(site) = Site::new() else { return };
    let demands = ["if-offered", "Admin.Example=require:staff"];
    let mut server = Server::demanding(&site, &demands);
    for (name, identity, scope, alert) in [
        ("localhost", "agent", "clients", None),
        ("localhost", "staff-1", "clients", Some(48)),
        ("admin.example", "staff-1", "staff", None),
        ("admin.example", "agent", "staff", Some(48)),
    ] {
        let options = with(identity, &["--name", name, "--offer", "flag"]);
        let visit = visit(&site, &server.address, &options);
        assert_eq!(visit.code, Some(i32::from(alert.is_some())), "{}", visit.outcome);
        let said = json!({"server_name": name, "scope": scope, "alert_sent": alert,
                          "authenticated": alert.is_none()});
        assert_fields(&server.outcome(), said);
    }
}

#[test]
fn other_numbers_work_when_both_ends_have_them() {
    let Some(site) = Site::new() else { return };
    let numbers =
        ["--tls-flags", "0xfe01", "--flag", "7", "--care", "0xffcb", "--origin-hint", "0xffcc"];
    let options = [&["--ca", "clients.pem", "--demand", "if-offered"][..], &numbers].concat();
    let mut server = Server::start(&site, &options);
    let options = with("agent", &[&["--offer", "both"][..], &numbers].concat());
    let theirs = visit(&site, &server.address, &options);
    assert_fields(&theirs.outcome, json!({"status": "acknowledged", "echoed": true}));
    assert_fields(&server.outcome(), json!({"offer": "both", "authenticated": true}));

    // The usual ones are then extensions that nobody knows.
    let theirs = visit(&site, &server.address, &with("agent", &["--offer", "both"]));
    assert_fields(&theirs.outcome, json!({"status": "offered", "echoed": false, "error": null}));
    assert_fields(&server.outcome(), json!({"offer": "none", "authenticated": false}));
}
