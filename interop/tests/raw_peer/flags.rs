//! Flags in messages that must not have them, in every message of TLS 1.3: the patched rustls ends each
//! connection with `illegal_parameter`, and the raw peer receives it.

use raw_peer::{
    CertificateAnswer, ClientConfig, Edit, HandshakeType, Plan, ServerConfig, Shares, Slot,
};
use rustls::client::{ClientAuthOffer, ClientAuthOfferStatus};
use rustls::ext_wire::{CodePoints, Flag};
use rustls::{Connection, Error, HandshakeKind, InvalidMessage, PeerMisbehaved};

use crate::demand::{
    ACROSS_NAMES, BOTH, FLAGS, ILLEGAL_PARAMETER, OFFER, OTHER, assert_alert, deciding, requesting,
};
use crate::harness::Pair;
use crate::pki::Pki;

const UNSUPPORTED_EXTENSION: u8 = 110;

fn malformed() -> [Vec<u8>; 7] {
    [vec![], vec![0], vec![2, 1], vec![1, 1, 1], vec![1, 0], vec![2, 1, 0], vec![3, 0, 0, 0]]
}

fn offers() -> [ClientAuthOffer; 2] {
    [ClientAuthOffer::flag(), ClientAuthOffer::default()]
}

/// A raw server that does `edit` in one message, against a client of ours.
fn server(pki: &Pki, offer: ClientAuthOffer, slot: Slot, edit: Edit, compressed: bool) -> Pair {
    let mut client = pki.rustls_client(true);
    client.client_auth_offer = offer;
    let mut config = ServerConfig::new(pki.server.clone());
    config.ask_certificate = slot == Slot::CertificateRequest;
    config.hello_retry = slot == Slot::HelloRetryRequest;
    config.compress_certificate = compressed;
    config.tickets = usize::from(slot == Slot::NewSessionTicket);
    config.plan = Plan::one(slot, edit);
    let mut pair = Pair::server(config, client);
    pair.run();
    pair
}

fn status(pair: &Pair) -> ClientAuthOfferStatus {
    match &pair.tls {
        Connection::Client(client) => client.client_auth_status(),
        Connection::Server(_) => panic!("not a client"),
    }
}

#[test]
fn rca_5_and_flags_5_no_flag_is_due_in_a_message_that_only_answers() {
    let pki = Pki::new();
    let slots =
        [Slot::ServerHello, Slot::HelloRetryRequest, Slot::EncryptedExtensions, Slot::Certificate];
    for slot in slots {
        for compressed in [false, true] {
            if compressed && slot != Slot::Certificate {
                continue;
            }
            for offer in offers() {
                for body in [&OFFER[..], &OTHER, &BOTH, &ACROSS_NAMES] {
                    let edit = Edit::add(FLAGS, body);
                    let pair = server(&pki, offer.clone(), slot, edit, compressed);
                    assert_alert(&pair, ILLEGAL_PARAMETER);
                    assert_eq!(pair.theirs, Err(InvalidMessage::UnexpectedTlsFlags.into()));
                }
            }
        }
    }
}

#[test]
fn flags_2_and_flags_3_malformed_flags_of_a_server_are_illegal_parameter() {
    let pki = Pki::new();
    for slot in [
        Slot::ServerHello,
        Slot::HelloRetryRequest,
        Slot::EncryptedExtensions,
        Slot::CertificateRequest,
        Slot::Certificate,
        Slot::NewSessionTicket,
    ] {
        for body in malformed() {
            for offer in offers() {
                let edit = Edit::add(FLAGS, body.clone());
                let pair = server(&pki, offer, slot, edit, false);
                assert_alert(&pair, ILLEGAL_PARAMETER);
            }
        }
    }
    for body in malformed() {
        let edit = Edit::add(FLAGS, body);
        let pair = server(&pki, ClientAuthOffer::flag(), Slot::Certificate, edit, true);
        assert_alert(&pair, ILLEGAL_PARAMETER);
    }
}

