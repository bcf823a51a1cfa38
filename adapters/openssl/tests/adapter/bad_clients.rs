//! Raw clients that keep or break the rules, at the server: each alert exactly.

use raw_peer::{
    CertificateAnswer, ClientConfig, Edit, Handshake, HandshakeType, Shares, Slot, version,
};
use serde_json::json;

use crate::programs::{Server, assert_fields};
use crate::raw::{Client, NO_ALERT};
use crate::site::Site;

pub const FLAGS: u16 = 62;
pub const CARE: u16 = 0xffca;
/// request_client_auth alone.
pub const OFFER: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// A flag that nobody knows, alone.
pub const OTHER: [u8; 2] = [1, 2];
/// Both.
pub const BOTH: [u8; 12] = [11, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// resumption_across_names alone.
pub const ACROSS_NAMES: [u8; 3] = [2, 0, 1];

pub const ILLEGAL_PARAMETER: u8 = 47;

/// A client with a certificate, and this in its first hello and so in the second.
pub fn client(site: &Site, edits: impl IntoIterator<Item = Edit>) -> ClientConfig {
    let mut config = ClientConfig {
        answer: CertificateAnswer::With(site.client.for_raw()),
        ..ClientConfig::default()
    };
    config.plan.client_hello.extend(edits);
    config
}

#[track_caller]
pub fn assert_refused(server: &mut Server, config: ClientConfig, alert: u8, rule: &str) {
    let client = Client::new(server, config);
    assert_eq!(client.alerts(), [alert], "{rule}: {}", client.server);
    assert_eq!(client.server["alert_sent"], alert, "{rule}");
    let said = client.server["error"].as_str().unwrap();
    assert!(said.contains(rule), "{rule}: {said}");
}

#[test]
fn flags_2_flags_3_a_hello_with_a_malformed_extension_is_refused() {
    for site in Site::modes() {
        for demand in ["if-offered", "none"] {
            let mut server = Server::demanding(&site, &[demand]);
            for (body, rule) in [
                (&[2, 0, 0][..], "FLAGS-2"),
                (&[2, 2, 0], "FLAGS-2"),
                (&[0], "FLAGS-3"),
                (&[], "FLAGS-3"),
                (&[2, 2], "FLAGS-3"),
                (&[1, 2, 2], "FLAGS-3"),
            ] {
                let config = client(&site, [Edit::add(FLAGS, body)]);
                assert_refused(&mut server, config, ILLEGAL_PARAMETER, rule);
            }
        }
    }
}

#[test]
fn flags_4_a_flag_of_tickets_is_refused() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        let config = client(&site, [Edit::add(FLAGS, ACROSS_NAMES)]);
        assert_refused(&mut server, config, ILLEGAL_PARAMETER, "FLAGS-4");
    }
}

#[test]
fn flags_6_unknown_flags_are_ignored_beside_the_offer_and_alone() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        for (body, offer) in [(&BOTH[..], "flag"), (&OTHER, "none")] {
            let seen = Client::new(&mut server, client(&site, [Edit::add(FLAGS, body)]));
            assert_eq!(seen.alerts(), NO_ALERT);
            let asked = offer == "flag";
            assert_fields(&seen.server, json!({"offer": offer, "authenticated": asked}));
            let who = if asked { "hello CN=agent-1\n" } else { "hello nobody\n" };
            assert_eq!(seen.body(), who);
        }
    }
}

#[test]
fn rca_2_rca_3_only_an_answer_to_an_offer_is_acknowledged() {
    for site in Site::modes() {
        for (demand, body, acknowledgement) in [
            ("if-offered", OFFER, Some(&OFFER[..])),
            // No other flag comes back (FLAGS-7).
            ("if-offered", BOTH, Some(&OFFER[..])),
            ("request", OFFER, None),
        ] {
            let mut server = Server::demanding(&site, &[demand]);
            let seen = Client::new(&mut server, client(&site, [Edit::add(FLAGS, body)]));
            let request = seen.peer.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
            assert_eq!(request.find_extension(FLAGS), acknowledgement.map(<[u8]>::to_vec));
            assert_eq!(request.find_extension(CARE), None);
            let authorities = request.find_extension(raw_peer::ext::CERTIFICATE_AUTHORITIES);
            let authorities = authorities.unwrap();
            assert!(authorities.windows(16).any(|octets| octets == b"client authority"));
            for typ in [HandshakeType::SERVER_HELLO, HandshakeType::ENCRYPTED_EXTENSIONS] {
                assert_eq!(seen.peer.received(typ).unwrap().find_extension(FLAGS), None);
            }
            assert_eq!(seen.alerts(), NO_ALERT);
        }
    }
}

#[test]
fn rca_5_flags_in_the_client_s_certificate_are_refused() {
    for site in Site::modes() {
        for (body, rule) in [(&OFFER[..], "RCA-5"), (&OTHER, "FLAGS-5"), (&[0], "FLAGS-3")] {
            let mut server = Server::demanding(&site, &["if-offered"]);
            let mut config = client(&site, [Edit::add(FLAGS, OFFER)]);
            config.plan.certificate.push(Edit::add(FLAGS, body).in_entry(0));
            assert_refused(&mut server, config, ILLEGAL_PARAMETER, rule);
        }
    }
}

#[test]
fn care_3_the_client_s_certificate_is_no_place_for_it() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        let mut config = client(&site, [Edit::add(CARE, [])]);
        config.plan.certificate.push(Edit::add(CARE, []).in_entry(0));
        assert_refused(&mut server, config, ILLEGAL_PARAMETER, "CARE-3");
    }
}

