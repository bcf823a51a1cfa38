//! What a client does with the answers to its offer, and with servers that break rules.

use std::hash::Hasher;
use std::sync::{Arc, Mutex};

use raw_peer::{Edit, HandshakeType, Slot, ext};
use rustls::client::{
    ClientAuthOffer, ClientAuthOfferStatus, ClientCredentialResolver, CredentialRequest,
};
use rustls::crypto::{Credentials, SelectedCredential, SingleCredential};
use rustls::enums::CertificateType;
use rustls::error::{InvalidMessage, PeerMisbehaved};
use rustls::ext_wire::{CodePoints, Flag};
use rustls::{ClientConfig, Error};

use crate::harness::*;

/// A flag that no draft assigns.
const OTHER: [u8; 2] = [1, 2];

fn offers() -> [ClientAuthOffer; 2] {
    [ClientAuthOffer::default(), ClientAuthOffer::flag()]
}

/// Connects to a raw server that must be refused with this alert.
fn refused(client: &ClientConfig, server: raw_peer::ServerConfig, alert: u8) -> Error {
    let (client, peer) = raw_server(client, server);
    assert_eq!(alerts(&peer), [alert]);
    client.error.unwrap()
}

fn rule(error: Error) -> &'static str {
    match error {
        Error::PeerMisbehaved(PeerMisbehaved::ClientAuthOffer(fault)) => fault.rule(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rca_2_an_acknowledgement_of_an_offer_is_reported() {
    let site = Site::new();
    for (offer, edit, expected) in [
        (ClientAuthOffer::flag(), Some(&FLAG[..]), ClientAuthOfferStatus::Acknowledged),
        (ClientAuthOffer::flag(), None, ClientAuthOfferStatus::AskedWithoutAcknowledgement),
        (ClientAuthOffer::default(), None, ClientAuthOfferStatus::AskedWithoutAcknowledgement),
    ] {
        let mut server = site.raw_server(Slot::CertificateRequest, Edit::remove(CARE));
        if let Some(body) = edit {
            server.plan.certificate_request.push(Edit::add(ext::TLS_FLAGS, body));
        }
        let offered = !offer.offer().is_none();
        let (client, peer) = raw_server(&site.client(offer), server);
        assert_eq!(client.error, None);
        assert_eq!(client.connection.side().client_auth_status(), expected);
        let hello = peer.received(HandshakeType::CLIENT_HELLO).unwrap();
        assert_eq!(hello.find_extension(ext::TLS_FLAGS), offered.then(|| FLAG.to_vec()));
        assert!(peer.received(HandshakeType::CERTIFICATE_VERIFY).is_some());
    }
}

#[test]
fn flags_12_both_hellos_offer_the_same() {
    let site = Site::new();
    let server = site.raw_server(Slot::HelloRetryRequest, Edit::remove(CARE));
    let (client, peer) = raw_server(&site.client(ClientAuthOffer::flag_and_care()), server);
    assert_eq!(client.error, None);
    let hellos = peer.messages().filter(|it| it.typ == HandshakeType::CLIENT_HELLO);
    let offers = hellos.map(|it| (it.find_extension(ext::TLS_FLAGS), it.find_extension(CARE)));
    assert_eq!(offers.collect::<Vec<_>>(), vec![(Some(FLAG.to_vec()), Some(Vec::new())); 2]);
}

#[test]
fn rca_4_an_acknowledgement_without_an_offer_is_illegal_parameter() {
    let site = Site::new();
    for offer in [ClientAuthOffer::default(), ClientAuthOffer::care()] {
        let server = site.raw_server(Slot::CertificateRequest, Edit::add(ext::TLS_FLAGS, FLAG));
        assert_eq!(rule(refused(&site.client(offer), server, 47)), "RCA-4");
    }
}

#[test]
fn flags_2_and_flags_3_malformed_flags_of_a_server_are_illegal_parameter() {
    let site = Site::new();
    for offer in offers() {
        for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
            for (body, expected) in [
                (&[1, 0][..], "FLAGS-2"),
                (&[2, 1, 0], "FLAGS-2"),
                (&[], "FLAGS-3"),
                (&[0], "FLAGS-3"),
            ] {
                let server = site.raw_server(slot, Edit::add(ext::TLS_FLAGS, body));
                assert_eq!(rule(refused(&site.client(offer.clone()), server, 47)), expected);
            }
        }
    }
}

#[test]
fn flags_5_and_rca_5_flags_in_a_message_that_only_answers_are_illegal_parameter() {
    let site = Site::new();
    let misplaced = Error::from(InvalidMessage::MisplacedExtension(ext::TLS_FLAGS));
    for offer in offers() {
        for slot in [
            Slot::ServerHello,
            Slot::HelloRetryRequest,
            Slot::EncryptedExtensions,
            Slot::Certificate,
        ] {
            for body in [&FLAG[..], &OTHER] {
                let server = site.raw_server(slot, Edit::add(ext::TLS_FLAGS, body));
                assert_eq!(refused(&site.client(offer.clone()), server, 47), misplaced, "{slot:?}");
            }
        }
    }
}

#[test]
fn rca_5_the_flag_in_a_ticket_is_illegal_parameter() {
    let site = Site::new();
    for offer in offers() {
        let server = site.raw_server(Slot::NewSessionTicket, Edit::add(ext::TLS_FLAGS, FLAG));
        assert_eq!(rule(refused(&site.client(offer), server, 47)), "RCA-5");
    }
}

#[test]
fn flags_6_unknown_flags_where_a_server_may_send_flags_unasked_are_ignored() {
    let site = Site::new();
    for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
        let server = site.raw_server(slot, Edit::add(ext::TLS_FLAGS, OTHER));
        let (client, _) = raw_server(&site.client(ClientAuthOffer::flag()), server);
        assert_eq!(client.error, None);
        let status = client.connection.side().client_auth_status();
        assert_eq!(status, ClientAuthOfferStatus::AskedWithoutAcknowledgement);
    }
}

