//! With neither offer nor policy, every byte is the same as with the pristine rustls and the same
//! randomness: the flights of client and server, and the sessions in storage or in tickets.

use std::cell::Cell;
use std::sync::Mutex;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ED25519};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

thread_local!(static RANDOM: Cell<u8> = const { Cell::new(0) });

/// Bytes that are the same in every run that starts with the same `RANDOM`.
fn fill(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = RANDOM.get();
        RANDOM.set(byte.wrapping_mul(5).wrapping_add(1));
    }
}

struct Pki {
    authority: CertificateDer<'static>,
    server: (CertificateDer<'static>, Vec<u8>),
    client: (CertificateDer<'static>, Vec<u8>),
}

impl Pki {
    /// Ed25519, since its signatures need no randomness.
    fn new() -> Self {
        let key = || KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let ca_key = key();
        let authority = params.self_signed(&ca_key).unwrap().der().clone();
        let issuer = Issuer::new(params, ca_key);
        let issue = |name: &str| {
            let key = key();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (certificate.der().clone(), key.serialize_der())
        };
        Self { server: issue("localhost"), client: issue("client"), authority }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Scenario {
    tls13: bool,
    /// Whether the server asks for client certificates.
    mutual: bool,
    /// Whether the client needs a second ClientHello.
    retry: bool,
    tickets: bool,
}

/// Everything that was sent and stored in a full and a resumed connection.
#[derive(Debug, PartialEq)]
struct Record {
    flights: Vec<Vec<u8>>,
    stored: Vec<Vec<u8>>,
    resumed: bool,
}

macro_rules! side {
    ($module:ident, $rustls:ident) => {
        mod $module {
            use std::sync::Arc;

            use $rustls::crypto::{
                ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
                SupportedKxGroup, ring,
            };
            use $rustls::pki_types::UnixTime;
            use $rustls::server::{ProducesTickets, StoresServerSessions, WebPkiClientVerifier};
            use $rustls::time_provider::TimeProvider;
            use $rustls::{
                ClientConfig, ClientConnection, HandshakeKind, NamedGroup, RootCertStore,
                ServerConfig, ServerConnection, version,
            };

            use super::*;

            #[derive(Debug)]
            struct Random;

            impl SecureRandom for Random {
                fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
                    fill(bytes);
                    Ok(())
                }
            }

            /// A key exchange with a fixed result.
            #[derive(Clone, Copy, Debug)]
            struct Known(NamedGroup, &'static [u8]);

            impl SupportedKxGroup for Known {
                fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, $rustls::Error> {
                    Ok(Box::new(*self))
                }

                fn name(&self) -> NamedGroup {
                    self.0
                }
            }

            impl ActiveKeyExchange for Known {
                fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, $rustls::Error> {
                    Ok(SharedSecret::from(&[42; 32][..]))
                }

                fn pub_key(&self) -> &[u8] {
                    self.1
                }

                fn group(&self) -> NamedGroup {
                    self.0
                }
            }

            static X25519: Known = Known(NamedGroup::X25519, &[9; 32]);
            static P384: Known = Known(NamedGroup::secp384r1, &[4; 97]);

            #[derive(Debug)]
            struct Noon;

            impl TimeProvider for Noon {
                fn current_time(&self) -> Option<UnixTime> {
                    let seconds = 1_790_000_000;
                    Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
                }
            }

            /// Records the sessions that servers store; as a ticketer, it does not encrypt.
            #[derive(Debug, Default)]
            struct Shelf(Mutex<Vec<(Vec<u8>, Vec<u8>)>>);

            impl StoresServerSessions for Shelf {
                fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
                    self.0.lock().unwrap().push((key, value));
                    true
                }

                fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
                    let stored = self.0.lock().unwrap();
                    stored.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone())
                }

                fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
                    self.get(key)
                }

                fn can_cache(&self) -> bool {
                    true
                }
            }

            impl ProducesTickets for Shelf {
                fn enabled(&self) -> bool {
                    true
                }

                fn lifetime(&self) -> u32 {
                    3600
                }

                fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
                    self.0.lock().unwrap().push((vec![], plain.to_vec()));
                    Some(plain.to_vec())
                }

                fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
                    Some(cipher.to_vec())
                }
            }

