//! The cryptography provider that is used by default.
#![cfg(feature = "ring")]

mod common;

use std::sync::Arc;

use common::{Pki, pem};
use rustls::crypto::{CryptoProvider, ring};
use rustls_ext::wire::Offer;
use rustls_ext::{
    Anchors, ClientFacts, Policy, PolicyError, Setup, certified_key_from_pem_files, crypto_provider,
};

/// The only test of this file that uses a provider, since a process has one default.
#[test]
fn the_provider_of_the_process_is_used_and_before_there_is_one_the_only_one_built_in() {
    let suites = |provider: &CryptoProvider| provider.cipher_suites.len();
    // Whether other crates of this build have another provider depends on the tested packages.
    match (CryptoProvider::from_crate_features(), crypto_provider()) {
        (Some(_), Ok(only)) => assert_eq!(suites(&only), suites(&ring::default_provider())),
        (None, Err(error)) => {
            let anchors = Anchors::from_roots(Arc::new(Pki::new().agents.roots()));
            let of_policy = Policy::on_offer("agents", anchors).unwrap_err();
            assert!(matches!(of_policy, PolicyError::Provider(it) if it == error));
            assert!(error.to_string().contains("::ring::default_provider().install_default()"));
        }
        (_, other) => panic!("{other:?}"),
    }
    assert!(CryptoProvider::get_default().is_none(), "nothing is installed");

    let mut own = ring::default_provider();
    own.cipher_suites.truncate(1);
    own.install_default().unwrap();
    assert_eq!(suites(&crypto_provider().unwrap()), 1);

    // These use the default.
    let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let (chain, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    std::fs::write(&chain, pem("CERTIFICATE", &pki.server.chain[0])).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &pki.server.key)).unwrap();
    assert_eq!(certified_key_from_pem_files(&chain, &key).unwrap().cert, pki.server.chain);

    let anchors = Anchors::from_roots(Arc::new(pki.agents.roots()));
    let policy = Policy::on_offer("agents", anchors).unwrap();
    for (offer, scope) in [(Offer::NONE, None), (Offer::FLAG, Some("agents"))] {
        let client = ClientFacts::new().with_offer(offer);
        let [decision] = &policy.possible_decisions(None, &client)[..] else { unreachable!() };
        assert_eq!(decision.demand().map(|demand| demand.scope()), scope);
    }

    let setup = Setup::from_pem_files(&chain, &key, policy).unwrap();
    let setup = setup.with_alpn(["h2", "http/1.1"]);
    assert_eq!(suites(setup.config().crypto_provider()), 1);
    assert_eq!(setup.config().alpn_protocols, [&b"h2"[..], b"http/1.1"]);

    let error = certified_key_from_pem_files(&chain, &chain).unwrap_err();
    let error = error.to_string();
    assert!(error.ends_with("server.pem: no private key in it, only CERTIFICATE"), "{error}");
}
