//! Encrypted ClientHello: the offer is for the server behind it (FLAGS-13).

mod common;

use std::sync::Arc;

use common::{Pki, provider};
use rustls::client::{ClientConnection, EchConfig, EchGreaseConfig, EchMode, EchStatus};
use rustls::crypto::hpke::{
    EncapsulatedSecret, Hpke, HpkeOpener, HpkePrivateKey, HpkePublicKey, HpkeSealer, HpkeSuite,
};
use rustls::crypto::ring::kx_group::SECP384R1;
use rustls::internal::msgs::enums::{HpkeAead, HpkeKdf, HpkeKem};
use rustls::internal::msgs::handshake::HpkeSymmetricCipherSuite;
use rustls::version::TLS13;
use rustls::{ClientConfig, Error, ServerConnection};
use rustls_ext::ClientAuthOffer;

/// The extension that offers, as it stands in a hello.
const OFFER: [u8; 16] = [0, 62, 0, 12, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// How glass ends what it seals.
const TAG: [u8; 16] = *b"sealed in glass!";

/// An HPKE that anyone can look through, so that tests see what the inner hello says.
#[derive(Debug)]
struct Glass;

impl Hpke for Glass {
    fn seal(
        &self,
        _: &[u8],
        _: &[u8],
        plaintext: &[u8],
        _: &HpkePublicKey,
    ) -> Result<(EncapsulatedSecret, Vec<u8>), Error> {
        Ok((EncapsulatedSecret(vec![7; 32]), [plaintext, &TAG].concat()))
    }

    fn setup_sealer(
        &self,
        _: &[u8],
        _: &HpkePublicKey,
    ) -> Result<(EncapsulatedSecret, Box<dyn HpkeSealer>), Error> {
        Ok((EncapsulatedSecret(vec![7; 32]), Box::new(Self)))
    }

    fn open(
        &self,
        _: &EncapsulatedSecret,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &HpkePrivateKey,
    ) -> Result<Vec<u8>, Error> {
        Err(Error::General("clients do not open".into()))
    }

    fn setup_opener(
        &self,
        _: &EncapsulatedSecret,
        _: &[u8],
        _: &HpkePrivateKey,
    ) -> Result<Box<dyn HpkeOpener>, Error> {
        Err(Error::General("clients do not open".into()))
    }

    fn generate_key_pair(&self) -> Result<(HpkePublicKey, HpkePrivateKey), Error> {
        Ok((HpkePublicKey(vec![9; 32]), HpkePrivateKey::from(vec![9; 32])))
    }

    fn suite(&self) -> HpkeSuite {
        HpkeSuite {
            kem: HpkeKem::DHKEM_X25519_HKDF_SHA256,
            sym: HpkeSymmetricCipherSuite {
                kdf_id: HpkeKdf::HKDF_SHA256,
                aead_id: HpkeAead::AES_128_GCM,
            },
        }
    }
}

impl HpkeSealer for Glass {
    fn seal(&mut self, _: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        Ok([plaintext, &TAG].concat())
    }
}

/// An ECHConfigList (draft-ietf-tls-esni section 4) for glass.
fn config_list() -> Vec<u8> {
    let public_name = b"public.example";
    let mut contents = vec![1, 0x00, 0x20, 0, 32];
    contents.extend([9; 32]);
    contents.extend([0, 4, 0x00, 0x01, 0x00, 0x01]);
    contents.push(64);
    contents.push(14);
    contents.extend(public_name);
    contents.extend([0, 0]);
    let length = |octets: &[u8]| u16::try_from(octets.len()).unwrap().to_be_bytes();
    let config = [&[0xfe, 0x0d][..], &length(&contents), &contents].concat();
    [&length(&config)[..], &config].concat()
}

fn client(pki: &Pki, mode: EchMode) -> ClientConnection {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_ech(mode)
        .unwrap()
        .with_root_certificates(pki.servers.roots())
        .with_no_client_auth();
    config.client_auth_offer = ClientAuthOffer::flag();
    ClientConnection::new(Arc::new(config), common::name()).unwrap()
}

fn encrypted(pki: &Pki) -> ClientConnection {
    let config = EchConfig::new(config_list().into(), &[&Glass]).unwrap();
    client(pki, EchMode::Enable(config))
}

fn send(client: &mut ClientConnection) -> Vec<u8> {
    let mut octets = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut octets).unwrap();
    }
    octets
}

