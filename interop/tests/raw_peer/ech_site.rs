//! Clients and servers of Encrypted ClientHello, and the view of an observer.

use std::sync::Arc;

use raw_peer::{EchKey, Edit, Handshake, HandshakeType, Message, Plan, ServerConfig, Slot, ext};
use rustls::client::{
    ClientAuthOffer, ClientAuthOfferStatus, EchConfig, EchGreaseConfig, EchMode, EchStatus,
};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
use rustls::crypto::{CryptoProvider, aws_lc_rs, hpke::Hpke};
use rustls::ext_wire::{CodePoints, Flag, FlagSet};
use rustls::{Connection, Error, PeerIncompatible};

use crate::harness::{Pair, encrypted_alert};
use crate::pki::{Pki, for_rustls};

pub const PUBLIC: &str = "public.example";
pub const SECRET: &[u8] = b"localhost";
/// The origin at which the clients hint.
const ORIGIN: &str = "spiffe://secret.example";
const HPKE: &dyn Hpke = DH_KEM_X25519_HKDF_SHA256_AES_128;

/// The drafts' numbers, the experiment's extension with the drafts' flag, and all others.
pub fn code_points() -> [CodePoints; 3] {
    let other = Flag::new(1234).unwrap();
    [
        CodePoints::DEFAULT,
        CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap(),
        CodePoints::new(0xfe01, other).and_then(|points| points.with_care(0xff55)).unwrap(),
    ]
}

/// The offer, and the acknowledgement, as the body of an extension.
fn body(points: CodePoints) -> Vec<u8> {
    let flags = FlagSet::single(points.request_client_auth());
    flags.body().unwrap().to_vec()
}

/// A client with a certificate that offers by flag and CARE, and hints at its origin. Its TLS is that of its HPKE.
pub fn client(pki: &Pki, mode: impl Into<EchMode>, points: CodePoints) -> rustls::ClientConfig {
    client_with(pki, mode, points, aws_lc_rs::default_provider())
}

pub fn client_with(
    pki: &Pki,
    mode: impl Into<EchMode>,
    points: CodePoints,
    provider: CryptoProvider,
) -> rustls::ClientConfig {
    let (chain, key) = for_rustls(&pki.client);
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_ech(mode.into())
        .unwrap()
        .with_root_certificates(Arc::clone(&pki.roots))
        .with_client_auth_cert(chain, key)
        .unwrap();
    let offer = ClientAuthOffer::flag_and_care().with_origins([ORIGIN]).unwrap();
    config.client_auth_offer = offer.with_code_points(points);
    config
}

pub fn mode(key: &EchKey) -> EchConfig {
    EchConfig::new(key.config_list().unwrap().into(), &[HPKE]).unwrap()
}

pub fn grease() -> EchGreaseConfig {
    EchGreaseConfig::new(HPKE, HPKE.generate_key_pair().unwrap().0)
}

/// A server that asks for a certificate, and says that the offer is why.
pub fn acknowledging(pki: &Pki, points: CodePoints) -> ServerConfig {
    let mut config = ServerConfig::new(pki.server.clone());
    config.ask_certificate = true;
    let acknowledgement = Edit::add(points.tls_flags(), body(points));
    config.plan = Plan::one(Slot::CertificateRequest, acknowledgement);
    config
}

/// A server that cannot open anything, with the certificate of the public name; it knows a key
/// that can be used next time.
pub fn rejecting(pki: &Pki, next: &EchKey) -> ServerConfig {
    let mut config = ServerConfig::new(pki.issue(PUBLIC));
    config.ask_certificate = true;
    config.ech_retry_configs = next.config_list().unwrap();
    config
}

pub fn run(server: ServerConfig, client: impl Into<Arc<rustls::ClientConfig>>) -> Pair {
    let mut pair = Pair::server(server, client);
    pair.run();
    pair
}

pub fn status(pair: &Pair) -> (EchStatus, ClientAuthOfferStatus) {
    match &pair.tls {
        Connection::Client(client) => (client.ech_status(), client.client_auth_status()),
        Connection::Server(_) => panic!("not a client"),
    }
}

/// The outer ClientHellos, as an observer sees them.
pub fn outer(pair: &Pair) -> Vec<&Message> {
    pair.raw.messages().filter(|m| m.typ == HandshakeType::CLIENT_HELLO).collect()
}

