//! Configs: valid ones, invalid ones, and one for each peer.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::ClientAuthOfferStatus;
use rustls::crypto::CryptoProvider;
use rustls::server::ClientAuthDecision;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, CipherSuite, Error, RootCertStore, ServerConfig};
use rustls_ext::quic::{ConfigError, QuicClientConfig, QuicServerConfig};
use rustls_ext::{Anchors, ClientAuthOffer, Live, Policy, Rule, Setup, Verdict, with_causes};

use crate::common::{Pki, Switch, When, provider};
use crate::harness::{Site, Visit};

#[test]
fn a_config_that_quic_has_no_use_for_is_refused() {
    let pki = Pki::new();
    let not_for_quic =
        || ConfigError::Tls(Error::General("TLS 1.3 support is required for QUIC".into()));
    let tls = pki.client_config(None, ClientAuthOffer::flag(), &[&TLS12]);
    assert_eq!(QuicClientConfig::try_from(tls).unwrap_err(), not_for_quic());
    let tls = pki.server_config(&[&TLS12]);
    assert_eq!(QuicServerConfig::try_from(tls).unwrap_err(), not_for_quic());

    let mut tls = pki.server_config(&[&TLS13]);
    tls.max_early_data_size = 1000;
    let err = QuicServerConfig::try_from(tls).unwrap_err();
    assert_eq!(
        with_causes(&err),
        "the TLS config cannot be used for QUIC: unexpected error: QUIC sessions must set a max \
         early data of 0 or 2^32-1"
    );
}

/// ring's suites, without the one for QUIC's Initial packets.
fn without_aes_128() -> Arc<CryptoProvider> {
    let mut provider = CryptoProvider::clone(&provider());
    let is_it = |suite| suite == CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.retain(|suite| !is_it(suite.suite()));
    Arc::new(provider)
}

#[tokio::test]
async fn the_suite_of_initial_packets_may_come_from_elsewhere() {
    let pki = Pki::new();
    let mut tls = ServerConfig::builder_with_provider(without_aes_128())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    let policy = Switch::new(When::Always, ClientAuthDecision::None);
    tls.client_auth_policy = Some(policy.clone());
    let tls = Arc::new(tls);
    let err = QuicServerConfig::try_from(tls.clone()).unwrap_err();
    assert_eq!(err, ConfigError::NoInitialCipherSuite);
    let client = rustls::ClientConfig::builder_with_provider(without_aes_128())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let err = QuicClientConfig::try_from(client.clone()).unwrap_err();
    assert_eq!(err, ConfigError::NoInitialCipherSuite);

    let suite = |is: CipherSuite| {
        let mut suites = provider().cipher_suites.clone().into_iter();
        suites.find(|suite| suite.suite() == is).unwrap().tls13().unwrap().quic_suite().unwrap()
    };
    let other = suite(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let err = QuicServerConfig::with_initial(tls.clone(), other).unwrap_err();
    assert_eq!(err, ConfigError::NoInitialCipherSuite);
    let initial = suite(CipherSuite::TLS13_AES_128_GCM_SHA256);
    assert!(QuicClientConfig::with_initial(Arc::new(client), initial).is_ok());
    let crypto = QuicServerConfig::with_initial(tls, initial).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let site = Site::of(pki, policy, config);
    site.visit(&site.client(None, ClientAuthOffer::default())).await.is(false, false, false);
}

/// A server that asks no client in `network`, and requires an agent's certificate of others.
fn by_address(network: &str) -> (Site, QuicServerConfig, quinn::ServerConfig) {
    let pki = Pki::new();
    let network: rustls_ext::crates::ipnet::IpNet = network.parse().unwrap();
    let policy = Policy::builder()
        .provider(provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .rule(Rule::when().peer(network).ask_nothing())
        .otherwise(Verdict::Require("agents".into()))
        .build()
        .unwrap();
    let crypto = QuicServerConfig::with_policy(pki.server_config(&[&TLS13]), policy).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto.clone()));
    let unused = Switch::new(When::Always, ClientAuthDecision::None);
    (Site::of(pki, unused, config.clone()), crypto, config)
}

async fn visit(site: &Site, crypto: &QuicServerConfig, config: &quinn::ServerConfig) -> Visit {
    let accepted = async {
        let incoming = site.incoming().await;
        let config = crypto.for_peer(config, incoming.remote_address());
        incoming.accept_with(config).unwrap().await.unwrap()
    };
    let connecting = site.connect(&site.agent(ClientAuthOffer::default()));
    site.exchange(connecting, accepted).await
}

#[tokio::test]
async fn rules_on_addresses_decide() {
    for (network, asked) in [("127.0.0.0/8", false), ("192.0.2.0/24", true)] {
        let (site, crypto, config) = by_address(network);
        let first = visit(&site, &crypto, &config).await;
        assert_eq!(first.authenticated(), asked, "{network}");
    }
}

#[tokio::test]
async fn rules_on_addresses_cannot_be_forgotten() {
    for network in ["127.0.0.0/8", "192.0.2.0/24"] {
        let (site, ..) = by_address(network);
        let tls = site.agent(ClientAuthOffer::flag());
        assert_eq!(site.refused(&tls).await, AlertDescription::InternalError);
    }
}

