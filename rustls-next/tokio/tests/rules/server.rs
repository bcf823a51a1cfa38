//! What a server does with an offer, and with clients that break rules.

use std::sync::Arc;

use raw_peer::{CertificateAnswer, ClientConfig, Edit, HandshakeType, Peer, ext, version};
use rustls::Error;
use rustls::client::ClientAuthOffer;
use rustls::error::{CertificateError, InvalidMessage, PeerMisbehaved};
use rustls::ext_wire::{CareError, CodePoints, Fault, Flag, FlagsError, Offer};
use rustls::server::{ClientAuthDecision, ClientAuthDemand, ClientAuthStatus, ServerHandshake};
use test_pki::Authority;

use crate::harness::*;

fn is_asked(peer: &Peer) -> bool {
    peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some()
}

/// The `tls_flags` of the CertificateRequest.
fn acknowledgement(peer: &Peer) -> Option<Vec<u8>> {
    let request = peer.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
    request.find_extension(ext::TLS_FLAGS)
}

fn faulty(error: FlagsError) -> Error {
    PeerMisbehaved::ClientAuthOffer(Fault::Flags(error)).into()
}

#[test]
fn flags_2_and_flags_3_malformed_flags_are_refused_with_illegal_parameter() {
    let site = Site::new();
    for (body, error) in [
        (&[1, 0][..], FlagsError::NoFlagSet),
        (&[2, 1, 0], FlagsError::TrailingZero),
        (&[], FlagsError::NoLength),
        (&[0], FlagsError::EmptyList),
        (&[1], FlagsError::Truncated { declared: 1, present: 0 }),
        (&[1, 1, 1], FlagsError::TrailingBytes { declared: 1, present: 2 }),
    ] {
        assert_eq!(refused(&site.by_offer(), site.offering(body), 47), faulty(error));
        // Also without a policy.
        assert_eq!(refused(&site.plain(provider()), site.offering(body), 47), faulty(error));
    }
}

#[test]
fn flags_5_and_rca_5_flags_in_a_clients_certificate_are_illegal_parameter() {
    let site = Site::new();
    for body in [&FLAG[..], &[1, 1]] {
        let mut config = site.offering(FLAG);
        config.plan.certificate.push(Edit::add(ext::TLS_FLAGS, body).in_entry(0));
        let expected = InvalidMessage::MisplacedExtension(ext::TLS_FLAGS).into();
        assert_eq!(refused(&site.by_offer(), config, 47), expected);
    }
}

#[test]
fn flags_6_another_flag_is_no_offer() {
    let site = Site::new();
    let (peer, server) = served(&site.by_offer(), site.offering([1, 1]));
    assert!(!is_asked(&peer));
    assert_eq!(server.client_auth().offer(), Offer::NONE);
    assert_eq!(server.client_auth().flags().unwrap().len(), 1);
}

#[test]
fn flags_9_a_server_of_tls_1_2_ignores_malformed_flags() {
    let site = Site::new();
    let mut server = site.plain(Arc::new(rustls_ring::DEFAULT_TLS12_PROVIDER));
    server.client_auth_policy = Some(Arc::new(Now::new(ClientAuthDecision::None)));
    let config = ClientConfig {
        versions: vec![version::TLS13, version::TLS12],
        alert_on_error: false,
        ..site.offering([0])
    };
    let (peer, server) = raw_client(&server, config);
    assert!(peer.received(HandshakeType::SERVER_HELLO).is_some());
    assert_eq!(alerts(&peer), []);
    assert_eq!(server.client_auth().offer(), Offer::NONE);
}

#[test]
fn flags_9_a_policy_does_not_see_the_flag_of_a_connection_of_tls_1_2() {
    let site = Site::new();
    let mut server = site.plain(Arc::new(rustls_ring::DEFAULT_TLS12_PROVIDER));
    server.client_auth_policy = site.by_offer().client_auth_policy;
    for (offer, scope) in
        [(ClientAuthOffer::flag(), None), (ClientAuthOffer::flag_and_care(), Some("agents"))]
    {
        let client = site.client(offer.with_certificate_under_tls12(true));
        let (server, client) = both(&server, &client);
        assert_eq!((&server.error, &client.error), (&None, &None));
        assert_eq!(server.scope(), scope);
        assert_eq!(server.client_auth().decision().demand().is_some(), scope.is_some());
    }
}

#[test]
fn flags_10_a_second_extension_is_refused_as_any_duplicate() {
    let site = Site::new();
    let mut config = site.offering(FLAG);
    config.plan.client_hello.push(Edit::duplicate(ext::TLS_FLAGS));
    let expected = InvalidMessage::DuplicateExtension(ext::TLS_FLAGS).into();
    assert_eq!(refused(&site.by_offer(), config, 47), expected);
}

