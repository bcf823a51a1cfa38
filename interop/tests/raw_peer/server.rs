//! A raw server and a rustls client.

use std::sync::Arc;

use raw_peer::{
    Alert, Certificate, Direction, Edit, Error, Handshake, HandshakeType, Plan, ServerConfig, Slot,
    Suite, ext,
};
use rustls::Connection;
use rustls::client::{ClientAuthOffer, ClientAuthOfferStatus, ResolvesClientCert};
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::demand::{ACROSS_NAMES, FLAGS, OFFER};
use crate::harness::{BODY, Pair, UNKNOWN, encrypted_alert};
use crate::pki::{Pki, for_rustls};

#[test]
fn server_completes_a_plain_handshake_and_exchanges_data() {
    let pki = Pki::new();
    for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384] {
        let mut config = ServerConfig::new(pki.server.clone());
        config.suites = vec![suite];
        config.alpn = vec![b"h2".to_vec()];
        let mut client = pki.rustls_client(false);
        client.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
        let mut pair = Pair::server(config, client);
        pair.run();
        pair.assert_complete();
        assert_eq!(pair.tls.alpn_protocol(), Some(&b"h2"[..]));
        pair.exchange_data();
    }
}

#[test]
fn server_reads_client_certificates_plain_compressed_and_none() {
    let pki = Pki::new();
    for (has_one, accept_compression) in [(true, false), (true, true), (false, false)] {
        let mut config = ServerConfig::new(pki.server.clone());
        config.ask_certificate = true;
        config.accept_compression = accept_compression;
        let mut pair = Pair::server(config, pki.rustls_client(has_one));
        pair.run();
        pair.assert_complete();
        let compressed = pair.raw.received(HandshakeType::COMPRESSED_CERTIFICATE);
        assert_eq!(compressed.is_some(), accept_compression);
        let message = compressed.or(pair.raw.received(HandshakeType::CERTIFICATE)).unwrap();
        let Handshake::Certificate(Certificate { entries, .. }) = message.parse().unwrap() else {
            panic!("not a certificate");
        };
        let chain: Vec<_> = entries.into_iter().map(|e| e.der).collect();
        assert_eq!(chain, if has_one { pki.client.chain.clone() } else { Vec::new() });
        let verify = pair.raw.received(HandshakeType::CERTIFICATE_VERIFY);
        assert_eq!(verify.is_some(), has_one);
        pair.exchange_data();
    }
}

#[test]
fn server_sends_hello_retry_request_for_a_share_or_a_cookie() {
    let pki = Pki::new();
    for groups in [
        vec![ring::kx_group::SECP256R1, ring::kx_group::X25519],
        vec![ring::kx_group::X25519, ring::kx_group::SECP256R1],
    ] {
        let mut config = ServerConfig::new(pki.server.clone());
        config.hello_retry = true;
        let provider = CryptoProvider { kx_groups: groups, ..ring::default_provider() };
        let mut pair = Pair::server(config, pki.rustls_client_with(provider, false));
        pair.run();
        pair.assert_complete();
        assert!(pair.raw.sent(HandshakeType::HELLO_RETRY_REQUEST).is_some());
        let second =
            pair.raw.messages().filter(|m| m.typ == HandshakeType::CLIENT_HELLO).nth(1).unwrap();
        assert_eq!(second.find_extension(ext::COOKIE).unwrap(), b"\0\x06cookie");
        pair.exchange_data();
    }
}

#[test]
fn server_sends_a_compressed_certificate() {
    let pki = Pki::new();
    let mut config = ServerConfig::new(pki.server.clone());
    config.compress_certificate = true;
    let mut pair = Pair::server(config, pki.rustls_client(false));
    pair.run();
    pair.assert_complete();
    assert!(pair.raw.sent(HandshakeType::COMPRESSED_CERTIFICATE).is_some());
    assert!(pair.raw.sent(HandshakeType::CERTIFICATE).is_none());
}