#[tokio::test]
async fn a_client_that_is_accepted_by_its_address_cannot_migrate() {
    let (_, crypto, config) = by_address("192.0.2.0/24");
    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let migrates = |config: &quinn::ServerConfig| format!("{config:?}").contains("migration: true");
    assert!(migrates(&config));
    assert!(!migrates(&crypto.for_peer(&config, peer)));

    // Without rules on addresses, the config does not change.
    let pki = Pki::new();
    let policy = Policy::builder()
        .provider(provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .rule(Rule::when().offered(true).require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let crypto = QuicServerConfig::with_policy(pki.server_config(&[&TLS13]), policy).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto.clone()));
    assert!(migrates(&crypto.for_peer(&config, peer)));
    let unused = Switch::new(When::Always, ClientAuthDecision::None);
    let site = Site::of(pki, unused, config);
    let visit = site.visit(&site.agent(ClientAuthOffer::flag())).await;
    assert_eq!(visit.at_client().client_auth_status(), Some(ClientAuthOfferStatus::Acknowledged));
    assert!(visit.authenticated());
}

#[tokio::test]
async fn a_setup_that_is_loaded_again_judges_old_sessions_anew() {
    let pki = Pki::new();
    let policy = |anchors| {
        Policy::builder()
            .provider(provider())
            .scope("agents", Anchors::from_roots(anchors))
            .rule(Rule::when().offered(true).require("agents"))
            .otherwise(Verdict::None)
            .build()
            .unwrap()
    };
    let tls = Arc::new(pki.server_config(&[&TLS13]));
    let live = Live::from(Setup::new(tls.clone(), policy(pki.agents.roots())));
    let crypto = QuicServerConfig::from_live(live.clone()).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let unused = Switch::new(When::Always, ClientAuthDecision::None);
    let site = Site::of(pki, unused, config);
    let tls_of_agent = site.agent(ClientAuthOffer::flag());
    site.visit(&tls_of_agent).await.is(false, false, true);
    site.visit(&tls_of_agent).await.is(true, false, true);

    live.replace(Setup::new(tls.clone(), policy(site.pki.staff.roots())));
    assert_eq!(site.refused(&tls_of_agent).await, AlertDescription::UnknownCA);

    // A config that QUIC cannot use refuses connections, until there is another one.
    let tls12 = site.pki.server_config(&[&TLS12]);
    live.replace(Setup::new(tls12, policy(site.pki.agents.roots())));
    let client = site.connect(&tls_of_agent);
    let server = async { site.incoming().await.accept()?.await };
    let (client, server) = tokio::join!(client, server);
    let Err(quinn::ConnectionError::TransportError(error)) = server else { panic!("{server:?}") };
    assert_eq!(error.code, quinn_proto::TransportErrorCode::INTERNAL_ERROR);
    let Err(quinn::ConnectionError::ConnectionClosed(close)) = client else { panic!("{client:?}") };
    assert_eq!(close.error_code, quinn_proto::TransportErrorCode::INTERNAL_ERROR);
    live.replace(Setup::new(tls, policy(site.pki.agents.roots())));
    site.visit(&tls_of_agent).await.is(true, false, true);
}

/// The loop of the example in the documentation, with a policy on addresses.
#[tokio::test]
async fn a_setup_that_is_loaded_again_holds_for_configs_of_one_peer() {
    let pki = Pki::new();
    let policy = |network: &str| {
        let network: rustls_ext::crates::ipnet::IpNet = network.parse().unwrap();
        Policy::builder()
            .provider(provider())
            .scope("agents", Anchors::from_roots(pki.agents.roots()))
            .rule(Rule::when().peer(network).ask_nothing())
            .otherwise(Verdict::Require("agents".into()))
            .build()
            .unwrap()
    };
    let tls = Arc::new(pki.server_config(&[&TLS13]));
    let live = Live::from(Setup::new(tls.clone(), policy("127.0.0.0/8")));
    let stricter = Setup::new(tls, policy("192.0.2.0/24"));
    let crypto = QuicServerConfig::from_live(live.clone()).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto.clone()));
    let unused = Switch::new(When::Always, ClientAuthDecision::None);
    let site = Site::of(pki, unused, config.clone());
    assert!(!visit(&site, &crypto, &config).await.authenticated());
    live.replace(stricter);
    assert!(visit(&site, &crypto, &config).await.authenticated());
}

#[cfg(feature = "aws-lc-rs")]
#[tokio::test]
async fn another_provider_does_as_well() {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let pki = Pki::new();
    let policy = Switch::new(When::Always, ClientAuthDecision::None);
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    server.max_early_data_size = u32::MAX;
    server.client_auth_policy = Some(policy.clone());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(pki.servers.roots())
        .with_client_auth_cert(pki.agent.chain.clone(), pki.agent.key())
        .unwrap();
    client.enable_early_data = true;
    client.client_auth_offer = ClientAuthOffer::flag();
    let crypto = QuicServerConfig::try_from(server).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let site = Site::of(pki, policy, config);
    site.if_offered(site.require());
    site.visit(&client).await.is(false, false, true);
    site.visit(&client).await.is(true, true, true);
}
