use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::SerialNumber;
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use test_pki::Authority;

use super::*;
use crate::{Anchors, Usage};

const NOW: u64 = 1_893_456_000;
const HOUR: u64 = 60 * 60;
const SCOPE: &str = "agents";

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}

fn anchors(authorities: &[&Authority]) -> Anchors {
    Anchors::from_certificates(authorities.iter().map(|it| it.der().clone())).unwrap()
}

/// A list that is valid for two hours, one of which has passed.
fn list(authority: &Authority, revoked: &[u64]) -> RevocationList {
    list_between(authority, revoked, NOW - HOUR..NOW + HOUR)
}

fn list_between(
    authority: &Authority,
    revoked: &[u64],
    validity: std::ops::Range<u64>,
) -> RevocationList {
    let revoked = revoked.iter().map(|serial| SerialNumber::from(*serial));
    RevocationList::from_der(authority.revoke_between(revoked, validity).unwrap()).unwrap()
}

fn build_with(
    anchors: Anchors,
    scope: &str,
    provider: CryptoProvider,
) -> Arc<dyn ClientCertVerifier> {
    let provider = Arc::new(provider);
    anchors.build(scope, &|| Ok(provider.clone())).unwrap().verifier
}

fn build(anchors: Anchors) -> Arc<dyn ClientCertVerifier> {
    build_with(anchors, SCOPE, ring::default_provider())
}

/// A certificate that is valid for ten hours, one of which has passed.
fn issue(authority: &Authority) -> CertificateDer<'static> {
    issue_between(authority, NOW - HOUR..NOW + 9 * HOUR)
}

fn issue_between(authority: &Authority, validity: std::ops::Range<u64>) -> CertificateDer<'static> {
    let time = |seconds| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds);
    let mut params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
    params.not_before = time(validity.start);
    params.not_after = time(validity.end);
    let key = rcgen::KeyPair::generate().unwrap();
    authority.sign(params, key).unwrap().der().clone()
}

