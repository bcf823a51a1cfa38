//! The path length of an anchor, the keyUsage of intermediates, and anchors that have expired.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::AlertDescription::CertificateUnknown;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use rustls_ext::Anchors;

use crate::common::provider;
use crate::{Case, now, outcome, policy, refused};

const CASE: Case = Case("ca-limits-not-kept");

#[test]
fn an_expired_anchor_is_a_warning_at_load() {
    let policy = policy(CASE.anchors("expired-root.pem"));
    assert_eq!(
        CASE.warnings(&policy, now()),
        ["warning: scope \"clients\": the trust anchor CN=Expired Root expired at \
          2021-01-01T00:00:00Z"]
    );
    assert_eq!(outcome(policy, &CASE.client("of-expired-root")), Ok(()));
}

#[test]
fn the_path_length_of_an_anchor_is_kept() {
    assert_eq!(
        outcome(policy(CASE.anchors("pathlen0-root.pem")), &CASE.client("below-pathlen0")),
        refused(
            CertificateUnknown,
            "there are more authorities between CN=Pathlen Root and the client's certificate than \
             its pathLenConstraint allows"
        )
    );
}

#[test]
fn an_intermediate_without_key_cert_sign_issues_nothing() {
    assert_eq!(
        outcome(policy(CASE.anchors("ca.pem")), &CASE.client("ca-without-keycertsign")),
        refused(
            CertificateUnknown,
            "CN=KU ICA has issued a certificate, but its keyUsage does not have keyCertSign"
        )
    );
}

#[test]
fn limits_are_kept_in_policies_of_files_too() {
    for (anchor, client) in
        [("pathlen0-root.pem", "below-pathlen0"), ("ca.pem", "ca-without-keycertsign")]
    {
        let policy = CASE.policy(&format!("anchors = ['@{anchor}']")).unwrap();
        let Err((alert, _)) = outcome(policy, &CASE.client(client)) else { panic!("{client}") };
        assert_eq!(alert, CertificateUnknown);
    }
}

fn authority(name: &str, path: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(path);
    params
}

/// A client below this anchor, and as many authorities between.
fn below(anchor: CertificateParams, between: usize) -> (Anchors, CertifiedKey) {
    let key = || KeyPair::generate().unwrap();
    let root = CertifiedIssuer::self_signed(anchor, key()).unwrap();
    let anchors = Anchors::from_certificates([root.der().clone()]).unwrap();
    let (mut issuer, mut chain) = (root, Vec::new());
    for number in 0..between {
        let params = authority(&format!("authority {number}"), BasicConstraints::Unconstrained);
        issuer = CertifiedIssuer::signed_by(params, key(), &issuer).unwrap();
        chain.insert(0, issuer.der().clone());
    }
    let key = key();
    let client = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    chain.insert(0, client.signed_by(&key, &issuer).unwrap().der().clone());
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = provider().key_provider.load_private_key(key).unwrap();
    (anchors, CertifiedKey::new(chain, key))
}

#[test]
fn a_path_length_allows_as_many_authorities_and_no_more() {
    for length in 0..3u8 {
        for between in 0..4 {
            let (anchors, client) =
                below(authority("root", BasicConstraints::Constrained(length)), between);
            let expected = between <= usize::from(length);
            let accepted = outcome(policy(anchors), &client).is_ok();
            assert_eq!(accepted, expected, "{between} below {length}");
        }
    }
    let (anchors, client) = below(authority("root", BasicConstraints::Unconstrained), 4);
    assert_eq!(outcome(policy(anchors), &client), Ok(()));
}

#[test]
fn an_anchor_that_may_not_sign_lists_has_none() {
    // rcgen has no list by such an authority: make one with the authority's other certificate.
    let key = KeyPair::generate().unwrap();
    let mut params = authority("root", BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let anchor = params.self_signed(&key).unwrap().der().clone();
    params.key_usages.push(KeyUsagePurpose::CrlSign);
    let issuer = rcgen::Issuer::new(params, key);
    let list = rcgen::CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2030, 1, 1),
        crl_number: 1u64.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list: rustls::pki_types::CertificateRevocationListDer<'static> =
        list.signed_by(&issuer).unwrap().into();
    let list = rustls_ext::RevocationList::from_der(list).unwrap();

    let key = KeyPair::generate().unwrap();
    let client = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    let chain = vec![client.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = provider().key_provider.load_private_key(key).unwrap();
    let client = CertifiedKey::new(chain, key);

    let anchors = Anchors::from_certificates([anchor]).unwrap();
    assert_eq!(outcome(policy(anchors.clone()), &client), Ok(()));
    assert_eq!(
        outcome(policy(anchors.with_crls([list])), &client),
        refused(
            CertificateUnknown,
            "CN=root has signed a revocation list, but its keyUsage does not have cRLSign"
        )
    );
}
