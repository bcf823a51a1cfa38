//! Raw servers that keep or break the rules, at the client: each alert exactly.

use raw_peer::{Edit, HandshakeType, ServerConfig, Slot};
use serde_json::json;

use crate::bad_clients::{ACROSS_NAMES, BOTH, CARE, FLAGS, OFFER, OTHER};
use crate::programs::{assert_fields, with};
use crate::raw::{NO_ALERT, raw_server};
use crate::site::Site;

/// A server that asks, and does this in one of its messages.
fn server(site: &Site, slot: Slot, edits: &[Edit]) -> ServerConfig {
    let mut config = ServerConfig::new(site.server.for_raw());
    config.ask_certificate = true;
    config.hello_retry = slot == Slot::HelloRetryRequest;
    config.tickets = usize::from(slot == Slot::NewSessionTicket);
    config.plan.edits_mut(slot).extend_from_slice(edits);
    config
}

/// What the client makes of an edit, when it offers like this: the alert, and its words.
fn refused(site: &Site, offer: &str, slot: Slot, edits: &[Edit]) -> (Option<u8>, String) {
    let options = with("agent", &["--offer", offer]);
    let (visit, alerts, _) = raw_server(site, server(site, slot, edits), &options);
    let sent = visit.outcome["alert_sent"].as_u64().map(|alert| u8::try_from(alert).unwrap());
    assert_eq!(alerts, sent.into_iter().collect::<Vec<_>>(), "{}", visit.outcome);
    assert_eq!(visit.code, Some(i32::from(sent.is_some())), "{}", visit.outcome);
    (sent, visit.outcome["error"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn rca_7_the_client_knows_whether_its_offer_is_why_it_is_asked() {
    let Some(site) = Site::new() else { return };
    let none: &[Edit] = &[];
    for (edits, status) in [
        (none, "asked-without-acknowledgement"),
        (&[Edit::add(FLAGS, OFFER)], "acknowledged"),
        (&[Edit::add(FLAGS, BOTH)], "acknowledged"),
        (&[Edit::add(FLAGS, OTHER)], "asked-without-acknowledgement"),
    ] {
        let config = server(&site, Slot::CertificateRequest, edits);
        let options = with("agent", &["--offer", "flag"]);
        let (visit, alerts, peer) = raw_server(&site, config, &options);
        assert_eq!((visit.code, visit.body.as_str()), (Some(0), "raw\n"));
        assert_eq!(alerts, NO_ALERT);
        assert_fields(&visit.outcome, json!({"status": status, "authenticated": true}));
        assert!(peer.received(HandshakeType::CERTIFICATE_VERIFY).is_some());
    }
}

#[test]
fn rca_6_the_client_declines_with_an_empty_certificate() {
    let Some(site) = Site::new() else { return };
    let config = server(&site, Slot::CertificateRequest, &[Edit::add(FLAGS, OFFER)]);
    let (visit, alerts, peer) = raw_server(&site, config, &["--offer", "flag"]);
    assert_eq!((visit.code, alerts), (Some(0), vec![]));
    assert_fields(&visit.outcome, json!({"status": "acknowledged", "authenticated": false}));
    let certificate = peer.received(HandshakeType::CERTIFICATE).unwrap();
    assert_eq!(certificate.body(), [0, 0, 0, 0]);
}

#[test]
fn flags_8_flags_12_what_the_client_offers_on_the_wire() {
    let Some(site) = Site::new() else { return };
    for (offer, flags, care) in [
        ("none", None, None),
        ("flag", Some(OFFER.to_vec()), None),
        ("care", None, Some(vec![])),
        ("both", Some(OFFER.to_vec()), Some(vec![])),
    ] {
        let config = server(&site, Slot::HelloRetryRequest, &[]);
        let (visit, _, peer) = raw_server(&site, config, &with("agent", &["--offer", offer]));
        assert_eq!(visit.code, Some(0), "{}", visit.outcome);
        let hellos: Vec<_> =
            peer.messages().filter(|m| m.typ == HandshakeType::CLIENT_HELLO).collect();
        assert_eq!(hellos.len(), 2);
        for hello in hellos {
            assert_eq!(hello.find_extension(FLAGS), flags, "{offer}");
            assert_eq!(hello.find_extension(CARE), care, "{offer}");
        }
        // Nothing is answered in its Certificate.
        let certificate = peer.received(HandshakeType::CERTIFICATE).unwrap();
        assert_eq!(certificate.find_extension(FLAGS), None);
    }
}

#[test]
fn flags_2_flags_3_malformed_flags_are_refused() {
    let Some(site) = Site::new() else { return };
    for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
        for (body, rule) in [
            (&[1, 0][..], "FLAGS-2"),
            (&[2, 2, 0], "FLAGS-2"),
            (&[0], "FLAGS-3"),
            (&[], "FLAGS-3"),
            (&[1, 2, 2], "FLAGS-3"),
        ] {
            for offer in ["flag", "none"] {
                let (alert, said) = refused(&site, offer, slot, &[Edit::add(FLAGS, body)]);
                assert_eq!(alert, Some(47), "{slot:?} {body:?}: {said}");
                assert!(said.contains(rule), "{slot:?} {body:?}: {said}");
            }
        }
    }
}

#[test]
fn flags_5_rca_5_a_flag_where_none_may_stand_is_refused() {
    let Some(site) = Site::new() else { return };
    use Slot as S;
    for slot in [S::ServerHello, S::HelloRetryRequest, S::EncryptedExtensions, S::Certificate] {
        for body in [OFFER.to_vec(), OTHER.to_vec()] {
            for offer in ["flag", "none"] {
                let (alert, said) = refused(&site, offer, slot, &[Edit::add(FLAGS, &body[..])]);
                assert_eq!(alert, Some(47), "{slot:?} {body:?} {offer}: {said}");
            }
        }
    }
}

#[test]
fn flags_4_rca_4_rca_5_flags_out_of_place_are_refused() {
    let Some(site) = Site::new() else { return };
    for (offer, slot, body, rule) in [
        ("none", Slot::CertificateRequest, OFFER.to_vec(), "RCA-4"),
        ("none", Slot::CertificateRequest, BOTH.to_vec(), "RCA-4"),
        ("care", Slot::CertificateRequest, OFFER.to_vec(), "RCA-4"),
        ("flag", Slot::CertificateRequest, ACROSS_NAMES.to_vec(), "FLAGS-4"),
        ("flag", Slot::NewSessionTicket, OFFER.to_vec(), "RCA-5"),
    ] {
        let (alert, said) = refused(&site, offer, slot, &[Edit::add(FLAGS, &body[..])]);
        assert_eq!(alert, Some(47), "{slot:?} {body:?}: {said}");
        assert!(said.contains(rule), "{slot:?} {body:?}: {said}");
    }
}

#[test]
fn flags_6_unknown_flags_in_a_ticket_and_flags_of_tickets_are_no_fault() {
    let Some(site) = Site::new() else { return };
    for body in [OTHER.to_vec(), ACROSS_NAMES.to_vec()] {
        let edits = [Edit::add(FLAGS, body)];
        assert_eq!(refused(&site, "flag", Slot::NewSessionTicket, &edits), (None, String::new()));
    }
}

#[test]
fn flags_10_twice_is_refused() {
    let Some(site) = Site::new() else { return };
    for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
        let edits = [Edit::add(FLAGS, OTHER), Edit::duplicate(FLAGS)];
        assert_eq!(refused(&site, "flag", slot, &edits).0, Some(47), "{slot:?}");
    }
    let edits = [Edit::add(CARE, []), Edit::duplicate(CARE)];
    assert_eq!(refused(&site, "care", Slot::EncryptedExtensions, &edits).0, Some(47));
}

#[test]
fn care_1_care_3_an_echo_is_judged() {
    let Some(site) = Site::new() else { return };
    use Slot as S;
    for (offer, slot, body, alert) in [
        ("care", S::EncryptedExtensions, &[][..], None),
        ("both", S::EncryptedExtensions, &[], None),
        ("care", S::EncryptedExtensions, &[0], Some(47)),
        ("care", S::ServerHello, &[], Some(47)),
        ("care", S::CertificateRequest, &[], Some(47)),
        ("care", S::Certificate, &[], Some(47)),
        ("care", S::NewSessionTicket, &[], Some(47)),
        ("care", S::HelloRetryRequest, &[], Some(47)),
        ("none", S::ServerHello, &[], Some(110)),
        ("none", S::EncryptedExtensions, &[], Some(110)),
        ("flag", S::EncryptedExtensions, &[], Some(110)),
        ("none", S::HelloRetryRequest, &[], Some(110)),
        ("none", S::Certificate, &[], Some(110)),
        // To who does not offer by it, it is an extension that nobody knows.
        ("none", S::CertificateRequest, &[], None),
        ("none", S::NewSessionTicket, &[], None),
    ] {
        let (found, said) = refused(&site, offer, slot, &[Edit::add(CARE, body)]);
        assert_eq!(found, alert, "{offer} {slot:?} {body:?}: {said}");
    }
}