#[test]
fn rca_4_an_acknowledgement_without_an_offer_is_illegal_parameter() {
    let pki = Pki::new();
    for body in [OFFER, BOTH] {
        let edit = Edit::add(FLAGS, body);
        let none = ClientAuthOffer::default();
        let pair = server(&pki, none, Slot::CertificateRequest, edit, false);
        assert_alert(&pair, ILLEGAL_PARAMETER);
        let Err(Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsFlag(violation))) = pair.theirs
        else {
            panic!("another error");
        };
        assert_eq!((violation.rule(), violation.flag().get()), ("RCA-4", 80));
    }
}

#[test]
fn rca_2_an_acknowledgement_of_an_offer_is_taken() {
    let pki = Pki::new();
    for (body, expected) in [
        (Some(&OFFER[..]), ClientAuthOfferStatus::Acknowledged),
        (Some(&BOTH), ClientAuthOfferStatus::Acknowledged),
        (None, ClientAuthOfferStatus::AskedWithoutAcknowledgement),
    ] {
        let edit = body.map_or(Edit::remove(FLAGS), |body| Edit::add(FLAGS, body));
        let flag = ClientAuthOffer::flag();
        let pair = server(&pki, flag, Slot::CertificateRequest, edit, false);
        pair.assert_complete();
        assert_eq!(status(&pair), expected);
    }
}

#[test]
fn flags_6_unknown_flags_that_come_unsolicited_are_ignored() {
    let pki = Pki::new();
    for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
        for offer in offers() {
            let pair = server(&pki, offer, slot, Edit::add(FLAGS, OTHER), false);
            pair.assert_complete();
            assert_ne!(status(&pair), ClientAuthOfferStatus::Acknowledged);
        }
    }
}

#[test]
fn rca_5_the_flag_in_a_ticket_is_illegal_parameter() {
    let pki = Pki::new();
    for offer in offers() {
        let ticket = Slot::NewSessionTicket;
        let pair = server(&pki, offer.clone(), ticket, Edit::add(FLAGS, OFFER), false);
        assert_alert(&pair, ILLEGAL_PARAMETER);
        // what belongs there is no fault, even if it means nothing to us
        let pair = server(&pki, offer, ticket, Edit::add(FLAGS, ACROSS_NAMES), false);
        pair.assert_complete();
    }
}

#[test]
fn flags_10_a_second_extension_of_a_server_is_the_ordinary_error() {
    let pki = Pki::new();
    for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
        let edits = [Edit::add(FLAGS, OTHER), Edit::duplicate(FLAGS)];
        let mut client = pki.rustls_client(true);
        client.client_auth_offer = ClientAuthOffer::flag();
        let mut config = ServerConfig::new(pki.server.clone());
        config.ask_certificate = slot == Slot::CertificateRequest;
        config.tickets = 1;
        config.plan.edits_mut(slot).extend(edits);
        let mut pair = Pair::server(config, client);
        pair.run();
        assert_alert(&pair, ILLEGAL_PARAMETER);
        assert_eq!(pair.theirs, Err(InvalidMessage::DuplicateExtension(FLAGS).into()));
    }
}

#[test]
fn with_other_code_points_62_is_any_unknown_extension() {
    let pki = Pki::new();
    let experiment = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap();
    let offer = ClientAuthOffer::flag().with_code_points(experiment);
    for (typ, slot, alert) in [
        (0xfe01, Slot::EncryptedExtensions, ILLEGAL_PARAMETER),
        (FLAGS, Slot::EncryptedExtensions, UNSUPPORTED_EXTENSION),
        (0xfe01, Slot::HelloRetryRequest, ILLEGAL_PARAMETER),
        (FLAGS, Slot::HelloRetryRequest, UNSUPPORTED_EXTENSION),
    ] {
        let pair = server(&pki, offer.clone(), slot, Edit::add(typ, OFFER), false);
        assert_alert(&pair, alert);
    }
    let edit = Edit::add(0xfe01, OFFER);
    let pair = server(&pki, offer.clone(), Slot::CertificateRequest, edit, false);
    pair.assert_complete();
    assert_eq!(status(&pair), ClientAuthOfferStatus::Acknowledged);
    let edit = Edit::add(FLAGS, [0]);
    let pair = server(&pki, offer, Slot::CertificateRequest, edit, false);
    pair.assert_complete();
    assert_eq!(status(&pair), ClientAuthOfferStatus::AskedWithoutAcknowledgement);
}

