//! A raw client that keeps the rules, and a rustls server.

use std::collections::BTreeSet;
use std::sync::Arc;

use raw_peer::{
    Certificate, CertificateAnswer, ClientConfig, Direction, Edit, Handshake, HandshakeType,
    Shares, Suite, ext, version,
};
use rustls::ProtocolVersion;

use crate::harness::{BODY, Pair, Secrets, UNKNOWN, encrypted_alert, first_ticket};
use crate::pki::Pki;

#[test]
fn client_completes_a_plain_handshake_and_exchanges_data() {
    let pki = Pki::new();
    for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384] {
        let mut config = ClientConfig { suites: vec![suite], ..ClientConfig::default() };
        config.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut server = pki.rustls_server(false);
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut pair = Pair::client(config, server);
        pair.run();
        pair.assert_complete();
        assert_eq!(pair.tls.alpn_protocol(), Some(&b"http/1.1"[..]));
        let hello = pair.raw.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
        assert_eq!(hello.find_extension(ext::ALPN).unwrap(), b"\0\x09\x08http/1.1");
        assert_eq!(pair.raw.tickets().len(), 2);
        pair.exchange_data();
    }
}

#[test]
fn client_logs_every_message_with_its_bytes() {
    let mut pair = Pair::client(ClientConfig::default(), Pki::new().rustls_server(false));
    pair.run();
    use Direction::{Received, Sent};
    let seen: Vec<_> = pair.raw.messages().map(|m| (m.direction, m.typ, m.encrypted)).collect();
    let wanted = [
        (Sent, HandshakeType::CLIENT_HELLO, false),
        (Received, HandshakeType::SERVER_HELLO, false),
        (Received, HandshakeType::ENCRYPTED_EXTENSIONS, true),
        (Received, HandshakeType::CERTIFICATE, true),
        (Received, HandshakeType::CERTIFICATE_VERIFY, true),
        (Received, HandshakeType::FINISHED, true),
        (Sent, HandshakeType::FINISHED, true),
        (Received, HandshakeType::NEW_SESSION_TICKET, true),
        (Received, HandshakeType::NEW_SESSION_TICKET, true),
    ];
    assert_eq!(seen, wanted);
    for message in pair.raw.messages() {
        assert_eq!(raw_peer::encode(&message.parse().unwrap()).unwrap(), message.bytes);
    }
}

#[test]
fn client_and_server_log_the_same_secrets() {
    let pki = Pki::new();
    let log = Arc::new(Secrets::default());
    let mut server = pki.rustls_server(false);
    server.max_early_data_size = 1000;
    let server = Arc::new(server);
    let ticket = Some(first_ticket(&server));
    let mut server = Arc::unwrap_or_clone(server);
    server.key_log = Arc::clone(&log) as _;
    let early_data = Some(b"early".to_vec());
    let config = ClientConfig { ticket, early_data, ..ClientConfig::default() };
    let mut pair = Pair::client(config, server);
    pair.run();
    pair.assert_complete();
    let theirs: BTreeSet<_> = log.0.lock().unwrap().clone();
    assert_eq!(BTreeSet::from_iter(pair.raw.key_log().iter().cloned()), theirs);
    assert_eq!(theirs.len(), 6);
}

#[test]
fn client_authenticates_plain_and_compressed() {
    let pki = Pki::new();
    for compress_certificate in [false, true] {
        let config = ClientConfig {
            answer: CertificateAnswer::With(pki.client.clone()),
            compress_certificate,
            ..ClientConfig::default()
        };
        let mut pair = Pair::client(config, pki.rustls_server(true));
        pair.run();
        pair.assert_complete();
        let chain = pair.tls.peer_certificates().unwrap();
        assert_eq!(chain.len(), 1);
        assert_eq!(chain[0].as_ref(), pki.client.chain[0]);
        let compressed = pair.raw.sent(HandshakeType::COMPRESSED_CERTIFICATE).is_some();
        assert_eq!(compressed, compress_certificate);
        let request = pair.raw.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
        assert_eq!(request.find_extension(ext::COMPRESS_CERTIFICATE).unwrap(), [2, 0, 1]);
        pair.exchange_data();
    }
}