pub fn inner(pair: &Pair) -> Vec<&Message> {
    pair.raw.inner_hellos().collect()
}

pub fn count(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).filter(|window| *window == needle).count()
}

/// How often a hello offers, by flag, by CARE and by a hint. Reading it and searching it agree on that: where
/// it does not, there is nothing like the extensions under any number that they could have, and no
/// bytes of the flag.
#[track_caller]
pub fn offers(hello: &Message, points: CodePoints) -> usize {
    let flags = body(points);
    let length = u16::try_from(flags.len()).unwrap().to_be_bytes();
    let mut found = 0;
    for typ in [62, 0xfe01] {
        let header = [u16::to_be_bytes(typ), length].concat();
        let extensions = hello.extensions().unwrap().into_iter().filter(|e| e.typ == typ);
        let read = extensions.inspect(|e| assert_eq!(e.body, flags)).count();
        assert_eq!(count(&hello.bytes, &header), read);
        found += read;
    }
    assert_eq!(count(&hello.bytes, &flags), found);
    let by_care: usize = [0xffca, 0xff55]
        .into_iter()
        .map(|typ| {
            let read = hello.extensions().unwrap().into_iter().filter(|e| e.typ == typ).count();
            assert_eq!(count(&hello.bytes, &[u16::to_be_bytes(typ), [0, 0]].concat()), read);
            read
        })
        .sum();
    assert_eq!(by_care, found);
    let hint = points.origin_hint().and_then(|typ| hello.find_extension(typ));
    assert_eq!(usize::from(hint.is_some()), found);
    assert_eq!(count(&hello.bytes, ORIGIN.as_bytes()), found);
    found
}

/// What an observer of an encrypted hello sees: the public name, and nothing of the offer.
#[track_caller]
pub fn assert_tells_nothing(hello: &Message, points: CodePoints) {
    assert_eq!(offers(hello, points), 0);
    assert_eq!(count(&hello.bytes, PUBLIC.as_bytes()), 1);
    assert_eq!(count(&hello.bytes, SECRET), 0);
    let sealed = hello.find_extension(ext::ENCRYPTED_CLIENT_HELLO).unwrap();
    assert_eq!(sealed[0], 0, "an outer hello");
}

/// The certificate arrived, and the client knows why it was asked for.
#[track_caller]
pub fn assert_authenticated(pair: &mut Pair, pki: &Pki, ech: EchStatus) {
    pair.assert_complete();
    assert_eq!(status(pair), (ech, ClientAuthOfferStatus::Acknowledged));
    let certificate = pair.raw.received(HandshakeType::CERTIFICATE).unwrap();
    let Handshake::Certificate(certificate) = certificate.parse().unwrap() else {
        panic!("not a certificate");
    };
    let chain: Vec<_> = certificate.entries.into_iter().map(|e| e.der).collect();
    assert_eq!(chain, pki.client.chain);
    assert!(pair.raw.received(HandshakeType::CERTIFICATE_VERIFY).is_some());
    pair.exchange_data();
}

/// The client ended it, and showed no certificate to the server of the public name.
#[track_caller]
pub fn assert_rejected(pair: &Pair, asked: bool) {
    assert_eq!(pair.alerts(), [encrypted_alert(121)]);
    let rejected = PeerIncompatible::ServerRejectedEncryptedClientHello;
    match &pair.theirs {
        Err(Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(
            Some(configs),
        ))) => assert_eq!(configs.len(), 1),
        other => panic!("{other:?} is not {:?}", rejected(None)),
    }
    let auth = if asked {
        ClientAuthOfferStatus::AskedWithoutAcknowledgement
    } else {
        ClientAuthOfferStatus::NotOffered
    };
    assert_eq!(status(pair), (EchStatus::Rejected, auth));
    assert!(inner(pair).is_empty());
    let answer = pair.raw.received(HandshakeType::CERTIFICATE);
    assert_eq!(answer.is_some(), asked);
    assert!(answer.is_none_or(|m| m.body() == [0, 0, 0, 0]), "an empty Certificate");
    assert!(pair.raw.received(HandshakeType::CERTIFICATE_VERIFY).is_none());
}
