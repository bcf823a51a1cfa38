//! The parts of TLS that QUIC uses besides the handshake, compared with quinn's own integration.

use std::sync::Arc;

use quinn::crypto::rustls as glue;
use quinn::crypto::{ClientConfig as _, ServerConfig as _};
use quinn::{ConnectError, ConnectionError, ConnectionId, Endpoint, EndpointConfig};
use quinn_proto::transport_parameters::TransportParameters;
use rustls::server::ClientAuthDecision;
use rustls::version::TLS13;
use rustls_ext::ClientAuthOffer;
use rustls_ext::quic::{HandshakeData, QuicClientConfig, QuicServerConfig};

use crate::common::{Pki, Switch, When};
use crate::harness::{LOOPBACK, Site, Visit, hear, say};

/// Draft 29, whose keys and retry tags differ from those of version 1.
const DRAFT: u32 = 0xff00_001d;

/// A server with the integration of this crate, and one with quinn's own.
fn sites() -> [Site; 2] {
    let pki = Pki::new();
    let policy = Switch::new(When::Always, ClientAuthDecision::None);
    let tls = pki.server_with(&policy, &[&TLS13]);
    let crypto = glue::QuicServerConfig::try_from(tls).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    [Site::new(), Site::of(pki, policy, config)]
}

/// A client with the integration of this crate, and one with quinn's own.
fn clients(site: &Site, version: u32) -> [quinn::ClientConfig; 2] {
    let tls = site.client(None, ClientAuthOffer::default());
    let ours: Arc<dyn quinn::crypto::ClientConfig> =
        Arc::new(QuicClientConfig::try_from(tls.clone()).unwrap());
    let theirs = Arc::new(glue::QuicClientConfig::try_from(tls).unwrap());
    [ours, theirs].map(|crypto| {
        let mut config = quinn::ClientConfig::new(crypto);
        config.version(version);
        config
    })
}

async fn retried(site: &Site, config: quinn::ClientConfig) -> Visit {
    let accepted = async {
        let mut retries = 0;
        loop {
            let incoming = site.incoming().await;
            if incoming.remote_address_validated() {
                assert!(retries > 0);
                break incoming.await.unwrap();
            }
            // A client that accepts the Retry sends its ClientHello again; another one fails.
            incoming.retry().unwrap();
            retries += 1;
        }
    };
    site.exchange(site.connect_with(config), accepted).await
}

#[tokio::test]
async fn retries_are_understood_by_client_and_server_in_all_versions() {
    for site in sites() {
        for version in [1, DRAFT] {
            for config in clients(&site, version) {
                retried(&site, config).await;
            }
        }
    }
}

#[tokio::test]
async fn an_offer_survives_a_retry() {
    let site = Site::new();
    site.if_offered(site.require());
    let crypto = QuicClientConfig::try_from(site.agent(ClientAuthOffer::flag())).unwrap();
    let visit = retried(&site, quinn::ClientConfig::new(Arc::new(crypto))).await;
    assert!(visit.authenticated());
    assert!(visit.at_server().client_auth().unwrap().acknowledged());
}

#[tokio::test]
async fn keys_are_updated_and_exported_by_client_and_server() {
    for site in sites() {
        for config in clients(&site, 1) {
            let accepted = async { site.incoming().await.await.unwrap() };
            let visit = site.exchange(site.connect_with(config), accepted).await;

            let export = |connection: &quinn::Connection, label: &[u8], context: &[u8]| {
                let mut secret = [0; 32];
                connection.export_keying_material(&mut secret, label, context).unwrap();
                secret
            };
            let secret = export(&visit.client, b"label", b"context");
            assert_eq!(secret, export(&visit.server, b"label", b"context"));
            assert_ne!(secret, export(&visit.server, b"label", b"another"));
            assert_ne!(secret, export(&visit.server, b"other", b"context"));
            let too_long = &mut vec![0; 255 * 48 + 1][..];
            assert!(visit.client.export_keying_material(too_long, b"label", b"").is_err());

            // More updates than there are phases.
            for _ in 0..3 {
                for (from, to) in [(&visit.client, &visit.server), (&visit.server, &visit.client)] {
                    from.force_key_update();
                    say(from, b"with new keys").await;
                    assert_eq!(hear(to).await, b"with new keys");
                }
            }
        }
    }
}