#[test]
fn client_that_declines_gets_certificate_required() {
    let mut pair = Pair::client(ClientConfig::default(), Pki::new().rustls_server(true));
    pair.run();
    assert_eq!(pair.theirs, Err(rustls::Error::NoCertificatesPresented));
    assert_eq!(pair.ours, Ok(()));
    assert_eq!(pair.alerts(), [encrypted_alert(116)]);
}

#[test]
fn client_that_skips_its_certificate_gets_unexpected_message() {
    let config =
        ClientConfig { answer: CertificateAnswer::NoCertificate, ..ClientConfig::default() };
    let mut pair = Pair::client(config, Pki::new().rustls_server(true));
    pair.run();
    assert_eq!(pair.alerts(), [encrypted_alert(10)]);
}

#[test]
fn client_that_falls_silent_leaves_the_server_waiting() {
    let config = ClientConfig { answer: CertificateAnswer::Silence, ..ClientConfig::default() };
    let mut pair = Pair::client(config, Pki::new().rustls_server(true));
    pair.run();
    assert!(pair.tls.is_handshaking());
    assert!(!pair.raw.is_complete());
    assert_eq!(pair.alerts(), []);
}

#[test]
fn client_follows_hello_retry_request() {
    let pki = Pki::new();
    for shares in [Shares::Only(Vec::new()), Shares::Only(vec![(0x1234, vec![7; 32])])] {
        let mut config = ClientConfig { shares, ..ClientConfig::default() };
        config.plan.client_hello.push(Edit::add(UNKNOWN, BODY));
        config.plan.second_client_hello.push(Edit::replace(UNKNOWN, [1, 0x40]));
        let mut pair = Pair::client(config, pki.rustls_server(false));
        pair.run();
        pair.assert_complete();
        assert!(pair.raw.received(HandshakeType::HELLO_RETRY_REQUEST).is_some());
        let bodies: Vec<_> = pair
            .raw
            .messages()
            .filter(|m| m.typ == HandshakeType::CLIENT_HELLO)
            .map(|m| m.find_extension(UNKNOWN).unwrap())
            .collect();
        assert_eq!(bodies, [BODY, [1, 0x40]]);
    }
}

#[test]
fn client_reads_a_compressed_server_certificate() {
    let pki = Pki::new();
    let config = ClientConfig { accept_compression: true, ..ClientConfig::default() };
    let mut pair = Pair::client(config, pki.rustls_server(false));
    pair.run();
    pair.assert_complete();
    let message = pair.raw.received(HandshakeType::COMPRESSED_CERTIFICATE).unwrap();
    let Handshake::Certificate(Certificate { entries, .. }) = message.parse().unwrap() else {
        panic!("not a certificate");
    };
    assert_eq!(entries[0].der, pki.server.chain[0]);
}

#[test]
fn client_reports_a_server_that_chooses_tls12() {
    let pki = Pki::new();
    let versions = vec![version::TLS13, version::TLS12];
    let config = ClientConfig { versions, ..ClientConfig::default() };
    let server = pki.rustls_server_with(true, &[&rustls::version::TLS12]);
    let mut pair = Pair::client(config, server);
    pair.run();
    assert_eq!(pair.ours, Ok(()));
    assert_eq!(pair.tls.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    let hello = pair.raw.received(HandshakeType::SERVER_HELLO).unwrap();
    assert_eq!(hello.find_extension(ext::SUPPORTED_VERSIONS), None);
    // The messages of TLS 1.2 are logged too.
    assert!(pair.raw.received(HandshakeType::CERTIFICATE_REQUEST).is_some());
    assert!(!pair.raw.is_complete());
}
