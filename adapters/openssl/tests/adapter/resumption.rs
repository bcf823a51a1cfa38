//! Sessions: where they resume, and where they do not. Rules RES-1 to RES-8.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use serde_json::{Value, json};

use crate::programs::{Server, assert_fields, visit, with};
use crate::site::Site;

const VERSIONS: [&str; 2] = ["1.3", "1.2"];

/// A client that keeps its session in a file of this name.
fn come(
    site: &Site,
    server: &mut Server,
    version: &str,
    session: &str,
    options: &[&str],
) -> (Value, Value) {
    let session = format!("{session}-{version}");
    let more = ["--max-version", version, "--session", &session];
    let visit = visit(site, &server.address, &[options, &more].concat());
    (visit.outcome, server.outcome())
}

#[track_caller]
fn assert_ends(ends: &(Value, Value), offered: bool, resumed: bool, authenticated: bool) {
    let expected = json!({"session_offered": offered, "resumed": resumed, "error": null});
    assert_fields(&ends.0, expected);
    let expected = json!({"resumed": resumed, "authenticated": authenticated, "error": null});
    assert_fields(&ends.1, expected);
}

#[test]
fn res_1_a_session_with_a_certificate_resumes_with_all_that_it_records() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["require"]);
        for version in VERSIONS {
            let agent = with("agent", &[]);
            let first = come(&site, &mut server, version, "agent", &agent);
            assert_ends(&first, false, false, true);
            // More than once: what it records goes from session to session.
            for _ in 0..2 {
                let again = come(&site, &mut server, version, "agent", &agent);
                assert_ends(&again, true, true, true);
                assert_eq!(again.1["authenticated_at"], first.1["authenticated_at"]);
                assert_eq!(again.1["subject"], "CN=agent-1");
                assert_eq!(again.1["acknowledged"], false);
                assert_eq!(again.0["authenticated"], true);
            }
        }
    }
}

#[test]
fn res_2_a_session_without_a_certificate_does_not_resume_where_one_is_demanded() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["none", "admin.example=require:staff"]);
        for version in VERSIONS {
            assert_ends(&come(&site, &mut server, version, "v", &[]), false, false, false);
            assert_ends(&come(&site, &mut server, version, "v", &[]), true, true, false);
            let admin = ["--name", "admin.example"];
            let (client, server_) = come(&site, &mut server, version, "v", &admin);
            let alert = if version == "1.3" { 116 } else { 40 };
            let refused =
                json!({"session_offered": true, "resumed": false, "alert_received": alert});
            assert_fields(&client, refused);
            assert_fields(&server_, json!({"resumed": false, "alert_sent": alert}));
            let staff = with("staff-1", &admin);
            assert_ends(&come(&site, &mut server, version, "v", &staff), true, false, true);
        }
    }
}

#[test]
fn res_2_a_session_of_one_scope_does_not_resume_in_another() {
    for site in Site::modes() {
        let demands = ["request:clients", "admin.example=request:staff", "none.example=none"];
        let mut server = Server::demanding(&site, &demands);
        let admin = ["--name", "admin.example"];
        for version in VERSIONS {
            let agent = with("agent", &[]);
            assert_ends(&come(&site, &mut server, version, "s", &agent), false, false, true);
            // Without a certificate at hand, so that only the session could be one.
            let there = come(&site, &mut server, version, "s", &admin);
            assert_ends(&there, true, false, false);
            assert_fields(&there.1, json!({"scope": "staff", "subject": null}));
        }
    }
}

#[test]
fn res_2_a_session_with_a_certificate_does_not_resume_where_none_is_asked_for() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["request", "admin.example=none"]);
        for version in VERSIONS {
            let agent = with("agent", &[]);
            assert_ends(&come(&site, &mut server, version, "s", &agent), false, false, true);
            let there = ["--name", "admin.example"];
            assert_ends(&come(&site, &mut server, version, "s", &there), true, false, false);
        }
    }
}

#[test]
fn res_2_a_declined_request_resumes_where_no_certificate_is_requested_in_hosted_mode_only() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["request", "admin.example=none"]);
        let admin = ["--name", "admin.example"];
        for version in VERSIONS {
            assert_ends(&come(&site, &mut server, version, "s", &[]), false, false, false);
            // The session id context is the host's, so the record alone decides, as in rustls.
            let there = come(&site, &mut server, version, "s", &admin);
            assert_ends(&there, true, site.is_hosted(), false);
        }
    }
}

#[test]
fn res_2_who_declined_a_request_does_not_resume_where_a_certificate_is_required() {
    for site in Site::modes() {
        let demands = ["request", "admin.example=require"];
        let mut server = Server::demanding(&site, &demands);
        let admin = with("agent", &["--name", "admin.example"]);
        for version in VERSIONS {
            assert_ends(&come(&site, &mut server, version, "s", &[]), false, false, false);
            // In the same scope.
            assert_ends(&come(&site, &mut server, version, "s", &admin), true, false, true);
            assert_ends(&come(&site, &mut server, version, "s", &admin), true, true, true);
        }
    }
}

