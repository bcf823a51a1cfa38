//! `rext connect` against `rext serve`: the outcome at client and server, under each policy.

mod common;

use common::Files;
use serde_json::{Value, json};

/// The server's view of a connection over HTTP/2 and TLS 1.3 that is not resumed.
fn server(flags: &[u16], decision: &str, status: &str, acknowledged: bool) -> Value {
    let authenticated = status == "authenticated";
    json!({
        "protocol": "HTTP/2.0",
        "tls_version": "TLSv1.3",
        "resumed": false,
        "offered_by": if flags.contains(&80) || flags.contains(&81) { "flag" } else { "none" },
        "flags_received": flags,
        "decision": decision,
        "status": status,
        "verified_subject": authenticated.then_some("CN=client-1"),
        "acknowledged": acknowledged,
        "scope": authenticated.then_some("clients"),
    })
}

/// The client's view of such a connection.
fn client(offered: bool, asked: bool, acknowledged: bool, http_status: Option<u16>) -> Value {
    json!({
        "protocol": "HTTP/2.0",
        "tls_version": "TLSv1.3",
        "resumed": false,
        "offered": offered,
        "asked": asked,
        "acknowledged": acknowledged,
        "care_echoed": false,
        "http_status": http_status,
    })
}

const OFFER: &[&str] = &["--offer", "flag"];

/// The error of a client without a certificate.
const REQUIRED: &str = "error: the server requires a client certificate: certificate_required";
/// The error of a client whose certificate is not accepted.
const UNKNOWN: &str = "error: the server refused the client's certificate: unknown_ca";

/// The same error if it arrives after the client's handshake, as with TLS 1.3.
fn late(text: &str) -> String {
    format!("{text}, after the client's handshake")
}

#[test]
fn offered_requests_from_clients_that_offer_and_continues_without_a_certificate() {
    let files = Files::new();
    let it = files.serve(&["--policy", "offered"]);
    let reply = files.connect(&it, Some("client"), &[]);
    assert_eq!(reply.only_server(), server(&[], "none", "not_asked", false));
    assert_eq!(*reply.only_client(), client(false, false, false, Some(200)));
    let reply = files.connect(&it, Some("client"), OFFER);
    assert_eq!(reply.only_server(), server(&[80], "request", "authenticated", true));
    assert_eq!(*reply.only_client(), client(true, true, true, Some(200)));
    let reply = files.connect(&it, None, OFFER);
    assert_eq!(reply.only_server(), server(&[80], "request", "declined", true));
    assert_eq!(*reply.only_client(), client(true, true, true, Some(200)));
}

#[test]
fn require_offered_requires_a_certificate_of_clients_that_offer() {
    let files = Files::new();
    let it = files.serve(&["--policy", "require-offered"]);
    let reply = files.connect(&it, Some("client"), &[]);
    assert_eq!(reply.only_server(), server(&[], "none", "not_asked", false));
    assert_eq!(*reply.only_client(), client(false, false, false, Some(200)));
    let reply = files.connect(&it, Some("client"), OFFER);
    assert_eq!(reply.only_server(), server(&[80], "require", "authenticated", true));
    assert_eq!(*reply.only_client(), client(true, true, true, Some(200)));
    let reply = files.connect(&it, None, OFFER);
    assert_eq!(reply.code, Some(1));
    assert_eq!(reply.errors, [late(REQUIRED)]);
    assert_eq!(*reply.only_client(), client(true, true, true, None));
}

#[test]
fn rca_3_always_requires_a_certificate_of_every_client_and_acknowledges_no_offer() {
    let files = Files::new();
    let it = files.serve(&["--policy", "always"]);
    let reply = files.connect(&it, Some("client"), &[]);
    assert_eq!(reply.only_server(), server(&[], "require", "authenticated", false));
    assert_eq!(*reply.only_client(), client(false, true, false, Some(200)));
    let reply = files.connect(&it, Some("client"), OFFER);
    assert_eq!(reply.only_server(), server(&[80], "require", "authenticated", false));
    assert_eq!(*reply.only_client(), client(true, true, false, Some(200)));
}

#[test]
fn rca_9_never_requests_no_certificate_and_needs_no_authorities() {
    let files = Files::new();
    let it = files.serve_without_ca(&["--policy", "never"], |_| {});
    let reply = files.connect(&it, Some("client"), &[]);
    assert_eq!(reply.only_server(), server(&[], "none", "not_asked", false));
    assert_eq!(*reply.only_client(), client(false, false, false, Some(200)));
    let reply = files.connect(&it, Some("client"), OFFER);
    assert_eq!(reply.only_server(), server(&[80], "none", "not_asked", false));
    assert_eq!(*reply.only_client(), client(true, false, false, Some(200)));
}