fn count(octets: &[u8], needle: &[u8]) -> usize {
    octets.windows(needle.len()).filter(|window| *window == needle).count()
}

/// A hello, without and within what is sealed in it.
fn outer_and_inner(hello: &[u8]) -> (Vec<u8>, Vec<u8>) {
    // ECH extension (0xfe0d), outer (0), the suite, config id, and the length of `enc`
    let head = [0x00, 0x00, 0x01, 0x00, 0x01, 1, 0];
    let at = hello.windows(head.len()).position(|window| window == head).unwrap();
    let enc = usize::from(hello[at + head.len()]);
    let payload = at + head.len() + 1 + enc + 2;
    let length = usize::from(u16::from_be_bytes([hello[payload - 2], hello[payload - 1]]));
    let inner = hello[payload..payload + length].to_vec();
    assert_eq!(inner[inner.len() - TAG.len()..], TAG);
    ([&hello[..payload], &hello[payload + length..]].concat(), inner)
}

/// A server that knows nothing of ECH, and asks for a second hello.
fn retrying_server(pki: &Pki) -> ServerConnection {
    let mut provider = (*provider()).clone();
    provider.kx_groups = vec![SECP384R1];
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    ServerConnection::new(Arc::new(config)).unwrap()
}

#[test]
fn flags_13_the_offer_is_in_the_inner_hello_only() {
    let pki = Pki::new();
    let mut client = encrypted(&pki);
    let (outer, inner) = outer_and_inner(&send(&mut client));
    assert_eq!((count(&outer, &OFFER), count(&inner, &OFFER)), (0, 1));
    assert_eq!(count(&outer, b"public.example"), 1);
    assert_eq!(count(&outer, &[0, 62, 0]), 0);
}

#[test]
fn flags_13_after_rejection_by_hello_retry_request_nothing_leaks() {
    let pki = Pki::new();
    let mut client = encrypted(&pki);
    let mut server = retrying_server(&pki);
    server.read_tls(&mut &send(&mut client)[..]).unwrap();
    server.process_new_packets().unwrap();
    let mut retry = Vec::new();
    server.write_tls(&mut retry).unwrap();
    client.read_tls(&mut &retry[..]).unwrap();
    client.process_new_packets().unwrap();
    assert_eq!(client.ech_status(), EchStatus::Rejected);

    let second = send(&mut client);
    assert_eq!(count(&second, b"public.example"), 1, "there is a second hello");
    // The first hello's sealed part is carried forward as it was; nothing else has the offer.
    let (outer, _) = outer_and_inner(&second);
    assert_eq!(count(&outer, &OFFER), 0);
    assert_eq!(count(&outer, &[0, 62, 0, 12]), 0);
}

#[test]
fn flags_13_with_grease_there_is_one_hello_and_the_offer_is_in_it() {
    let pki = Pki::new();
    let (key, _) = Glass.generate_key_pair().unwrap();
    let mut client = client(&pki, EchMode::Grease(EchGreaseConfig::new(&Glass, key)));
    let first = send(&mut client);
    assert_eq!(count(&first, &OFFER), 1);

    // and in the second, too (FLAGS-12)
    let mut server = retrying_server(&pki);
    server.read_tls(&mut &first[..]).unwrap();
    server.process_new_packets().unwrap();
    let mut retry = Vec::new();
    server.write_tls(&mut retry).unwrap();
    client.read_tls(&mut &retry[..]).unwrap();
    client.process_new_packets().unwrap();
    assert_eq!(count(&send(&mut client), &OFFER), 1);
}