/// A raw client with these edits, against a server of ours.
fn client(pki: &Pki, plan: Plan, compressed: bool, retry: bool) -> Pair {
    let mut config = ClientConfig {
        answer: CertificateAnswer::With(pki.client.clone()),
        compress_certificate: compressed,
        plan,
        ..ClientConfig::default()
    };
    if retry {
        config.shares = Shares::Only(vec![]);
    }
    let mut pair = Pair::client(config, deciding(pki, requesting(pki)));
    pair.run();
    pair
}

#[test]
fn rca_2_and_flags_7_an_offer_is_acknowledged_in_the_request_only() {
    let pki = Pki::new();
    for (offers, acknowledgement) in [(true, Some(OFFER.to_vec())), (false, None)] {
        let mut plan = Plan::default();
        if offers {
            plan.client_hello.push(Edit::add(FLAGS, BOTH));
        }
        let pair = client(&pki, plan, false, false);
        pair.assert_complete();
        let request = pair.raw.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
        assert_eq!(request.find_extension(FLAGS), acknowledgement);
        // and nothing of it is anywhere else (FLAGS-7)
        for typ in [
            HandshakeType::SERVER_HELLO,
            HandshakeType::ENCRYPTED_EXTENSIONS,
            HandshakeType::CERTIFICATE,
            HandshakeType::NEW_SESSION_TICKET,
        ] {
            assert_eq!(pair.raw.received(typ).unwrap().find_extension(FLAGS), None, "{typ:?}");
        }
    }
}

#[test]
fn rca_5_flags_in_a_clients_certificate_are_illegal_parameter() {
    let pki = Pki::new();
    for compressed in [false, true] {
        for offers in [false, true] {
            for body in malformed().iter().map(Vec::as_slice).chain([&OFFER[..], &OTHER, &BOTH]) {
                let mut plan = Plan::one(Slot::Certificate, Edit::add(FLAGS, body));
                if offers {
                    plan.client_hello.push(Edit::add(FLAGS, OFFER));
                }
                let pair = client(&pki, plan, compressed, false);
                assert_alert(&pair, ILLEGAL_PARAMETER);
                assert_eq!(pair.theirs, Err(InvalidMessage::UnexpectedTlsFlags.into()));
            }
        }
    }
}

#[test]
fn flags_12_a_second_hello_with_other_flags_is_illegal_parameter() {
    let pki = Pki::new();
    let cases: [(Option<&[u8]>, Edit); 4] = [
        (None, Edit::add(FLAGS, OFFER)),
        (Some(&OFFER), Edit::remove(FLAGS)),
        (Some(&OFFER), Edit::replace(FLAGS, OTHER)),
        (Some(&OFFER), Edit::replace(FLAGS, BOTH)),
    ];
    for (first, second) in cases {
        let mut plan = Plan::one(Slot::SecondClientHello, second);
        if let Some(first) = first {
            plan.client_hello.push(Edit::add(FLAGS, first));
        }
        let pair = client(&pki, plan, false, true);
        assert_alert(&pair, ILLEGAL_PARAMETER);
        assert_eq!(
            pair.theirs,
            Err(PeerMisbehaved::ClientHelloDifferedOnRetry("tls_flags").into())
        );
    }

    let plan = Plan::one(Slot::ClientHello, Edit::add(FLAGS, OFFER));
    let pair = client(&pki, plan, false, true);
    pair.assert_complete();
    assert_eq!(pair.tls.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
}