            pub(super) fn run(pki: &Pki, scenario: Scenario) -> Record {
                RANDOM.set(0);
                let provider = |groups: Vec<&'static dyn SupportedKxGroup>| {
                    Arc::new(CryptoProvider {
                        secure_random: &Random,
                        kx_groups: groups,
                        ..ring::default_provider()
                    })
                };
                let of_client = provider(vec![&X25519, &P384]);
                let of_server =
                    if scenario.retry { provider(vec![&P384]) } else { provider(vec![&X25519]) };
                let versions = if scenario.tls13 { &[&version::TLS13] } else { &[&version::TLS12] };
                let mut roots = RootCertStore::empty();
                roots.add(pki.authority.clone()).unwrap();
                let roots = Arc::new(roots);
                let key = |key: &Vec<u8>| PrivatePkcs8KeyDer::from(key.clone()).into();

                let builder = ServerConfig::builder_with_details(of_server.clone(), Arc::new(Noon))
                    .with_protocol_versions(versions)
                    .unwrap();
                let builder = if scenario.mutual {
                    builder.with_client_cert_verifier(
                        WebPkiClientVerifier::builder_with_provider(roots.clone(), of_server)
                            .build()
                            .unwrap(),
                    )
                } else {
                    builder.with_no_client_auth()
                };
                let (certificate, server_key) = &pki.server;
                let mut server =
                    builder.with_single_cert(vec![certificate.clone()], key(server_key)).unwrap();
                server.alpn_protocols = vec![b"h2".to_vec()];
                // With any features of either crate.
                server.cert_compressors = vec![];
                server.cert_decompressors = vec![];
                server.max_early_data_size = 512;
                let shelf = Arc::new(Shelf::default());
                server.session_storage = shelf.clone();
                if scenario.tickets {
                    server.ticketer = shelf.clone();
                }
                let server = Arc::new(server);

                let (certificate, client_key) = &pki.client;
                let mut client = ClientConfig::builder_with_details(of_client, Arc::new(Noon))
                    .with_protocol_versions(versions)
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_client_auth_cert(vec![certificate.clone()], key(client_key))
                    .unwrap();
                client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                client.cert_compressors = vec![];
                client.cert_decompressors = vec![];
                let client = Arc::new(client);

                let mut flights = Vec::new();
                let mut kind = None;
                for _ in 0..2 {
                    let name = "localhost".try_into().unwrap();
                    let mut c = ClientConnection::new(client.clone(), name).unwrap();
                    let mut s = ServerConnection::new(server.clone()).unwrap();
                    while c.wants_write() || s.wants_write() {
                        let mut bytes = Vec::new();
                        while c.wants_write() {
                            c.write_tls(&mut bytes).unwrap();
                        }
                        s.read_tls(&mut &bytes[..]).unwrap();
                        s.process_new_packets().unwrap();
                        flights.push(bytes);
                        let mut bytes = Vec::new();
                        while s.wants_write() {
                            s.write_tls(&mut bytes).unwrap();
                        }
                        c.read_tls(&mut &bytes[..]).unwrap();
                        c.process_new_packets().unwrap();
                        flights.push(bytes);
                    }
                    assert!(!c.is_handshaking() && !s.is_handshaking());
                    assert_eq!(s.peer_certificates().is_some(), scenario.mutual);
                    kind = s.handshake_kind();
                }
                let stored = shelf
                    .0
                    .lock()
                    .unwrap()
                    .iter()
                    .flat_map(|(key, value)| [key.clone(), value.clone()])
                    .collect();
                Record { flights, stored, resumed: kind == Some(HandshakeKind::Resumed) }
            }
        }
    };
}

side!(patched, rustls);
side!(pristine, rustls_pristine);

#[test]
fn with_neither_offer_nor_policy_every_byte_is_upstreams() {
    let pki = Pki::new();
    for bits in 0..16u8 {
        let bit = |n: u8| bits & (1 << n) != 0;
        let scenario = Scenario { tls13: bit(0), mutual: bit(1), retry: bit(2), tickets: bit(3) };
        let (ours, theirs) = (patched::run(&pki, scenario), pristine::run(&pki, scenario));
        assert!(theirs.resumed, "{scenario:?}");
        assert!(theirs.flights.len() >= 6 && !theirs.stored.is_empty(), "{scenario:?}");
        assert!(ours.stored == theirs.stored, "{scenario:?}: other sessions are stored");
        assert!(ours.flights == theirs.flights, "{scenario:?}: other flights are sent");
        assert_eq!(ours, theirs);
    }
}