#[tokio::test]
async fn versions_are_negotiated_before_there_is_any_tls() {
    let site = Site::new();
    let tls = site.client(None, ClientAuthOffer::default());
    let crypto = Arc::new(QuicClientConfig::try_from(tls).unwrap());
    let config = |version| {
        let mut config = quinn::ClientConfig::new(crypto.clone());
        config.version(version);
        config
    };

    // A version that quinn does not know, and one that quinn knows, but not TLS.
    let unheard_of = 0x0a1a_2a3a;
    let connect = |from: &Endpoint, version| {
        from.connect_with(config(version), site.addr(), "localhost").map(|_| ())
    };
    assert_eq!(connect(&site.clients, unheard_of), Err(ConnectError::UnsupportedVersion));
    let endpoint = |versions| {
        let mut config = EndpointConfig::default();
        config.supported_versions(versions);
        let socket = std::net::UdpSocket::bind(LOOPBACK).unwrap();
        Endpoint::new(config, None, socket, Arc::new(quinn::TokioRuntime)).unwrap()
    };
    let lax = endpoint(vec![1, unheard_of]);
    assert_eq!(connect(&lax, unheard_of), Err(ConnectError::UnsupportedVersion));

    let server = QuicServerConfig::try_from(site.pki.server_config(&[&TLS13])).unwrap();
    assert!(server.initial_keys(unheard_of, &ConnectionId::new(b"any")).is_err());

    // A server that supports drafts only.
    let old = endpoint(vec![DRAFT]);
    let tls = site.pki.server_with(&site.policy, &[&TLS13]);
    let server = QuicServerConfig::try_from(tls).unwrap();
    old.set_server_config(Some(quinn::ServerConfig::with_crypto(Arc::new(server))));
    let addr = old.local_addr().unwrap();
    let connecting = site.clients.connect_with(config(1), addr, "localhost").unwrap();
    assert_eq!(connecting.await.unwrap_err(), ConnectionError::VersionMismatch);
    let connecting = site.clients.connect_with(config(DRAFT), addr, "localhost").unwrap();
    let accepted = async { old.accept().await.unwrap().await.unwrap() };
    site.exchange(connecting, accepted).await;
}

#[test]
fn a_retry_is_valid_only_as_it_was_sent() {
    let pki = Pki::new();
    let tls = pki.client_config(None, ClientAuthOffer::flag(), &[&TLS13]);
    let client = Arc::new(QuicClientConfig::try_from(tls).unwrap());
    let server = QuicServerConfig::try_from(pki.server_config(&[&TLS13])).unwrap();
    let id = ConnectionId::new(b"original");
    let (header, token) = (&b"\xf0 a header"[..], &b"a token"[..]);
    for version in [1, DRAFT] {
        let params = TransportParameters::read(quinn::Side::Client, &mut &b""[..]).unwrap();
        let session = client.clone().start_session(version, "localhost", &params).ok().unwrap();
        let tag = server.retry_tag(version, &id, &[header, token].concat());
        let payload = [token, &tag].concat();
        assert!(session.is_valid_retry(&id, header, &payload));
        assert!(!session.is_valid_retry(&ConnectionId::new(b"another"), header, &payload));
        assert!(!session.is_valid_retry(&id, &header[1..], &payload));
        for bit in 0..payload.len() * 8 {
            let mut changed = payload.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!session.is_valid_retry(&id, header, &changed), "bit {bit}");
        }
        for length in 0..payload.len() {
            assert!(!session.is_valid_retry(&id, header, &payload[..length]), "{length} bytes");
        }
    }
}

#[tokio::test]
async fn a_connection_with_quinn_s_own_integration_has_no_data() {
    let [_, site] = sites();
    let tls = site.agent(ClientAuthOffer::flag());
    let crypto = Arc::new(QuicClientConfig::try_from(tls).unwrap());
    let connecting = site.connect_with(quinn::ClientConfig::new(crypto));
    let (client, server) = tokio::join!(connecting, async { site.incoming().await.await });
    let of =
        |connection: &quinn::Connection| HandshakeData::from_quinn(connection.handshake_data());
    assert!(of(&client.unwrap()).is_some());
    assert!(of(&server.unwrap()).is_none());
}