#[test]
fn care_3_an_echo_is_reported_and_one_that_was_not_asked_for_is_unsupported_extension() {
    let site = Site::new();
    let server = || site.raw_server(Slot::EncryptedExtensions, Edit::add(CARE, []));
    let (client, _) = raw_server(&site.client(ClientAuthOffer::care()), server());
    assert_eq!(client.error, None);
    assert!(client.connection.side().client_auth_echoed());

    let expected = PeerMisbehaved::UnsolicitedEncryptedExtension.into();
    assert_eq!(refused(&site.client(ClientAuthOffer::flag()), server(), 110), expected);
}

#[test]
fn care_3_a_client_that_does_not_use_care_treats_its_number_as_unknown() {
    let site = Site::new();
    for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
        let server = || site.raw_server(slot, Edit::add(CARE, [0]));
        for offer in offers() {
            let (client, peer) = raw_server(&site.client(offer), server());
            assert_eq!((client.error, alerts(&peer)), (None, vec![]), "{slot:?}");
        }
        let expected = Error::from(InvalidMessage::MisplacedExtension(CARE));
        assert_eq!(refused(&site.client(ClientAuthOffer::care()), server(), 47), expected);
    }
}

#[test]
fn care_1_and_care_3_an_echo_with_a_body_or_in_another_message_is_illegal_parameter() {
    let site = Site::new();
    let client = site.client(ClientAuthOffer::care());
    let server = site.raw_server(Slot::EncryptedExtensions, Edit::add(CARE, [0]));
    assert_eq!(rule(refused(&client, server, 47)), "CARE-1");
    let server = site.raw_server(Slot::ServerHello, Edit::add(CARE, []));
    assert_eq!(rule(refused(&client, server, 47)), "CARE-3");
    let misplaced = Error::from(InvalidMessage::MisplacedExtension(CARE));
    for slot in [Slot::CertificateRequest, Slot::Certificate] {
        let server = site.raw_server(slot, Edit::add(CARE, []));
        assert_eq!(refused(&client, server, 47), misplaced);
    }
}

#[test]
fn care_5_no_certificate_goes_over_tls_1_2_after_an_offer_unless_that_is_allowed() {
    let site = Site::new();
    let mut server = site.plain(Arc::new(rustls_ring::DEFAULT_TLS12_PROVIDER));
    server.client_auth_policy = Some(Arc::new(Now::new(site.request("agents"))));
    for (offer, sent) in [
        (ClientAuthOffer::default(), true),
        (ClientAuthOffer::care(), false),
        (ClientAuthOffer::care().with_certificate_under_tls12(true), true),
        (ClientAuthOffer::default().with_certificate_under_tls12(false), false),
    ] {
        let echoed = offer.offer().has_care();
        let (server, client) = both(&server, &site.client(offer));
        assert_eq!((&server.error, &client.error), (&None, &None));
        assert_eq!(server.scope(), sent.then_some("agents"));
        assert_eq!(client.connection.side().client_auth_echoed(), echoed);
    }
}

#[test]
fn other_code_points_are_used_in_both_directions() {
    let site = Site::new();
    let points = CodePoints::new(0x1234, Flag::REQUEST_CLIENT_AUTH).unwrap();
    let client = site.client(ClientAuthOffer::flag().with_code_points(points));
    let mut server = site.raw_server(Slot::CertificateRequest, Edit::add(0x1234, FLAG));
    // The usual number is then any unknown extension.
    server.plan.certificate_request.push(Edit::add(ext::TLS_FLAGS, [0]));
    let (client, peer) = raw_server(&client, server);
    assert_eq!(client.error, None);
    let hello = peer.received(HandshakeType::CLIENT_HELLO).unwrap();
    assert_eq!(hello.find_extension(0x1234), Some(FLAG.to_vec()));
    assert_eq!(hello.find_extension(ext::TLS_FLAGS), None);
    let status = client.connection.side().client_auth_status();
    assert_eq!(status, ClientAuthOfferStatus::Acknowledged);
}

/// A resolver that records what it is told.
#[derive(Debug)]
struct Told(SingleCredential, Mutex<Vec<bool>>);

impl ClientCredentialResolver for Told {
    fn resolve(&self, request: &CredentialRequest<'_>) -> Option<SelectedCredential> {
        self.1.lock().unwrap().push(request.acknowledged());
        self.0.resolve(request)
    }

    fn supported_certificate_types(&self) -> &'static [CertificateType] {
        &[CertificateType::X509]
    }

    fn hash_config(&self, _: &mut dyn Hasher) {}
}

#[test]
fn rca_7_the_resolver_learns_whether_the_offer_was_acknowledged() {
    let site = Site::new();
    let credentials = Credentials::from_der(identity(&site.agent), key(&site.agent), &provider());
    let told = Arc::new(Told(SingleCredential::from(credentials.unwrap()), Mutex::default()));
    let mut config = ClientConfig::builder(provider())
        .with_root_certificates(roots(&site.servers))
        .with_client_credential_resolver(told.clone())
        .unwrap();
    config.client_auth_offer = ClientAuthOffer::flag();
    for edit in [Edit::add(ext::TLS_FLAGS, FLAG), Edit::remove(ext::TLS_FLAGS)] {
        let (client, _) = raw_server(&config, site.raw_server(Slot::CertificateRequest, edit));
        assert_eq!(client.error, None);
    }
    assert_eq!(*told.1.lock().unwrap(), [true, false]);
}
