//! The origin hint: WIO-1 to WIO-9.

use std::process::Command;

use raw_peer::{ClientConfig, Edit, HandshakeType, ServerConfig, Shares, Slot};
use serde_json::json;

use crate::bad_clients::{self, FLAGS, ILLEGAL_PARAMETER, OFFER, assert_refused};
use crate::programs::{Server, assert_fields, visit, with};
use crate::raw::{Client, NO_ALERT, raw_server};
use crate::site::Site;

const ORIGIN_HINT: u16 = 0xffcb;
const DECODE_ERROR: u8 = 50;
const HANDSHAKE_FAILURE: u8 = 40;
const UNSUPPORTED_EXTENSION: u8 = 110;
const HERE: &str = "spiffe://example.org";
const ELSEWHERE: &str = "spiffe://example.com";

/// The body of the extension.
fn body(origins: &[&str]) -> Vec<u8> {
    fn vector(bytes: &[u8]) -> Vec<u8> {
        [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }
    vector(&origins.iter().flat_map(|origin| vector(origin.as_bytes())).collect::<Vec<_>>())
}

/// A raw client with a certificate, and this body in its ClientHello.
fn client(site: &Site, body: &[u8]) -> ClientConfig {
    bad_clients::client(site, [Edit::add(ORIGIN_HINT, body)])
}

/// A server that requests a certificate because of an origin only.
fn hinted(site: &Site, more: &[&str]) -> Server {
    Server::start(site, &[&["--ca", "clients.pem", "--origin", HERE][..], more].concat())
}

#[test]
fn wio_4_wio_5_a_known_origin_leads_to_a_request_in_its_scope_and_no_acknowledgement() {
    let Some(site) = Site::new() else { return };
    let mut server = hinted(&site, &[]);
    let asked = "asked-without-acknowledgement";
    for (options, offer, status, origins) in [
        (&["--origin", HERE][..], "origins", asked, json!([HERE])),
        (&["--origin", "SPIFFE://Example.org"], "origins", asked, json!(["SPIFFE://Example.org"])),
        (&["--origin", ELSEWHERE, "--origin", HERE], "origins", asked, json!([ELSEWHERE, HERE])),
        (&["--origin", HERE, "--offer", "care"], "care+origins", asked, json!([HERE])),
        (&["--origin", HERE, "--offer", "flag"], "flag+origins", "acknowledged", json!([HERE])),
        (&["--origin", ELSEWHERE], "origins", "offered", json!([ELSEWHERE])),
        (&["--offer", "flag"], "flag", "offered", json!(null)),
    ] {
        let visit = visit(&site, &server.address, &with("workload", options));
        let acknowledged = status == "acknowledged";
        let requested = status != "offered";
        assert_eq!(visit.code, Some(0), "{options:?}: {}", visit.outcome);
        assert_fields(
            &visit.outcome,
            json!({"offer": offer, "status": status, "authenticated": requested}),
        );
        assert_fields(
            &server.outcome(),
            json!({
                "offer": offer, "origins": origins, "acknowledged": acknowledged,
                "authenticated": requested, "error": null,
                "demand": if requested { "request" } else { "none" },
                "scope": if requested { Some("clients") } else { None },
                "subject": if requested { Some("CN=workload") } else { None },
            }),
        );
    }
}

#[test]
fn wio_6_a_certificate_outside_of_the_trust_domain_is_refused() {
    let Some(site) = Site::new() else { return };
    let mut server = hinted(&site, &[]);
    for identity in ["elsewhere", "agent"] {
        let visit = visit(&site, &server.address, &with(identity, &["--origin", HERE]));
        assert_eq!((visit.code, visit.body.as_str()), (Some(1), ""));
        assert_fields(&visit.outcome, json!({"alert_received": HANDSHAKE_FAILURE}));
        let outcome = server.outcome();
        let ended = json!({"alert_sent": HANDSHAKE_FAILURE, "authenticated": false});
        assert_fields(&outcome, ended);
        assert!(outcome["error"].as_str().unwrap().contains("WIO-6"), "{outcome}");
    }
}

#[test]
fn wio_6_a_session_of_a_certificate_outside_of_the_trust_domain_does_not_resume() {
    let Some(site) = Site::new() else { return };
    std::fs::write(site.path("tickets"), [7; 80]).unwrap();
    let key = ["--ticket-key", "tickets"];
    let mut without =
        Server::start(&site, &[&["--ca", "clients.pem", "--demand", "request"][..], &key].concat());
    let mut server = hinted(&site, &key);
    for (identity, resumed) in [("workload", true), ("elsewhere", false)] {
        let session = format!("session-{identity}");
        let options = with(identity, &["--origin", HERE, "--session", &session]);
        let first = visit(&site, &without.address, &options);
        assert_eq!(first.code, Some(0), "{}", first.outcome);
        assert_fields(&without.outcome(), json!({"authenticated": true, "scope": "clients"}));

        let second = visit(&site, &server.address, &options);
        assert_fields(&second.outcome, json!({"session_offered": true, "resumed": resumed}));
        let alert = if resumed { None } else { Some(HANDSHAKE_FAILURE) };
        let ended = json!({"resumed": resumed, "authenticated": resumed, "alert_sent": alert});
        assert_fields(&server.outcome(), ended);
    }
}

#[test]
fn wio_5_an_origin_hint_is_an_offer_in_each_mode() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        let visit = visit(&site, &server.address, &with("workload", &["--origin", ELSEWHERE]));
        assert_eq!(visit.code, Some(0), "{}", visit.outcome);
        let ended = json!({"offer": "origins", "origins": [ELSEWHERE], "acknowledged": false,
                           "authenticated": true, "subject": "CN=workload", "error": null});
        assert_fields(&server.outcome(), ended);
    }
}