#[test]
fn client_and_server_name_the_alert_of_a_refusal() {
    let files = Files::new();
    let it = files.serve(&["--policy", "always"]);
    for http in [&[][..], &["--http1"]] {
        let reply = files.connect(&it, None, http);
        assert_eq!(reply.code, Some(1));
        assert_eq!(reply.errors, [late(REQUIRED)]);
        // With TLS 1.3 the client's own handshake was complete.
        assert_eq!(reply.only_client()["asked"], true);
        assert_eq!(reply.only_client()["http_status"], Value::Null);
        it.wait_for_log(&["peer=127.0.0.1:", "alert=certificate_required", "from=\"server\""]);

        let reply = files.connect(&it, Some("stranger"), &[OFFER, http].concat());
        assert_eq!(reply.code, Some(1));
        assert_eq!(reply.errors, [late(UNKNOWN)]);
        it.wait_for_log(&["peer=127.0.0.1:", "alert=unknown_ca", "from=\"server\""]);
    }
    let reply = files.connect(&it, Some("stranger"), &["--tls12", "--certificate-in-clear"]);
    assert_eq!(reply.code, Some(1));
    assert_eq!(reply.errors, [UNKNOWN]);
    it.wait_for_log(&["alert=unknown_ca", "from=\"server\""]);

    let url = format!("https://localhost:{}/", it.port);
    let resolve = format!("localhost:{}:127.0.0.1", it.port);
    let output = files
        .rext(&["connect", &url, "--ca", "client-ca.pem", "--resolve", &resolve])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: we refused the connection: sent alert unknown_ca \
         (invalid peer certificate: UnknownIssuer)\n"
    );
    it.wait_for_log(&["alert=unknown_ca", "from=\"client\""]);
}

#[test]
fn a_session_resumes_and_is_still_authenticated() {
    let files = Files::new();
    for policy in ["offered", "require-offered", "always"] {
        let it = files.serve(&["--policy", policy]);
        let reply = files.connect(&it, Some("client"), &[OFFER, &["-n", "2"]].concat());
        assert_eq!((reply.code, reply.server.len(), reply.client.len()), (Some(0), 2, 2));
        for (views, resumed) in reply.server.iter().zip(&reply.client).zip([false, true]) {
            let (server, client) = views;
            assert_eq!(server["resumed"], resumed, "{policy}");
            assert_eq!(client["resumed"], resumed, "{policy}");
            assert_eq!(server["status"], "authenticated", "{policy}");
            assert_eq!(server["verified_subject"], "CN=client-1", "{policy}");
            assert_eq!(server["scope"], "clients", "{policy}");
            // A resumed handshake has no CertificateRequest.
            assert_eq!(client["asked"], !resumed, "{policy}");
        }
    }
}

#[test]
fn res_3_a_client_that_offers_does_not_resume_a_session_without_a_certificate() {
    let files = Files::new();
    let it = files.serve(&["--policy", "offered"]);
    let reply = files.connect(&it, None, &[OFFER, &["-n", "2"]].concat());
    assert_eq!((reply.code, reply.server.len()), (Some(0), 2));
    for server in &reply.server {
        assert_eq!(server["resumed"], false);
        assert_eq!(server["status"], "declined");
    }
}

#[test]
fn res_8_a_client_may_prefer_resumption_to_its_offer() {
    let files = Files::new();
    // No certificate is requested, so the client does not authenticate in any session.
    let it = files.serve(&["--policy", "never"]);
    for (more, resumed) in [(&[][..], [false, false]), (&["--prefer-resumption"], [false, true])] {
        let args = [OFFER, &["-n", "2"], more].concat();
        let reply = files.connect(&it, Some("client"), &args);
        assert_eq!((reply.code, reply.client.len()), (Some(0), 2), "{more:?}");
        let seen: Vec<_> = reply.client.iter().map(|client| &client["resumed"]).collect();
        assert_eq!(seen, resumed, "{more:?}");
    }
}

#[test]
fn connect_stops_at_the_first_failure_unless_keep_going_is_given() {
    let files = Files::new();
    let it = files.serve(&["--policy", "always"]);
    let reply = files.connect(&it, None, &["-n", "3"]);
    assert_eq!((reply.code, reply.client.len()), (Some(1), 1));
    let stopped = "(request 1 of 3: stopped at the first failure; --keep-going sends the rest)";
    assert_eq!(reply.errors, [format!("{} {stopped}", late(REQUIRED))]);

    let reply = files.connect(&it, None, &["-n", "3", "--keep-going"]);
    assert_eq!((reply.code, reply.client.len()), (Some(1), 3));
    let failure = late(REQUIRED).replacen("error: ", "", 1);
    let each = |number| format!("error: request {number} of 3: {failure}");
    let all = "error: 3 of 3 requests failed".to_owned();
    assert_eq!(reply.errors, [each(1), each(2), each(3), all]);

    // With a certificate, no request fails.
    let reply = files.connect(&it, Some("client"), &["-n", "3", "--keep-going"]);
    assert_eq!((reply.code, reply.client.len(), reply.errors.len()), (Some(0), 3, 0));
}

