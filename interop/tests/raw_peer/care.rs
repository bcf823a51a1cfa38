//! CARE in every message: which messages of the patched rustls have it, and which errors it sends.

use raw_peer::{
    CertificateAnswer, ClientConfig, Edit, Extension, HandshakeType, Plan, ServerConfig, Shares,
    Slot, version,
};
use rustls::client::{ClientAuthOffer, ClientAuthOfferStatus};
use rustls::ext_wire::{CareError, CodePoints, Offer};
use rustls::server::ClientAuthDecision;
use rustls::version::{TLS12, TLS13};
use rustls::{Connection, Error, InvalidMessage, PeerMisbehaved, SupportedProtocolVersion};

use crate::bad_servers::tls12_hello;
use crate::demand::{
    BOTH, CARE, FLAGS, ILLEGAL_PARAMETER, OFFER, OFFERS, PLAIN, Site, assert_alert, deciding,
    requesting,
};
use crate::harness::Pair;
use crate::pki::Pki;

const UNEXPECTED_MESSAGE: u8 = 10;
const UNSUPPORTED_EXTENSION: u8 = 110;

fn misbehaved(error: CareError) -> Result<(), Error> {
    Err(PeerMisbehaved::IllegalClientAuthenticationRequest(error).into())
}

/// A raw client that has this in its hello, and the versions of the server.
fn client(
    pki: &Pki,
    edits: Vec<Edit>,
    decision: Option<ClientAuthDecision>,
    version: &'static SupportedProtocolVersion,
) -> Pair {
    let mut config = ClientConfig {
        versions: vec![version::TLS13, version::TLS12],
        answer: CertificateAnswer::With(pki.client.clone()),
        ..ClientConfig::default()
    };
    config.plan.client_hello = edits;
    let mut server = pki.rustls_server_with(false, &[version]);
    if let Some(decision) = decision {
        server.client_auth_policy = deciding(pki, decision).client_auth_policy;
    }
    let mut pair = Pair::client(config, server);
    pair.run();
    pair
}

fn offer_at(pair: &Pair) -> Offer {
    match &pair.tls {
        Connection::Server(server) => server.client_auth().unwrap().offer(),
        Connection::Client(_) => panic!("not a server"),
    }
}

#[test]
fn care_2_and_care_3_a_server_echoes_it_in_one_message_whether_or_not_it_asks() {
    let pki = Pki::new();
    let care = || Edit::add(CARE, []);
    let flag = || Edit::add(FLAGS, OFFER);
    for decision in [ClientAuthDecision::None, requesting(&pki)] {
        let asks = decision.demand().is_some();
        for (edits, offer) in [
            (vec![care()], Offer::CARE),
            (vec![flag(), care()], Offer::BOTH),
            (vec![flag()], Offer::FLAG),
            (vec![], Offer::NONE),
        ] {
            let pair = client(&pki, edits, Some(decision.clone()), &TLS13);
            pair.assert_complete();
            assert_eq!(offer_at(&pair), offer);
            let request = pair.raw.received(HandshakeType::CERTIFICATE_REQUEST);
            assert_eq!(request.is_some(), asks);
            // RCA-4: CARE is no reason to acknowledge a flag.
            let acknowledgement = request.and_then(|request| request.find_extension(FLAGS));
            let flagged = asks && offer.has_flag();
            assert_eq!(acknowledgement, flagged.then(|| OFFER.to_vec()));

            let bearers: Vec<_> = pair
                .raw
                .messages()
                .filter(|message| message.typ != HandshakeType::CLIENT_HELLO)
                .filter_map(|message| Some((message.typ, message.find_extension(CARE)?)))
                .collect();
            let echo = (HandshakeType::ENCRYPTED_EXTENSIONS, Vec::new());
            assert_eq!(bearers, Vec::from_iter(offer.has_care().then_some(echo)));
        }
    }

    for (edits, echoed) in [(vec![care()], true), (vec![], false)] {
        let pair = client(&pki, edits, Some(requesting(&pki)), &TLS12);
        let hello = pair.raw.received(HandshakeType::SERVER_HELLO).unwrap();
        assert_eq!(hello.find_extension(CARE), echoed.then(Vec::new));
        assert!(pair.raw.received(HandshakeType::CERTIFICATE_REQUEST).is_some());
        assert_eq!(offer_at(&pair), Offer::new(false, echoed));
    }
}

#[test]
fn care_1_a_body_in_a_hello_is_illegal_parameter_under_both_versions() {
    let pki = Pki::new();
    for version in [&TLS12, &TLS13] {
        for length in [1, 2, 300] {
            let edits = vec![Edit::add(CARE, vec![0; length])];
            let pair = client(&pki, edits, Some(ClientAuthDecision::None), version);
            assert_alert(&pair, ILLEGAL_PARAMETER);
            assert_eq!(pair.theirs, misbehaved(CareError::NotEmpty { length }));
        }
    }
}