#[test]
fn wio_7_there_is_no_hint_under_tls_12() {
    let Some(site) = Site::new() else { return };
    for (at_client, at_server) in [("1.2", "1.3"), ("1.3", "1.2")] {
        let mut server = hinted(&site, &["--demand", "if-offered", "--max-version", at_server]);
        let options = ["--origin", HERE, "--max-version", at_client];
        let visit = visit(&site, &server.address, &with("workload", &options));
        let offer = if at_client == "1.2" { "none" } else { "origins" };
        assert_fields(&visit.outcome, json!({"version": "TLSv1.2", "offer": offer}));
        let ended = json!({"offer": "none", "origins": null, "demand": "none", "error": null});
        assert_fields(&server.outcome(), ended);
    }
}

#[test]
fn wio_7_both_client_hellos_of_the_client_have_the_same_hint() {
    let Some(site) = Site::new() else { return };
    let mut config = ServerConfig::new(site.server.for_raw());
    config.hello_retry = true;
    let options = with("workload", &["--origin", HERE, "--origin", ELSEWHERE]);
    let (visit, _, peer) = raw_server(&site, config, &options);
    assert_eq!(visit.code, Some(0), "{}", visit.outcome);
    let hellos: Vec<_> = peer
        .messages()
        .filter(|message| message.typ == HandshakeType::CLIENT_HELLO)
        .map(|hello| (hello.find_extension(ORIGIN_HINT), hello.find_extension(FLAGS)))
        .collect();
    assert_eq!(hellos, vec![(Some(body(&[HERE, ELSEWHERE])), None); 2]);
}

#[test]
fn wio_7_a_second_client_hello_with_another_hint_is_refused() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        for edit in [Edit::remove(ORIGIN_HINT), Edit::replace(ORIGIN_HINT, body(&[ELSEWHERE]))] {
            let mut config = client(&site, &body(&[HERE]));
            config.shares = Shares::Only(vec![]);
            config.plan.edits_mut(Slot::SecondClientHello).push(edit);
            assert_refused(&mut server, config, ILLEGAL_PARAMETER, "WIO-7");
        }
    }
}

#[test]
fn wio_2_a_malformed_list_is_refused() {
    for site in Site::modes() {
        for demand in ["if-offered", "none"] {
            let mut server = Server::demanding(&site, &[demand]);
            for malformed in [&[][..], &[0, 0], &[0, 2, 0, 0], &[0, 3, 0, 2, b'a'], &[0, 4, 0, 1]] {
                assert_refused(&mut server, client(&site, malformed), DECODE_ERROR, "WIO-2");
            }
        }
    }
}

