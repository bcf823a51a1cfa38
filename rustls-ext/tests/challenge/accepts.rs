//! Which certificates a challenge accepts, and how one is made of what a scope accepts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_ext::http::{Acceptable, Challenge, Fingerprint, HashName};
use rustls_ext::{Anchors, Policy, Rule, Verdict};

use super::common::{self, Pki};
use super::one;

/// A chain of a client below an authority below a root, and the root.
fn chain() -> (Vec<CertificateDer<'static>>, CertificateDer<'static>) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let key = KeyPair::generate().unwrap();
    let root = authority("root").self_signed(&key).unwrap();
    let root_issuer = Issuer::new(authority("root"), key);
    let key = KeyPair::generate().unwrap();
    let middle = authority("middle").signed_by(&key, &root_issuer).unwrap();
    let middle_issuer = Issuer::new(authority("middle"), key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    let client = params.signed_by(&key, &middle_issuer).unwrap();
    (vec![client.der().clone(), middle.der().clone()], root.der().clone())
}

fn name_of(root: &CertificateDer<'static>) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    roots.subjects().remove(0).as_ref().to_vec()
}

#[test]
fn cant_2_any_issuer_on_the_chain_will_do() {
    let (chain, root) = chain();
    let by = |name: &[u8]| Challenge::new().accept_issuer(name).accepts(&chain);
    assert!(by(&name_of(&root)));
    assert!(by(&name_of(&chain[1])));
    // the client's own name is not an issuer's name
    assert!(!by(&name_of(&chain[0])));
    assert!(!by(b"\x30\x00"));
    // a chain without the intermediate authority does not name its issuer
    assert!(!Challenge::new().accept_issuer(name_of(&root)).accepts(&chain[..1]));
}

#[test]
fn cant_2_any_fingerprint_on_the_chain_will_do() {
    let (chain, root) = chain();
    let by = |print| Challenge::new().accept_fingerprint(print).accepts(&chain);
    for hash in [HashName::Sha224, HashName::Sha256, HashName::Sha384, HashName::Sha512] {
        for certificate in &chain {
            assert!(by(Fingerprint::new(certificate, &hash).unwrap()), "{hash}");
        }
        // The root is not sent.
        assert!(!by(Fingerprint::new(&root, &hash).unwrap()), "{hash}");
    }
    assert!(by(Fingerprint::sha256(&chain[0])));
}

#[test]
fn cant_2_unknown_hash_names_never_match() {
    let (chain, _) = chain();
    for name in ["md5", "sha-1", "sha3-256", "sha256"] {
        assert!(!one(format!("ClientCertificate {name}=AAAA")).accepts(&chain), "{name}");
    }
}

#[test]
fn cant_4_one_alternative_of_many_will_do() {
    let (chain, root) = chain();
    let others = |challenge| {
        (0..20).fold(challenge, |challenge: Challenge, n| {
            let print = Fingerprint::sha256(&[n]);
            challenge.accept_issuer([0x30, n]).accept_fingerprint(print)
        })
    };
    assert!(!others(Challenge::new()).accepts(&chain));
    let last = others(Challenge::new()).accept_issuer(name_of(&root));
    assert!(one(last.to_value().unwrap()).accepts(&chain));
    let first = others(Challenge::new().accept_fingerprint(Fingerprint::sha256(&chain[1])));
    assert!(one(first.to_value().unwrap()).accepts(&chain));
}

#[test]
fn without_names_and_fingerprints_any_certificate_will_do() {
    let (chain, _) = chain();
    let any = Challenge::new().with_realm("a").unwrap();
    assert!(any.accepts(&chain));
    assert!(any.accepts(&[CertificateDer::from_slice(b"not a certificate")]));
    assert!(!any.accepts(&[]));
}

#[test]
fn a_certificate_that_cannot_be_read_still_has_a_fingerprint() {
    let garbage = [CertificateDer::from_slice(b"\x30\x82\xff\xff")];
    assert!(!Challenge::new().accept_issuer([0x30, 0]).accepts(&garbage));
    let print = Fingerprint::sha256(&garbage[0]);
    assert!(Challenge::new().accept_fingerprint(print).accepts(&garbage));
}

#[test]
fn a_challenge_is_made_of_what_a_scope_accepts() {
    let pki = Pki::new();
    let expected = Challenge::new().accept_issuer(name_of(&pki.agents.der));
    assert_eq!(Challenge::for_roots(&pki.agents.roots()), expected);
    assert_eq!(Challenge::for_anchors(&Anchors::from_roots(pki.agents.roots())), expected);
    let verifier = Anchors::from_verifier(pki.agents.verifier());
    assert_eq!(Challenge::for_anchors(&verifier), expected);

    let policy = Policy::builder()
        .provider(common::provider())
        .scope("agents", Anchors::from_roots(Arc::new(pki.agents.roots())))
        .scope("staff", Anchors::from_roots(pki.staff.roots()))
        .rule(Rule::when().offered(true).request("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    assert_eq!(policy.challenge("agents"), Some(expected));
    // a scope that no rule names, and one that does not exist
    assert_eq!(policy.challenge("staff"), Some(Challenge::for_roots(&pki.staff.roots())));
    assert_eq!(policy.challenge("guests"), None);

    let read = one(policy.challenge("agents").unwrap().to_value().unwrap());
    assert!(read.accepts(&pki.agent.chain));
    assert!(!read.accepts(&pki.boss.chain));
    let [Acceptable::Issuer(name)] = read.acceptable() else { panic!("{read:?}") };
    assert_eq!(*name, name_of(&pki.agents.der));
}