#[test]
fn flags_10_twice_is_refused_and_behind_pre_shared_key_too() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        for typ in [FLAGS, CARE] {
            let body: &[u8] = if typ == FLAGS { &OFFER } else { &[] };
            let config = client(&site, [Edit::add(typ, body), Edit::duplicate(typ)]);
            assert_refused(&mut server, config, ILLEGAL_PARAMETER, "");
        }
        let ticket = Client::new(&mut server, client(&site, [])).ticket();
        let config = client(&site, [Edit::last(FLAGS, OFFER)]);
        let config = ClientConfig { ticket: Some(ticket), ..config };
        assert_refused(&mut server, config, ILLEGAL_PARAMETER, "");
    }
}

#[test]
fn flags_12_a_second_hello_that_differs_is_refused() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered", "other.example=none"]);
        let name = |name: &str| {
            let length = |extra| u16::try_from(name.len() + extra).unwrap().to_be_bytes();
            [&length(3)[..], &[0], &length(0), name.as_bytes()].concat()
        };
        let random = Edit::message(|message| {
            if let Handshake::ClientHello(hello) = message {
                hello.random[0] ^= 1;
            }
        });
        for (edit, rule) in [
            (Edit::remove(FLAGS), "FLAGS-12"),
            (Edit::replace(FLAGS, BOTH), "FLAGS-12"),
            (Edit::replace(FLAGS, OTHER), "FLAGS-12"),
            (Edit::replace(FLAGS, [0]), "FLAGS-3"),
            (Edit::add(CARE, []), "FLAGS-12"),
            (Edit::replace(0, name("other.example")), "RFC 8446 4.1.2"),
            (Edit::remove(0), "RFC 8446 4.1.2"),
            (Edit::add(16, [0, 3, 2, b'h', b'2']), "RFC 8446 4.1.2"),
            (random, "RFC 8446 4.1.2"),
        ] {
            let mut config = client(&site, [Edit::add(FLAGS, OFFER)]);
            config.shares = Shares::Only(vec![]);
            config.plan.edits_mut(Slot::SecondClientHello).push(edit);
            assert_refused(&mut server, config, ILLEGAL_PARAMETER, rule);
        }
        // Left alone it goes through.
        let mut config = client(&site, [Edit::add(FLAGS, OFFER)]);
        config.shares = Shares::Only(vec![]);
        let seen = Client::new(&mut server, config);
        assert_eq!(seen.alerts(), NO_ALERT);
        assert_fields(&seen.server, json!({"retried": true, "acknowledged": true}));
    }
}

#[test]
fn care_1_a_body_is_refused() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["if-offered"]);
        let config = client(&site, [Edit::add(CARE, [0])]);
        assert_refused(&mut server, config, ILLEGAL_PARAMETER, "CARE-1");
    }
}

#[test]
fn care_3_it_is_echoed_in_encrypted_extensions_and_nowhere_else() {
    for site in Site::modes() {
        for demand in ["if-offered", "none"] {
            let mut server = Server::demanding(&site, &[demand]);
            let seen = Client::new(&mut server, client(&site, [Edit::add(CARE, [])]));
            assert_eq!(seen.alerts(), NO_ALERT);
            let places: Vec<_> = seen
                .peer
                .messages()
                .filter(|message| message.direction == raw_peer::Direction::Received)
                .filter(|message| message.find_extension(CARE).is_some())
                .map(|message| message.typ)
                .collect();
            assert_eq!(places, [HandshakeType::ENCRYPTED_EXTENSIONS]);
        }
    }
}

#[test]
fn flags_9_malformed_flags_are_ignored_where_tls_12_is_chosen() {
    for site in Site::modes() {
        let options = ["--ca", "clients.pem", "--demand", "if-offered", "--max-version", "1.2"];
        let mut server = Server::start(&site, &options);
        let config = client(&site, [Edit::add(FLAGS, [2, 0, 0])]);
        let versions = vec![version::TLS13, version::TLS12];
        let seen = crate::raw::until(
            &mut server,
            ClientConfig { versions, ..config },
            HandshakeType::SERVER_HELLO,
        );
        // The raw client knows no TLS 1.2: it leaves once it is chosen.
        assert_eq!(seen.alerts(), NO_ALERT);
        assert!(seen.peer.received(HandshakeType::SERVER_HELLO).is_some());
        let left = "unexpected eof while reading";
        assert_fields(&seen.server, json!({"version": "TLSv1.2", "error": left}));
    }
}

#[test]
fn res_6_early_data_is_refused_and_the_connection_goes_on() {
    for site in Site::modes() {
        let mut server = Server::demanding(&site, &["request"]);
        let ticket = Client::new(&mut server, client(&site, [])).ticket();
        let config = ClientConfig {
            ticket: Some(ticket),
            early_data: Some(b"let me in".to_vec()),
            ..client(&site, [])
        };
        let seen = Client::new(&mut server, config);
        assert!(!seen.peer.early_data_accepted());
        assert_eq!((seen.alerts(), seen.body()), (vec![], "hello CN=agent-1\n".into()));
    }
}

#[test]
fn rca_6_what_a_server_says_to_who_has_nothing_to_show() {
    for site in Site::modes() {
        let offer = || client(&site, [Edit::add(FLAGS, OFFER)]);
        let mut server = Server::demanding(&site, &["require-if-offered"]);
        let config = ClientConfig { answer: CertificateAnswer::Empty, ..offer() };
        assert_refused(&mut server, config, 116, "peer did not return a certificate");
        // No Certificate at all is another matter: unexpected_message.
        let config = ClientConfig { answer: CertificateAnswer::NoCertificate, ..offer() };
        assert_refused(&mut server, config, 10, "");
    }
}