#[test]
fn res_3_who_offers_with_a_session_without_a_certificate_is_asked() {
    for site in Site::modes() {
        for demand in ["if-offered", "request"] {
            let mut server = Server::demanding(&site, &[demand]);
            for version in VERSIONS {
                let session = demand;
                assert_ends(&come(&site, &mut server, version, session, &[]), false, false, false);
                let more =
                    ["--offer", "both", "--resume-unauthenticated", "--certificate-in-clear"];
                let agent = with("agent", &more);
                assert_ends(&come(&site, &mut server, version, session, &agent), true, false, true);
            }
        }
    }
}

#[test]
fn res_4_who_declined_and_does_not_offer_is_not_asked_again() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["request"]);
        for version in VERSIONS {
            assert_ends(&come(&site, &mut server, version, "s", &[]), false, false, false);
            assert_ends(&come(&site, &mut server, version, "s", &[]), true, true, false);
        }
    }
}

/// Servers that share ticket keys and the name of a scope.
fn sharing(site: &Site, authorities: &str) -> Server {
    std::fs::write(site.path("tickets"), [7; 80]).unwrap();
    let options = ["--ca", authorities, "--demand", "require", "--ticket-key", "tickets"];
    Server::start(site, &options)
}

#[test]
fn res_5_a_chain_that_no_longer_verifies_does_not_resume() {
    for site in Site::modes() {
        let mut here = sharing(&site, "clients.pem");
        let mut same = sharing(&site, "clients.pem");
        let mut other = sharing(&site, "staff.pem");
        for version in VERSIONS {
            let agent = with("agent", &[]);
            assert_ends(&come(&site, &mut here, version, "s", &agent), false, false, true);
            // Servers share ticket keys, but no store.
            let shared = !site.mode.contains(&"--no-tickets");
            assert_ends(&come(&site, &mut same, version, "s", &agent), true, shared, true);
            let (client, server) = come(&site, &mut other, version, "s", &agent);
            assert_fields(&client, json!({"session_offered": true, "resumed": false}));
            // The host's verification callback lets the certificate pass; it does not count.
            let alert = if site.is_hosted() { json!(null) } else { json!(48) };
            let refused = json!({"resumed": false, "authenticated": false, "alert_sent": alert});
            assert_fields(&server, refused);
        }
    }
}

#[test]
fn res_5_a_chain_with_an_authority_in_between_verifies_again() {
    for site in Site::modes() {
        let params = |name, is_ca| {
            let mut params = CertificateParams::new([]).unwrap();
            params.is_ca = is_ca;
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let authority = || IsCa::Ca(BasicConstraints::Unconstrained);
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(params("root", authority()), key()).unwrap();
        let between =
            CertifiedIssuer::signed_by(params("between", authority()), key(), &root).unwrap();
        let (mut leaf, leaf_key) = (params("chained-1", IsCa::NoCa), key());
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = leaf.signed_by(&leaf_key, &between).unwrap();
        site.write("root.pem", &root.pem());
        site.write("chained.crt", &(leaf.pem() + &between.pem()));
        site.write("chained.key", &leaf_key.serialize_pem());

        let mut server = Server::start(&site, &["--ca", "root.pem", "--demand", "require"]);
        for version in VERSIONS {
            let chained = with("chained", &[]);
            assert_ends(&come(&site, &mut server, version, "s", &chained), false, false, true);
            for _ in 0..2 {
                let again = come(&site, &mut server, version, "s", &chained);
                assert_ends(&again, true, true, true);
                assert!(again.1["subject"].as_str().unwrap().contains("CN=chained-1"));
            }
        }
    }
}

#[test]
fn res_7_a_session_of_a_server_with_other_keys_does_not_resume() {
    for site in Site::modes() {
        let mut one = Server::demanding(&site, &["request"]);
        let mut other = Server::demanding(&site, &["request"]);
        for version in VERSIONS {
            let agent = with("agent", &[]);
            assert_ends(&come(&site, &mut one, version, "s", &agent), false, false, true);
            assert_ends(&come(&site, &mut other, version, "s", &agent), true, false, true);
        }
    }
}

#[test]
fn res_8_a_client_that_offers_keeps_sessions_without_a_certificate_to_itself() {
    let Some(site) = Site::new() else { return };
    let mut server = Server::demanding(&site, &["if-offered"]);
    for version in VERSIONS {
        assert_ends(&come(&site, &mut server, version, "s", &[]), false, false, false);
        let agent = with("agent", &["--offer", "both", "--certificate-in-clear"]);
        assert_ends(&come(&site, &mut server, version, "s", &agent), false, false, true);
        assert_ends(&come(&site, &mut server, version, "s", &agent), true, true, true);
        // And one in which it had nothing to show is such a session, too.
        let session = "nothing";
        let nobody = ["--offer", "both"];
        for _ in 0..2 {
            assert_ends(&come(&site, &mut server, version, session, &nobody), false, false, false);
        }
    }
}

#[test]
fn care_4_a_resumed_session_stays_what_it_is() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        for version in VERSIONS {
            let agent = with("agent", &["--offer", "care", "--certificate-in-clear"]);
            assert_ends(&come(&site, &mut server, version, "s", &agent), false, false, true);
            // No certificate at hand any more; the session speaks.
            let ends = come(&site, &mut server, version, "s", &["--offer", "care"]);
            assert_ends(&ends, true, true, true);
            assert_fields(&ends.0, json!({"status": "offered"}));
            assert_fields(&ends.1, json!({"subject": "CN=agent-1", "acknowledged": false}));
        }
    }
}