#[test]
fn wio_3_strings_that_are_no_origins_are_left_out() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["none"]);
        for (sent, shown) in
            [(&["spiffe://example.org/a", HERE][..], json!([HERE])), (&["example.org"], json!([]))]
        {
            let seen = Client::new(&mut server, client(&site, &body(sent)));
            assert_eq!(seen.alerts(), NO_ALERT);
            assert_fields(&seen.server, json!({"offer": "origins", "origins": shown}));
        }
    }
}

#[test]
fn wio_1_origins_in_the_client_s_certificate_are_refused() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        let mut config = client(&site, &body(&[HERE]));
        config.plan.certificate.push(Edit::add(ORIGIN_HINT, body(&[HERE])).in_entry(0));
        assert_refused(&mut server, config, ILLEGAL_PARAMETER, "WIO-1");
    }
}

#[test]
fn wio_1_a_server_that_answers_the_hint_is_refused() {
    let Some(site) = Site::new() else { return };
    use Slot as S;
    for slot in [
        S::ServerHello,
        S::HelloRetryRequest,
        S::EncryptedExtensions,
        S::CertificateRequest,
        S::Certificate,
        S::NewSessionTicket,
    ] {
        // To a client that has sent none, an answer is unsolicited, and elsewhere it is an extension
        // that nobody knows.
        let unsent = match slot {
            S::CertificateRequest | S::NewSessionTicket => None,
            _ => Some(UNSUPPORTED_EXTENSION),
        };
        for (sent, expected) in [(true, Some(ILLEGAL_PARAMETER)), (false, unsent)] {
            let mut config = ServerConfig::new(site.server.for_raw());
            config.ask_certificate = true;
            config.hello_retry = slot == S::HelloRetryRequest;
            config.tickets = usize::from(slot == S::NewSessionTicket);
            let edit = Edit::add(ORIGIN_HINT, body(&[HERE]));
            config.plan.edits_mut(slot).push(edit);
            config.plan.edits_mut(S::CertificateRequest).push(Edit::add(FLAGS, OFFER));
            let hint: &[&str] = if sent { &["--origin", HERE] } else { &[] };
            let options = with("workload", &[&["--offer", "flag"][..], hint].concat());
            let (visit, alerts, _) = raw_server(&site, config, &options);
            assert_eq!(alerts, expected.into_iter().collect::<Vec<_>>(), "{slot:?} {sent}");
            let error = visit.outcome["error"].as_str().unwrap_or_default();
            assert_eq!(error.contains("WIO-1"), sent, "{slot:?} {sent}: {error}");
        }
    }
}

#[test]
fn wio_3_wio_8_origins_that_servers_would_not_read_are_an_error_of_the_client() {
    let Some(site) = Site::new() else { return };
    let many = ["--origin", HERE, "--origin", ELSEWHERE].repeat(8);
    let seventeen = [&many[..], &["--origin", "spiffe://a.example"]].concat();
    for (options, error) in [
        (vec!["--origin", "spiffe://example.org/path"], "a path is not allowed"),
        (vec!["--origin", "example.org"], "it does not begin with a scheme"),
        (seventeen, "WIO-8"),
        (vec!["--origin", HERE, "--origin-hint", "0"], "code point of the origin hint is 0"),
    ] {
        let mut command = Command::new(&site.programs.client);
        command.args(["--connect", "127.0.0.1:9", "--ca", "servers.pem"]).args(&options);
        let output = command.current_dir(&site.folder).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}: {printed}");
        assert!(printed.contains(error), "{options:?}: {printed}");
    }
}

#[test]
fn wio_6_a_trust_domain_needs_a_scope_whose_certificates_the_adapter_verifies() {
    let Some(site) = Site::new() else { return };
    for (options, error) in [
        (&["--origin", HERE, "--hosted"][..], "the host verifies the certificates of this scope"),
        (&["--origin", "spiffe://example.org/path"], "a path is not allowed"),
        (&["--origin", "staff=spiffe://example.org"], "no --ca has this scope: staff"),
    ] {
        let mut command = Command::new(&site.programs.server);
        command.args(["--cert", "server.crt", "--key", "server.key", "--ca", "clients.pem"]);
        let output = command.args(options).current_dir(&site.folder).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}: {printed}");
        assert!(printed.contains(error), "{options:?}: {printed}");
    }
}
