//! An authority with a new key has a list for each key.

use rustls::AlertDescription::{CertificateRevoked, CertificateUnknown};

use crate::{Case, now, outcome, policy, refused};

const CASE: Case = Case("crl-rekeyed-ca-same-name");

#[test]
fn each_key_of_an_authority_has_its_own_list() {
    for lists in [["old-key.crl", "new-key.crl"], ["new-key.crl", "old-key.crl"]] {
        for client in ["old-client", "new-client"] {
            let policy = policy(CASE.anchors("cas.pem").with_crls(CASE.crls(&lists)));
            assert_eq!(CASE.warnings(&policy, now()), [""; 0]);
            assert_eq!(outcome(policy, &CASE.client(client)), Ok(()), "{client} {lists:?}");
        }
    }
}

#[test]
fn the_list_of_one_key_does_not_cover_the_other() {
    let policy = || policy(CASE.anchors("cas.pem").with_crls(CASE.crls(&["old-key.crl"])));
    assert_eq!(outcome(policy(), &CASE.client("old-client")), Ok(()));
    assert_eq!(
        outcome(policy(), &CASE.client("new-client")),
        refused(
            CertificateUnknown,
            "there is no revocation list of CN=Client Root,O=Test, so it is unknown whether a \
             certificate that it issued is revoked: add its list"
        )
    );
    assert_eq!(
        CASE.warnings(&policy(), now()),
        ["error: scope \"clients\": there is no revocation list of the trust anchor CN=Client \
          Root,O=Test: certificates that it issued are refused"]
    );
}

#[test]
fn a_list_that_no_anchor_of_its_name_has_signed_is_told_of() {
    // The other case's anchor has the same name and the old key.
    let other = Case("crl-two-lists-old-first");
    let policy = policy(other.anchors("ca.pem").with_crls(CASE.crls(&["new-key.crl"])));
    assert_eq!(
        CASE.warnings(&policy, now()),
        [
            "warning: scope \"clients\": the revocation list of CN=Client Root,O=Test \
             (new-key.crl) is not signed by the trust anchor of that name, so it is not used \
             for that anchor",
            "error: scope \"clients\": there is no revocation list of the trust anchor CN=Client \
             Root,O=Test: certificates that it issued are refused",
        ]
    );
    // It does not revoke certificates of the old key, but it does not cover them either.
    let Err((alert, _)) = outcome(policy, &other.client("revoked")) else { panic!("let in") };
    assert_ne!(alert, CertificateRevoked);
}

/// The same for an authority that is not an anchor, whose keys are unknown when lists are loaded.
mod below_an_anchor {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        DnType, IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
    };
    use rustls::pki_types::{CertificateRevocationListDer, PrivatePkcs8KeyDer};
    use rustls::sign::CertifiedKey;
    use rustls_ext::{Anchors, RevocationList};

    use super::*;
    use crate::common::provider;

    type Made = CertifiedIssuer<'static, KeyPair>;

    fn authority(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn client(serial: u64, issuer: &Made) -> CertifiedKey {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.serial_number = Some(serial.into());
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, issuer).unwrap().der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let key = provider().key_provider.load_private_key(key).unwrap();
        CertifiedKey::new(vec![own, issuer.der().clone()], key)
    }

    fn list(number: u64, revoked: &[u64], issuer: &Issuer<'_, KeyPair>) -> RevocationList {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2030, 1, 1),
            crl_number: number.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list: CertificateRevocationListDer<'static> = list.signed_by(issuer).unwrap().into();
        RevocationList::from_der(list).unwrap()
    }

    #[test]
    fn each_key_has_its_own_list_of_which_the_newest_counts() {
        let root = CertifiedIssuer::self_signed(authority("root"), KeyPair::generate().unwrap());
        let root = root.unwrap();
        let intermediate = || {
            let key = KeyPair::generate().unwrap();
            CertifiedIssuer::signed_by(authority("intermediate"), key, &root).unwrap()
        };
        let (one, other) = (intermediate(), intermediate());
        let (first, second) = (client(1, &one), client(2, &other));
        let anchors = Anchors::from_certificates([root.der().clone()]).unwrap();
        // Each list has the serial number of the other's client.
        let mut lists = vec![list(1, &[], &root), list(1, &[2], &one), list(1, &[1], &other)];
        for _ in 0..3 {
            lists.rotate_left(1);
            let policy = || policy(anchors.clone().with_crls(lists.clone()));
            assert_eq!(CASE.warnings(&policy(), now()), [""; 0]);
            assert_eq!(outcome(policy(), &first), Ok(()));
            assert_eq!(outcome(policy(), &second), Ok(()));
        }
        // A newer one, before and after the older one.
        lists.insert(0, list(2, &[1], &one));
        for _ in 0..2 {
            lists.reverse();
            let policy = || policy(anchors.clone().with_crls(lists.clone()));
            assert_eq!(
                CASE.warnings(&policy(), now()),
                ["warning: scope \"clients\": a revocation list of CN=intermediate is not used, \
                  since there is a newer one"]
            );
            let Err((alert, _)) = outcome(policy(), &first) else { panic!("let in") };
            assert_eq!(alert, CertificateRevoked);
            assert_eq!(outcome(policy(), &second), Ok(()));
        }
    }
}