#[test]
fn server_resumes_its_own_tickets_and_only_those() {
    let pki = Pki::new();
    let client = Arc::new(pki.rustls_client(false));
    let mut config = ServerConfig::new(pki.server.clone());
    config.tickets = 1;
    let mut pair = Pair::server(config.clone(), Arc::clone(&client));
    pair.run();
    pair.assert_complete();
    let known = pair.raw.tickets().to_vec();
    for known in [known, Vec::new()] {
        config.known_tickets = known;
        let mut pair = Pair::server(config.clone(), Arc::clone(&client));
        pair.run();
        pair.assert_complete();
        let hello = pair.raw.received(HandshakeType::CLIENT_HELLO).unwrap();
        assert!(hello.find_extension(ext::PRE_SHARED_KEY).is_some());
        assert_eq!(pair.raw.is_resumed(), !config.known_tickets.is_empty());
        let resumed = pair.tls.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        assert_eq!(resumed, pair.raw.is_resumed());
        pair.exchange_data();
    }
}

#[test]
fn server_accepts_skips_and_retries_early_data() {
    #[derive(PartialEq, Debug)]
    enum Case {
        Accept,
        Skip,
        Retry,
    }
    for case in [Case::Accept, Case::Skip, Case::Retry] {
        let pki = Pki::new();
        let mut client = pki.rustls_client(false);
        client.enable_early_data = true;
        let client = Arc::new(client);
        let mut config = ServerConfig::new(pki.server.clone());
        config.tickets = 1;
        config.max_early_data = 1000;
        let mut pair = Pair::server(config.clone(), Arc::clone(&client));
        pair.run();
        config.known_tickets = pair.raw.tickets().to_vec();
        config.accept_early_data = case != Case::Skip;
        config.hello_retry = case == Case::Retry;
        let mut pair = Pair::server(config, client);
        let Connection::Client(client) = &mut pair.tls else { panic!("not a client") };
        std::io::Write::write_all(&mut client.early_data().unwrap(), b"early").unwrap();
        pair.run();
        pair.assert_complete();
        let accepted = case == Case::Accept;
        assert_eq!(pair.raw.early_data_accepted(), accepted, "{case:?}");
        assert_eq!(pair.raw.received_early_data(), if accepted { &b"early"[..] } else { b"" });
        let Connection::Client(client) = &mut pair.tls else { panic!("not a client") };
        assert_eq!(client.is_early_data_accepted(), accepted);
        assert!(pair.raw.is_resumed());
        pair.exchange_data();
    }
}

#[test]
fn server_edits_bring_the_alert_that_the_client_owes() {
    let pki = Pki::new();
    let plain = Alert { level: 2, description: 110, encrypted: false };
    for (slot, wanted) in [
        (Slot::ServerHello, Some(plain)),
        (Slot::HelloRetryRequest, Some(plain)),
        (Slot::EncryptedExtensions, Some(encrypted_alert(110))),
        // RFC 8446 section 4.2 wants 110 here too.
        (Slot::Certificate, Some(encrypted_alert(50))),
        // Unknown extensions here are ignored (RFC 8446 sections 4.3.2 and 4.6.1).
        (Slot::CertificateRequest, None),
        (Slot::NewSessionTicket, None),
    ] {
        let mut config = ServerConfig::new(pki.server.clone());
        config.ask_certificate = true;
        config.hello_retry = slot == Slot::HelloRetryRequest;
        config.tickets = 1;
        config.plan = Plan::one(slot, Edit::add(UNKNOWN, BODY));
        let mut pair = Pair::server(config, pki.rustls_client(true));
        pair.run();
        assert_eq!(pair.ours, Ok(()), "{slot:?}");
        assert_eq!(pair.alerts(), Vec::from_iter(wanted), "{slot:?}");
        let bearers = pair
            .raw
            .messages()
            .filter(|m| m.direction == Direction::Sent && m.find_extension(UNKNOWN).is_some());
        assert_eq!(bearers.count(), 1, "{slot:?}");
    }
}