#[test]
fn without_a_policy_its_number_is_anybodys() {
    let pki = Pki::new();
    for body in [&[][..], &[1, 2, 3]] {
        let pair = client(&pki, vec![Edit::add(CARE, body)], None, &TLS13);
        pair.assert_complete();
        let answers = pair.raw.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
        assert_eq!(answers.find_extension(CARE), None);
    }
    // and so it is for a server that does without
    let mut server = deciding(&pki, ClientAuthDecision::None);
    server.client_auth_code_points = CodePoints::DEFAULT.without_care();
    let mut config = ClientConfig::default();
    config.plan.client_hello.push(Edit::add(CARE, [1]));
    let mut pair = Pair::client(config, server);
    pair.run();
    pair.assert_complete();
    assert_eq!(offer_at(&pair), Offer::NONE);
}

#[test]
fn care_3_in_a_clients_certificate_it_is_illegal_parameter() {
    let pki = Pki::new();
    for compress_certificate in [false, true] {
        let config = ClientConfig {
            answer: CertificateAnswer::With(pki.client.clone()),
            compress_certificate,
            plan: Plan::one(Slot::Certificate, Edit::add(CARE, [])),
            ..ClientConfig::default()
        };
        let mut pair = Pair::client(config, deciding(&pki, requesting(&pki)));
        pair.run();
        assert_alert(&pair, ILLEGAL_PARAMETER);
        assert_eq!(pair.theirs, Err(InvalidMessage::UnexpectedCare.into()));
    }
}

#[test]
fn a_second_one_in_a_hello_is_the_ordinary_duplicate_extension_error() {
    let pki = Pki::new();
    let edits = vec![Edit::add(CARE, []), Edit::duplicate(CARE)];
    let pair = client(&pki, edits, Some(ClientAuthDecision::None), &TLS13);
    assert_alert(&pair, ILLEGAL_PARAMETER);
    assert_eq!(pair.theirs, Err(InvalidMessage::DuplicateExtension(CARE).into()));
}

#[test]
fn a_second_hello_cares_as_the_first_did() {
    let pki = Pki::new();
    for (first, second) in [(true, Edit::remove(CARE)), (false, Edit::add(CARE, []))] {
        let mut config = ClientConfig { shares: Shares::Only(vec![]), ..ClientConfig::default() };
        if first {
            config.plan.client_hello.push(Edit::add(CARE, []));
        }
        config.plan.second_client_hello.push(second);
        let mut pair = Pair::client(config, deciding(&pki, requesting(&pki)));
        pair.run();
        assert_alert(&pair, ILLEGAL_PARAMETER);
        let field = "client_authentication_request";
        assert_eq!(pair.theirs, Err(PeerMisbehaved::ClientHelloDifferedOnRetry(field).into()));
    }
}

#[test]
fn care_4_a_resumed_session_is_as_it_was() {
    for stateless in [false, true] {
        let site = Site::new(stateless);
        let demand = requesting(&site.pki);
        for (visit, resumes) in [(PLAIN, true), (OFFERS, true)] {
            let ticket = Some(site.ticket(demand.clone(), visit));
            let mut config = ClientConfig { ticket, ..site.config(PLAIN) };
            config.plan.client_hello.push(Edit::add(CARE, []));
            let mut pair = Pair::client(config, site.server.clone());
            pair.run();
            pair.assert_complete();
            assert_eq!(pair.raw.is_resumed(), resumes);
            let answers = pair.raw.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
            assert_eq!(answers.find_extension(CARE), None);
            assert!(pair.raw.received(HandshakeType::CERTIFICATE_REQUEST).is_none());
        }
    }
}

