//! The extension in ClientHellos.

use std::sync::Arc;

use rustls::client::ClientAuthOfferStatus as Client;
use rustls::crypto::ring::kx_group::SECP384R1;
use rustls::server::ClientAuthStatus as Server;
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, Error, HandshakeKind, PeerMisbehaved, ProtocolVersion, ServerConfig,
    ServerConnection,
};
use rustls_ext::wire::{Answer, CodePoints, Offer, Scan};
use rustls_ext::{ClientAuthOffer, PeerIdentity};

use crate::common::{connect, handshake, hello, provider, pump, transfer};
use crate::world::{COM, ORG, World, hint, issue};

/// The origins in the first record of a client, by the scan; `None` without the extension.
fn sent(record: &[u8]) -> Option<Vec<String>> {
    let scan = Scan::new(&CodePoints::DEFAULT);
    let mut buffer = vec![0; Scan::LONGEST];
    let Answer::Hello { hello, .. } = scan.records(record, &mut buffer) else { panic!("no hello") };
    let origins = hello.origins().unwrap()?;
    Some(origins.iter().map(|origin| origin.to_string()).collect())
}

#[test]
fn wio_7_the_hint_is_sent_only_where_tls_1_3_is_offered() {
    let world = World::new();
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    for (versions, expected) in [
        (&[&TLS13, &TLS12][..], Some(vec![ORG.to_owned(), COM.to_owned()])),
        (&[&TLS13], Some(vec![ORG.to_owned(), COM.to_owned()])),
        (&[&TLS12], None),
    ] {
        let client = world.pki.client_config(Some(&identity), hint(&[ORG, COM]), versions);
        assert_eq!(sent(&hello(&Arc::new(client))), expected);
    }
    let client = world.client_config(&identity, ClientAuthOffer::flag_and_care());
    assert_eq!(sent(&hello(&Arc::new(client))), None);
}

#[test]
fn wio_7_under_tls_1_2_a_hint_does_not_count() {
    let world = World::new();
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    let mut server = world.pki.server_config(&[&TLS12]);
    let policy = world.rules().refuse_unknown_origins().build().unwrap();
    server.client_auth_policy = Some(policy.for_config().unwrap());
    for origins in [&[ORG][..], &["spiffe://example.net"]] {
        let (c, s) = handshake(&world.client(&identity, origins), &Arc::new(server.clone()));
        assert_eq!(s.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        let auth = s.client_auth().unwrap();
        assert_eq!((auth.offer(), auth.status()), (Offer::NONE, Server::NotAsked));
        assert!(auth.origins().is_none());
        assert_eq!(c.client_auth_status(), Client::Offered);
    }
}

#[test]
fn wio_7_the_second_hello_has_the_same_list() {
    let world = World::new();
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    let mut suites = (*provider()).clone();
    suites.kx_groups = vec![SECP384R1];
    let mut server = ServerConfig::builder_with_provider(Arc::new(suites))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(world.pki.server.chain.clone(), world.pki.server.key())
        .unwrap();
    server.client_auth_policy = world.server_config(world.rules()).client_auth_policy;
    let (mut c, mut s) = connect(&world.client(&identity, &[ORG, COM]), &Arc::new(server.clone()));
    let first = transfer!(c, s);
    s.process_new_packets().unwrap();
    transfer!(s, c);
    c.process_new_packets().unwrap();
    let second = transfer!(c, s);
    // A change_cipher_spec record is in front of it (RFC 8446 appendix D.4).
    assert_eq!(second[..6], [20, 3, 3, 0, 1, 1]);
    assert_eq!(sent(&second[6..]), sent(&first));
    assert_eq!(sent(&first), Some(vec![ORG.to_owned(), COM.to_owned()]));
    s.process_new_packets().unwrap();
    pump(&mut c, &mut s).unwrap();
    assert_eq!(s.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
    assert!(PeerIdentity::from_connection(&s, "org").is_some());

    // A second ClientHello with another list.
    let (mut c, _) = connect(&world.client(&identity, &[ORG]), &Arc::new(server.clone()));
    let mut s = ServerConnection::new(Arc::new(server)).unwrap();
    transfer!(c, s);
    s.process_new_packets().unwrap();
    transfer!(s, c);
    c.process_new_packets().unwrap();
    let mut second = Vec::new();
    while c.wants_write() {
        c.write_tls(&mut second).unwrap();
    }
    let at = second.windows(ORG.len()).position(|window| window == ORG.as_bytes()).unwrap();
    second[at + ORG.len() - 1] = b'a';
    s.read_tls(&mut &second[..]).unwrap();
    let differs = PeerMisbehaved::ClientHelloDifferedOnRetry("workload_identifier_origin_hint");
    let error = s.process_new_packets().unwrap_err();
    assert_eq!(error, Error::PeerMisbehaved(differs));
    transfer!(s, c);
    let alert = Error::AlertReceived(AlertDescription::IllegalParameter);
    assert_eq!(c.process_new_packets().unwrap_err(), alert);
}

/// The server's error and alert for a ClientHello with this body in place of the one for [`ORG`], of
/// the same length.
fn answered(world: &World, change: impl Fn(&mut [u8])) -> Result<(), (Error, Vec<u8>)> {
    let identity = issue(&world.org, &["spiffe://example.org/agent"]);
    let mut record = hello(&world.client(&identity, &[ORG]));
    let at = record.windows(ORG.len()).position(|window| window == ORG.as_bytes()).unwrap();
    change(&mut record[at - 4..at + ORG.len()]);
    let mut s = ServerConnection::new(world.server(world.rules())).unwrap();
    s.read_tls(&mut &record[..]).unwrap();
    let result = s.process_new_packets().map(drop);
    let mut sent = Vec::new();
    while s.wants_write() {
        s.write_tls(&mut sent).unwrap();
    }
    result.map_err(|error| (error, sent))
}

#[test]
fn wio_2_a_malformed_list_is_decode_error() {
    let world = World::new();
    type Change = fn(&mut [u8]);
    let changes: [Change; 5] = [
        |body| body[1] -= 1,                // the list is shorter than the body
        |body| body[1] += 1,                // and longer
        |body| body[3] += 1,                // the string is longer than the list
        |body| body[3] -= 1,                // half a length is left
        |body| (body[2], body[3]) = (0, 0), // an empty string
    ];
    for change in changes {
        let (error, sent) = answered(&world, change).unwrap_err();
        assert!(
            matches!(error, Error::PeerMisbehaved(PeerMisbehaved::IllegalOriginHint(it)) if it.rule() == "WIO-2"),
            "{error:?}"
        );
        assert_eq!(error.alert_sent(), Some(AlertDescription::DecodeError));
        assert_eq!(sent, [21, 3, 3, 0, 2, 2, 50]);
    }
}

#[test]
fn wio_3_a_string_that_is_no_origin_is_ignored() {
    let world = World::new();
    for replacement in [
        b"spiffe://example.or/",
        b"spiffe:/example.org/",
        b"spiffe://example.or\xff",
        b"spiffe://u@ample.org",
        b"spiffe://example.or?",
    ] {
        answered(&world, |body| body[4..].copy_from_slice(replacement)).unwrap();
    }
}