#[test]
fn server_refuses_a_client_without_tls13() {
    let pki = Pki::new();
    let client = pki.rustls_client_versions(&[&rustls::version::TLS12]);
    let mut pair = Pair::server(ServerConfig::new(pki.server.clone()), client);
    pair.run();
    assert_eq!(pair.ours, Err(Error::NoCommonVersion));
    let alert = rustls::AlertDescription::ProtocolVersion;
    assert_eq!(pair.theirs, Err(rustls::Error::AlertReceived(alert)));
}

/// A client's certificate, for servers that leave the choice of authorities open.
#[derive(Debug)]
struct Choosy(SingleCertAndKey);

impl ResolvesClientCert for Choosy {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        match authorities {
            [] => ResolvesClientCert::resolve(&self.0, authorities, schemes),
            _ => None,
        }
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn rca_6_a_flagged_request_is_answered_even_if_no_certificate_fits() {
    let pki = Pki::new();
    let (chain, key) = for_rustls(&pki.client);
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).unwrap();
    let resolver = Arc::new(Choosy(SingleCertAndKey::from(key)));
    let another = vec![0x30, 2, 0x31, 0];
    // ecdsa_secp256r1_sha256, which its key can do, and ed25519, which it cannot
    for (authorities, scheme, certificate) in [
        (vec![], [4, 3], true),
        (vec![another.clone()], [4, 3], false),
        (vec![], [8, 7], false),
        (vec![another], [8, 7], false),
    ] {
        let mut client = pki.rustls_client(false);
        client.client_auth_cert_resolver = Arc::clone(&resolver) as _;
        client.client_auth_offer = ClientAuthOffer::flag();
        let mut config = ServerConfig::new(pki.server.clone());
        config.ask_certificate = true;
        config.authorities = authorities;
        let schemes = Edit::replace(ext::SIGNATURE_ALGORITHMS, [&[0, 2], &scheme[..]].concat());
        config.plan.certificate_request.extend([schemes, Edit::add(FLAGS, OFFER)]);
        let mut pair = Pair::server(config, client);
        pair.run();
        pair.assert_complete();
        let Connection::Client(tls) = &pair.tls else { panic!("not a client") };
        assert_eq!(tls.client_auth_status(), ClientAuthOfferStatus::Acknowledged);
        let answer = pair.raw.received(HandshakeType::CERTIFICATE).unwrap();
        assert_eq!(answer.body() != [0, 0, 0, 0], certificate);
        pair.exchange_data();
    }
}

#[test]
fn flags_7_flags_in_a_ticket_are_never_answered() {
    let pki = Pki::new();
    let mut client = pki.rustls_client(true);
    client.client_auth_offer = ClientAuthOffer::flag();
    let client = Arc::new(client);
    let mut config = ServerConfig::new(pki.server.clone());
    (config.ask_certificate, config.tickets) = (true, 1);
    config.plan = Plan::one(Slot::NewSessionTicket, Edit::add(FLAGS, ACROSS_NAMES));
    let mut pair = Pair::server(config.clone(), Arc::clone(&client));
    pair.run();
    pair.assert_complete();
    let received = pair.raw.messages().filter(|m| m.direction == Direction::Received);
    assert_eq!(received.last().unwrap().typ, HandshakeType::FINISHED);
    // nor when that ticket comes back
    config.known_tickets = pair.raw.tickets().to_vec();
    let mut pair = Pair::server(config, client);
    pair.run();
    pair.assert_complete();
    assert!(pair.raw.is_resumed());
    let hello = pair.raw.received(HandshakeType::CLIENT_HELLO).unwrap();
    assert_eq!(hello.find_extension(FLAGS).unwrap(), OFFER);
}