/// A raw server that has this in one message, against a client of ours.
pub fn server(pki: &Pki, offer: ClientAuthOffer, slot: Slot, edit: Edit, compressed: bool) -> Pair {
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

fn known_at(pair: &Pair) -> (ClientAuthOfferStatus, bool) {
    match &pair.tls {
        Connection::Client(client) => (client.client_auth_status(), client.client_auth_echoed()),
        Connection::Server(_) => panic!("not a client"),
    }
}

#[test]
fn care_3_an_echo_says_that_it_is_understood() {
    let pki = Pki::new();
    let points = CodePoints::DEFAULT.with_care(0xff55).unwrap();
    for offer in [ClientAuthOffer::care(), ClientAuthOffer::flag_and_care()] {
        for (offer, number) in [(offer.clone(), CARE), (offer.with_code_points(points), 0xff55)] {
            let edit = Edit::add(number, []);
            let pair = server(&pki, offer, Slot::EncryptedExtensions, edit, false);
            pair.assert_complete();
            assert_eq!(known_at(&pair), (ClientAuthOfferStatus::Offered, true));
        }
    }
    // A request is not an echo, and cannot acknowledge CARE.
    let none = Edit::remove(FLAGS);
    let pair = server(&pki, ClientAuthOffer::care(), Slot::CertificateRequest, none, false);
    pair.assert_complete();
    assert_eq!(known_at(&pair), (ClientAuthOfferStatus::AskedWithoutAcknowledgement, false));
    let hello = pair.raw.received(HandshakeType::CLIENT_HELLO).unwrap();
    assert_eq!((hello.find_extension(CARE), hello.find_extension(FLAGS)), (Some(vec![]), None));
}

#[test]
fn rca_4_a_server_that_acknowledges_the_flag_after_an_offer_by_care_is_refused() {
    let pki = Pki::new();
    for body in [&OFFER, &BOTH] {
        let edit = Edit::add(FLAGS, body);
        let pair = server(&pki, ClientAuthOffer::care(), Slot::CertificateRequest, edit, false);
        assert_alert(&pair, ILLEGAL_PARAMETER);
    }
}

#[test]
fn care_3_an_echo_of_care_that_was_not_sent_is_unsupported_extension() {
    let pki = Pki::new();
    let slots = [Slot::ServerHello, Slot::HelloRetryRequest, Slot::EncryptedExtensions];
    for offer in [ClientAuthOffer::default(), ClientAuthOffer::flag()] {
        for slot in slots {
            for body in [&[][..], &[1]] {
                let pair = server(&pki, offer.clone(), slot, Edit::add(CARE, body), false);
                assert_alert(&pair, UNSUPPORTED_EXTENSION);
            }
        }
        // Messages that answer nothing may have any extension.
        for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
            server(&pki, offer.clone(), slot, Edit::add(CARE, [1]), false).assert_complete();
        }
    }
}

#[test]
fn care_1_an_echo_with_a_body_is_illegal_parameter() {
    let pki = Pki::new();
    for length in [1, 40] {
        let edit = Edit::add(CARE, vec![0; length]);
        let care = ClientAuthOffer::care();
        let pair = server(&pki, care, Slot::EncryptedExtensions, edit, false);
        assert_alert(&pair, ILLEGAL_PARAMETER);
        assert_eq!(pair.theirs, misbehaved(CareError::NotEmpty { length }));
    }
}

#[test]
fn care_3_in_any_other_message_of_a_server_it_is_illegal_parameter() {
    let pki = Pki::new();
    for (slot, compressed) in [
        (Slot::ServerHello, false),
        (Slot::HelloRetryRequest, false),
        (Slot::CertificateRequest, false),
        (Slot::Certificate, false),
        (Slot::Certificate, true),
        (Slot::NewSessionTicket, false),
    ] {
        for offer in [ClientAuthOffer::care(), ClientAuthOffer::flag_and_care()] {
            for body in [&[][..], &[1]] {
                let edit = Edit::add(CARE, body);
                let pair = server(&pki, offer.clone(), slot, edit, compressed);
                assert_alert(&pair, ILLEGAL_PARAMETER);
            }
        }
    }
}

/// A raw server that chooses TLS 1.2, of which it speaks no more than its hello.
fn tls12_server(pki: &Pki, offer: ClientAuthOffer, body: Option<&[u8]>) -> Pair {
    let mut client = pki.rustls_client(true);
    client.client_auth_offer = offer;
    let mut config = ServerConfig::new(pki.server.clone());
    let extensions = body.map(|body| Extension::new(CARE, body));
    config.plan.server_hello.push(tls12_hello(Vec::from_iter(extensions), Vec::new()));
    let mut pair = Pair::server(config, client);
    pair.run();
    pair
}

#[test]
fn care_1_an_echo_with_a_body_is_illegal_parameter_under_tls12_too() {
    let pki = Pki::new();
    let pair = tls12_server(&pki, ClientAuthOffer::care(), Some(&[1, 2]));
    assert_alert(&pair, ILLEGAL_PARAMETER);
    assert_eq!(pair.theirs, misbehaved(CareError::NotEmpty { length: 2 }));

    // what was not sent is not echoed, with or without a body
    for offer in [ClientAuthOffer::default(), ClientAuthOffer::flag()] {
        for body in [&[][..], &[1]] {
            assert_alert(&tls12_server(&pki, offer.clone(), Some(body)), UNSUPPORTED_EXTENSION);
        }
    }

    // A correct echo does not end the connection; the raw peer's next message does.
    for (body, echoed) in [(Some(&[][..]), true), (None, false)] {
        let pair = tls12_server(&pki, ClientAuthOffer::care(), body);
        assert_alert(&pair, UNEXPECTED_MESSAGE);
        assert_eq!(known_at(&pair), (ClientAuthOfferStatus::Offered, echoed));
    }
}