#[test]
fn flags_12_one_decision_holds_for_both_hellos() {
    let site = Site::new();
    let now = Now::new(site.require("agents"));
    let (peer, server) = served(&site.deciding(&now), retrying(site.offering(FLAG)));
    assert!(peer.received(HandshakeType::HELLO_RETRY_REQUEST).is_some());
    assert_eq!(acknowledgement(&peer).unwrap(), FLAG);
    assert_eq!((server.scope(), now.count()), (Some("agents"), 1));
}

#[test]
fn flags_12_a_second_hello_that_differs_in_what_a_policy_sees_is_illegal_parameter() {
    let site = Site::new();
    let (flags, care) = ("tls_flags", "client_authentication_request");
    let protocols = "application_layer_protocol_negotiation";
    for (config, edit, field) in [
        (site.offering(FLAG), Edit::remove(ext::TLS_FLAGS), flags),
        (site.offering(FLAG), Edit::replace(ext::TLS_FLAGS, [1, 1]), flags),
        (ClientConfig::default(), Edit::add(ext::TLS_FLAGS, FLAG), flags),
        (site.offering(FLAG), Edit::add(CARE, []), care),
        (site.sending(Edit::add(CARE, [])), Edit::remove(CARE), care),
        (site.offering(FLAG), Edit::add(ext::ALPN, [0, 3, 2, b'h', b'3']), protocols),
    ] {
        let mut config = retrying(config);
        config.plan.second_client_hello.push(edit);
        let expected = PeerMisbehaved::ClientHelloDifferedOnRetry(field).into();
        assert_eq!(refused(&site.by_offer(), config, 47), expected);
    }
}

#[test]
fn rca_2_and_rca_4_only_a_request_because_of_an_offer_acknowledges_it() {
    let site = Site::new();
    let other_reason = ClientAuthDemand::new(site.verifier(), "agents").unwrap();
    for (decision, config, expected) in [
        (site.request("agents"), site.offering(FLAG), Some(FLAG.to_vec())),
        (site.require("agents"), site.offering(FLAG), Some(FLAG.to_vec())),
        (site.request("agents"), site.silent(), None),
        (site.request("agents"), site.sending(Edit::add(CARE, [])), None),
        (ClientAuthDecision::Request(other_reason), site.offering(FLAG), None),
    ] {
        let (peer, server) = served(&site.deciding(&Now::new(decision)), config);
        assert_eq!(acknowledgement(&peer), expected);
        assert_eq!(server.client_auth().acknowledged(), expected.is_some());
        assert_eq!(server.scope(), Some("agents"));
    }
}

#[test]
fn rca_2_a_client_without_a_certificate_is_served_unless_one_is_required() {
    let site = Site::new();
    let config = ClientConfig { answer: CertificateAnswer::Empty, ..site.offering(FLAG) };
    let now = Now::new(site.request("agents"));
    let (_, server) = served(&site.deciding(&now), config.clone());
    assert_eq!(server.client_auth().status(), ClientAuthStatus::Declined);
    assert_eq!(server.scope(), None);
    now.set(site.require("agents"));
    // certificate_required
    let expected = PeerMisbehaved::NoCertificatesPresented.into();
    assert_eq!(refused(&site.deciding(&now), config, 116), expected);
}

#[test]
fn rca_8_a_certificate_of_another_authority_is_refused() {
    let site = Site::new();
    let stranger = Authority::new("Foreign CA").unwrap().client("stranger").unwrap();
    let answer = CertificateAnswer::With(stranger.for_raw());
    let config = ClientConfig { answer, ..site.offering(FLAG) };
    for decision in [site.request("agents"), site.require("agents")] {
        // unknown_ca
        let error = refused(&site.deciding(&Now::new(decision)), config.clone(), 48);
        assert_eq!(error, CertificateError::UnknownIssuer.into());
    }
}

#[test]
fn rca_9_a_client_that_does_not_offer_is_not_asked() {
    let site = Site::new();
    let (peer, server) = served(&site.by_offer(), site.silent());
    assert!(!is_asked(&peer));
    assert_eq!(server.client_auth().status(), ClientAuthStatus::NotAsked);
    assert_eq!(server.scope(), None);
}

#[test]
fn care_1_a_body_is_refused_if_there_is_a_policy() {
    let site = Site::new();
    let config = site.sending(Edit::add(CARE, [0]));
    let fault = Fault::Care(CareError::NotEmpty { length: 1 });
    let expected = PeerMisbehaved::ClientAuthOffer(fault).into();
    assert_eq!(refused(&site.by_offer(), config.clone(), 47), expected);
    // CARE has no number of its own.
    served(&site.plain(provider()), config);
}