fn vouch(verifier: &Arc<dyn ClientCertVerifier>, chain: &[CertificateDer<'_>]) -> Option<Voucher> {
    let (end_entity, intermediates) = chain.split_first().unwrap();
    verifier.verify_client_cert(end_entity, intermediates, at(NOW)).unwrap();
    verifier.vouch(end_entity, intermediates, at(NOW))
}

#[test]
fn res_5_only_a_verifier_of_the_same_content_honors_a_voucher() {
    let [a, b] = ["a", "b"].map(|name| Authority::new(name).unwrap());
    let namesake = Authority::new("a").unwrap();
    let (leaf, other) = (issue(&a), issue(&a));
    let lists = [list(&a, &[])];
    let usual = || anchors(&[&a]).with_crls(lists.clone());
    let voucher = vouch(&build(usual()), std::slice::from_ref(&leaf)).unwrap();
    assert!(build(usual()).honors(&leaf, &[], &voucher));

    let mut provider = ring::default_provider();
    let algorithms = &mut provider.signature_verification_algorithms;
    algorithms.all = algorithms.all.split_last().unwrap().1;
    // As many as usual, one of them twice.
    let mut repeated = ring::default_provider();
    let algorithms = &mut repeated.signature_verification_algorithms;
    let mut all = algorithms.all.to_vec();
    all[0] = all[1];
    algorithms.all = all.leak();
    let mut limited = crate::anchors::Authority::of(a.der()).unwrap();
    limited.limits.path_length = Some(7);
    let mut signing = crate::anchors::Authority::of(a.der()).unwrap();
    signing.limits.signs.lists = !signing.limits.signs.lists;
    for (what, verifier) in [
        ("an anchor is added", build(anchors(&[&a, &b]).with_crls(lists.clone()))),
        ("the anchor is another one", build(anchors(&[&b]).with_crls(lists.clone()))),
        ("the anchor has another key", build(anchors(&[&namesake]).with_crls(lists.clone()))),
        ("a path length", build(Anchors::authorities(vec![limited]).with_crls(lists.clone()))),
        ("a key usage", build(Anchors::authorities(vec![signing]).with_crls(lists.clone()))),
        ("a list is added", build(usual().with_crls([list(&b, &[])]))),
        ("the list is another one", build(anchors(&[&a]).with_crls([list(&a, &[4711])]))),
        ("there is no list", build(anchors(&[&a]))),
        ("lists may expire", build(usual().with_crl_expiry(CrlExpiry::Ignore))),
        ("any usage", build(usual().with_usage(Usage::any()))),
        ("one usage", build(usual().with_usage(Usage::one_of(["1.3.6.1.5.5.7.3.2"]).unwrap()))),
        ("a certificate is pinned", build(usual().with_pinned([other]).unwrap())),
        ("the scope", build_with(usual(), "staff", ring::default_provider())),
        ("fewer algorithms", build_with(usual(), SCOPE, provider)),
        ("other algorithms", build_with(usual(), SCOPE, repeated)),
    ] {
        assert!(!verifier.honors(&leaf, &[], &voucher), "{what}");
    }
    let purposes = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
    let [one, both] = [&purposes[..1], &purposes[..]]
        .map(|purposes| build(anchors(&[&a]).with_usage(Usage::one_of(purposes).unwrap())));
    let voucher = both.vouch(&leaf, &[], at(NOW)).unwrap();
    assert!(both.honors(&leaf, &[], &voucher) && !one.honors(&leaf, &[], &voucher));
}

#[test]
fn res_5_a_voucher_is_for_one_chain_and_span() {
    let authority = Authority::new("a").unwrap();
    let (leaf, other) = (issue(&authority), issue(&authority));
    let verifier = build(anchors(&[&authority]));
    let alone = vouch(&verifier, std::slice::from_ref(&leaf)).unwrap();
    let both = vouch(&verifier, &[leaf.clone(), other.clone()]).unwrap();
    assert!(verifier.honors(&leaf, &[], &alone));
    assert!(verifier.honors(&leaf, std::slice::from_ref(&other), &both));
    assert!(!verifier.honors(&other, &[], &alone));
    assert!(!verifier.honors(&leaf, std::slice::from_ref(&other), &alone));
    assert!(!verifier.honors(&leaf, &[], &both));
    for forged in [
        Voucher { not_before: 0, ..alone },
        Voucher { not_after: u64::MAX, ..alone },
        Voucher { tag: [0; Voucher::TAG_LEN], ..alone },
    ] {
        assert!(!verifier.honors(&leaf, &[], &forged), "{forged:?}");
    }
}

#[test]
fn res_5_the_span_of_a_voucher_is_that_of_all_certificates_and_of_the_lists_in_use() {
    let [a, b] = ["a", "b"].map(|name| Authority::new(name).unwrap());
    let span = |anchors: Anchors, chain: &[CertificateDer<'_>]| {
        let voucher = vouch(&build(anchors), chain).unwrap();
        (voucher.not_before, voucher.not_after)
    };
    let leaf = issue(&a);
    let whole = (NOW - HOUR, NOW + 9 * HOUR);
    assert_eq!(span(anchors(&[&a]), std::slice::from_ref(&leaf)), whole);
    // A certificate of the chain that the path does not need.
    let brief = issue_between(&b, NOW - 10..NOW + 10);
    assert_eq!(span(anchors(&[&a]), &[leaf.clone(), brief]), (NOW - 10, NOW + 10));
    let past = issue_between(&b, NOW - 10..NOW - 5);
    assert_eq!(vouch(&build(anchors(&[&a])), &[leaf.clone(), past]), None);
    // Lists: those of other authorities do not count, nor those that a newer one replaces.
    let old = list_between(&a, &[4711], NOW - 3 * HOUR..NOW + 5);
    let new = list_between(&a, &[], NOW - 20..NOW + 20);
    let lists = [old, new, list_between(&b, &[], NOW - 4..NOW + 4)];
    let with_lists = anchors(&[&a, &b]).with_crls(lists);
    // `nextUpdate` itself is too late.
    assert_eq!(span(with_lists.clone(), std::slice::from_ref(&leaf)), (NOW - 20, NOW + 19));
    let ignored = with_lists.with_crl_expiry(CrlExpiry::Ignore);
    assert_eq!(span(ignored, std::slice::from_ref(&leaf)), whole);
    // A pinned certificate needs nothing else.
    let pinned = Anchors::from_pinned([leaf.clone()]).unwrap();
    assert_eq!(span(pinned, &[leaf, issue_between(&b, NOW - 10..NOW + 10)]), whole);
}

#[test]
fn res_5_only_the_process_that_gave_a_voucher_honors_it() {
    const FOLDER: &str = "REXT_TEST_VOUCHER";
    const THIS: &str =
        "anchors::voucher::tests::res_5_only_the_process_that_gave_a_voucher_honors_it";
    let make = |folder: &Path| {
        let read = |name| CertificateDer::from(std::fs::read(folder.join(name)).unwrap());
        let anchors = Anchors::from_certificates([read("anchor")]).unwrap();
        let (verifier, leaf) = (build(anchors), read("leaf"));
        let voucher = vouch(&verifier, std::slice::from_ref(&leaf)).unwrap();
        (verifier, leaf, voucher)
    };
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = Path::new(&folder);
        std::fs::write(folder.join("tag"), make(folder).2.tag).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("a").unwrap();
    std::fs::write(folder.path().join("anchor"), authority.der()).unwrap();
    std::fs::write(folder.path().join("leaf"), issue(&authority)).unwrap();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(other.status.success(), "{other:?}");

    let (verifier, leaf, own) = make(folder.path());
    let tag = std::fs::read(folder.path().join("tag")).unwrap().try_into().unwrap();
    assert!(verifier.honors(&leaf, &[], &own));
    assert!(!verifier.honors(&leaf, &[], &Voucher { tag, ..own }));
}