#[test]
fn other_code_points_work_if_client_and_server_use_them() {
    let files = Files::new();
    for (numbers, flag) in [
        (&["--code-point", "0xfe01"][..], 80),
        (&["--flag", "81"], 81),
        (&["--code-point", "65025", "--flag", "0x51"], 81),
    ] {
        let it = files.serve(&[&["--policy", "offered"], numbers].concat());
        let reply = files.connect(&it, Some("client"), &[OFFER, numbers].concat());
        assert_eq!(reply.only_server(), server(&[flag], "request", "authenticated", true));
        assert_eq!(*reply.only_client(), client(true, true, true, Some(200)));
    }
}

#[test]
fn if_client_and_server_differ_in_code_points_the_server_receives_no_offer() {
    let files = Files::new();
    let it = files.serve(&["--policy", "offered", "--code-point", "0xfe01"]);
    let reply = files.connect(&it, Some("client"), OFFER);
    assert_eq!(reply.only_server(), server(&[], "none", "not_asked", false));
    assert_eq!(*reply.only_client(), client(true, false, false, Some(200)));

    let it = files.serve(&["--policy", "offered", "--flag", "81"]);
    let reply = files.connect(&it, Some("client"), OFFER);
    let mut expected = server(&[80], "none", "not_asked", false);
    expected["offered_by"] = "none".into();
    assert_eq!(reply.only_server(), expected);
    assert_eq!(*reply.only_client(), client(true, false, false, Some(200)));
}

#[test]
fn flags_9_there_is_no_offer_in_tls_1_2() {
    let files = Files::new();
    let it = files.serve(&["--policy", "offered"]);
    let reply = files.connect(&it, Some("client"), &[OFFER, &["--tls12"]].concat());
    let mut expected = server(&[], "none", "not_asked", false);
    expected["tls_version"] = "TLSv1.2".into();
    assert_eq!(reply.only_server(), expected);
    assert_eq!(reply.only_client()["offered"], false);

    let it = files.serve(&["--policy", "always"]);
    let reply = files.connect(&it, Some("client"), &[OFFER, &["--tls12", "--http1"]].concat());
    assert_eq!(reply.code, Some(1));
    assert_eq!(
        reply.errors,
        [REQUIRED],
        "no certificate is sent unencrypted unless allowed (CARE-5)"
    );

    let allowed = ["--tls12", "--http1", "--certificate-in-clear"];
    let reply = files.connect(&it, Some("client"), &[OFFER, &allowed].concat());
    let mut expected = server(&[], "require", "authenticated", false);
    expected["tls_version"] = "TLSv1.2".into();
    expected["protocol"] = "HTTP/1.1".into();
    assert_eq!(reply.only_server(), expected);
    assert_eq!(reply.only_client()["offered"], false);
    assert_eq!(reply.only_client()["asked"], true);
}

#[test]
fn care_2_and_care_3_an_offer_by_care_is_echoed_and_not_acknowledged() {
    let files = Files::new();
    let it = files.serve(&["--policy", "offered"]);
    for (way, flags, acknowledged) in [("care", &[][..], false), ("both", &[80], true)] {
        let reply = files.connect(&it, Some("client"), &["--offer", way]);
        let mut expected = server(flags, "request", "authenticated", acknowledged);
        expected["offered_by"] = way.into();
        assert_eq!(reply.only_server(), expected);
        let mut expected = client(true, true, acknowledged, Some(200));
        expected["care_echoed"] = true.into();
        assert_eq!(*reply.only_client(), expected);
    }
}

#[test]
fn care_5_in_tls_1_2_a_certificate_is_sent_unencrypted_only_if_allowed() {
    let files = Files::new();
    let it = files.serve(&["--policy", "offered"]);
    for (args, status) in [(&[][..], "declined"), (&["--certificate-in-clear"], "authenticated")] {
        for way in ["care", "both"] {
            let args = [&["--offer", way, "--tls12"], args].concat();
            let reply = files.connect(&it, Some("client"), &args);
            let mut expected = server(&[], "request", status, false);
            // There are no flags (FLAGS-9).
            expected["offered_by"] = "care".into();
            expected["tls_version"] = "TLSv1.2".into();
            assert_eq!(reply.only_server(), expected);
            let mut expected = client(true, true, false, Some(200));
            expected["care_echoed"] = true.into();
            expected["tls_version"] = "TLSv1.2".into();
            assert_eq!(*reply.only_client(), expected);
        }
    }
}

#[test]
fn care_works_with_another_code_point_if_client_and_server_use_it() {
    let files = Files::new();
    let number = &["--care-code-point", "0xff55"][..];
    let it = files.serve(&[&["--policy", "offered"], number].concat());
    for (args, offered_by, decision, status) in
        [(number, "care", "request", "authenticated"), (&[], "none", "none", "not_asked")]
    {
        let reply = files.connect(&it, Some("client"), &[&["--offer", "care"], args].concat());
        let mut expected = server(&[], decision, status, false);
        expected["offered_by"] = offered_by.into();
        assert_eq!(reply.only_server(), expected);
        let mut expected = client(true, status != "not_asked", false, Some(200));
        expected["care_echoed"] = (status != "not_asked").into();
        assert_eq!(*reply.only_client(), expected);
    }
}