#[test]
fn care_2_and_care_3_an_offer_by_care_is_echoed_whether_or_not_there_is_a_request() {
    let site = Site::new();
    for decision in [ClientAuthDecision::None, site.request("agents")] {
        let asks = decision.demand().is_some();
        let config = site.sending(Edit::add(CARE, []));
        let (peer, server) = served(&site.deciding(&Now::new(decision)), config);
        assert_eq!((is_asked(&peer), server.scope().is_some()), (asks, asks));
        let extensions = peer.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
        assert_eq!(extensions.find_extension(CARE), Some(Vec::new()));
        for typ in [HandshakeType::SERVER_HELLO, HandshakeType::CERTIFICATE] {
            assert_eq!(peer.received(typ).unwrap().find_extension(CARE), None);
        }
        assert_eq!(server.client_auth().offer(), Offer::CARE);
    }
}

#[test]
fn other_code_points_are_recognized_and_the_usual_ones_are_then_unknown() {
    let site = Site::new();
    let points = CodePoints::new(0x1234, Flag::new(8 * 2).unwrap()).unwrap();
    let points = points.with_care(0x1235).unwrap();
    let mut server = site.by_offer();
    server.client_auth_code_points = points;
    let body = [3, 0, 0, 1];
    let (peer, end) = served(&server, site.sending(Edit::add(0x1234, body)));
    let request = peer.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
    assert_eq!(request.find_extension(0x1234), Some(body.to_vec()));
    assert_eq!((end.client_auth().offer(), end.scope()), (Offer::FLAG, Some("agents")));

    let (peer, end) = served(&server, site.sending(Edit::add(0x1235, [])));
    let extensions = peer.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
    assert_eq!(extensions.find_extension(0x1235), Some(Vec::new()));
    assert_eq!(end.client_auth().offer(), Offer::CARE);

    for edit in [Edit::add(ext::TLS_FLAGS, [0]), Edit::add(CARE, [0])] {
        let (peer, end) = served(&server, site.sending(edit));
        assert!(!is_asked(&peer));
        assert_eq!(end.client_auth().offer(), Offer::NONE);
    }
}

#[test]
fn a_decision_after_accepted_is_made_with_the_code_points_of_the_config() {
    let site = Site::new();
    let points = CodePoints::new(0x1234, Flag::REQUEST_CLIENT_AUTH).unwrap();
    let mut config = site.plain(provider());
    config.client_auth_code_points = points;
    for (start, shown) in [
        (ServerHandshake::start(), Offer::NONE),
        (ServerHandshake::start_with_code_points(points), Offer::FLAG),
    ] {
        let mut peer = Peer::client(site.sending(Edit::add(0x1234, FLAG))).unwrap();
        let (mut input, mut output) = (rustls::VecInput::default(), Vec::new());
        let hello = peer.take_output();
        input.read(&mut hello.as_slice()).unwrap();
        let ServerHandshake::Accepted(accepted) = start.process(&mut input, &mut output).unwrap()
        else {
            panic!("the ClientHello is complete");
        };
        assert_eq!(accepted.client_hello().client_auth_offer(), shown);
        assert_eq!(accepted.client_hello().version(), None);
        let decided = Arc::new(config.decided(site.require("agents")));
        let mut handshake = accepted.choose_config(decided, &mut output).unwrap();
        peer.read(&output).unwrap();
        assert_eq!(
            peer.received(HandshakeType::CERTIFICATE_REQUEST).unwrap().find_extension(0x1234),
            Some(FLAG.to_vec())
        );
        output.clear();
        let flight = peer.take_output();
        input.read(&mut flight.as_slice()).unwrap();
        let connection = loop {
            handshake = match handshake {
                ServerHandshake::NeedsInput(it) => it.process(&mut input, &mut output).unwrap(),
                ServerHandshake::VerifyClientIdentity(it) => it.with_config(&mut output).unwrap(),
                ServerHandshake::Complete(connection) => break connection,
                other => panic!("{other:?}"),
            };
        };
        let auth = connection.side_outputs.client_auth().unwrap();
        assert_eq!((auth.offer(), auth.scope()), (Offer::FLAG, Some("agents")));
    }
}

#[test]
fn a_scope_has_1_to_255_bytes() {
    let site = Site::new();
    for (length, valid) in [(0, false), (1, true), (255, true), (256, false)] {
        let demand = ClientAuthDemand::new(site.verifier(), "s".repeat(length));
        assert_eq!(demand.is_ok(), valid, "{length}");
    }
}
