//! Several lists of one issuer: the newest counts, in any order.

use rustls::AlertDescription::CertificateRevoked;
use rustls_ext::Files;

use crate::{Case, now, outcome, policy, refused};

const CASE: Case = Case("crl-two-lists-old-first");
const REVOKED: &str = "the certificate, or that of an authority above it, is revoked";

#[test]
fn the_newest_list_counts_in_any_order() {
    for lists in [["old.crl", "new.crl"], ["new.crl", "old.crl"]] {
        let policy = policy(CASE.anchors("ca.pem").with_crls(CASE.crls(&lists)));
        assert_eq!(
            CASE.warnings(&policy, now()),
            [
                "warning: scope \"clients\": a revocation list of CN=Client Root,O=Test (old.crl) is \
              not used, since there is a newer one (new.crl)"
            ]
        );
        let client = CASE.client("revoked");
        assert_eq!(outcome(policy, &client), refused(CertificateRevoked, REVOKED), "{lists:?}");
    }
}

#[test]
fn lists_in_one_file_or_in_a_policys_are_no_different() {
    let text = |file| std::fs::read_to_string(CASE.path(file)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("both.crl");
    std::fs::write(&both, text("old.crl") + &text("new.crl")).unwrap();
    let lists = Files::new().crls(&both).unwrap();
    assert_eq!(lists.len(), 2);
    let in_one = policy(CASE.anchors("ca.pem").with_crls(lists));
    let keys = "anchors = ['@ca.pem']\ncrls = ['@old.crl', '@new.crl']";
    for policy in [in_one, CASE.policy(keys).unwrap()] {
        let client = CASE.client("revoked");
        assert_eq!(outcome(policy, &client), refused(CertificateRevoked, REVOKED));
    }
}

#[test]
fn a_list_that_is_given_twice_is_one() {
    let lists = CASE.crls(&["new.crl", "new.crl"]);
    let policy = policy(CASE.anchors("ca.pem").with_crls(lists));
    assert_eq!(CASE.warnings(&policy, now()), [""; 0]);
}

#[test]
fn the_old_list_alone_lets_the_client_in() {
    let policy = policy(CASE.anchors("ca.pem").with_crls(CASE.crls(&["old.crl"])));
    assert_eq!(outcome(policy, &CASE.client("revoked")), Ok(()));
}

/// Lists as rcgen makes them, so that each has its own number and dates.
mod made {
    use rcgen::{
        CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair,
        RevokedCertParams, SerialNumber, date_time_ymd,
    };
    use rustls::sign::CertifiedKey;
    use rustls_ext::{Anchors, RevocationList};

    use super::*;
    use crate::common::provider;

    struct Authority {
        anchors: Anchors,
        issuer: Issuer<'static, KeyPair>,
        client: CertifiedKey,
    }

    fn authority() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let anchor = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.serial_number = Some(7u64.into());
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let key = provider().key_provider.load_private_key(key).unwrap();
        let anchors = Anchors::from_certificates([anchor]).unwrap();
        Authority { anchors, issuer, client: CertifiedKey::new(chain, key) }
    }

    impl Authority {
        /// A list with this number, of this day in 2026, which revokes the client or does not.
        fn list(&self, number: u64, day: u8, revokes: bool) -> RevocationList {
            let revoked = RevokedCertParams {
                serial_number: SerialNumber::from(7u64),
                revocation_time: date_time_ymd(2026, 1, 1),
                reason_code: None,
                invalidity_date: None,
            };
            let list = CertificateRevocationListParams {
                this_update: date_time_ymd(2026, 1, day),
                next_update: date_time_ymd(2030, 1, 1),
                crl_number: SerialNumber::from(number),
                issuing_distribution_point: None,
                revoked_certs: if revokes { vec![revoked] } else { vec![] },
                key_identifier_method: KeyIdMethod::Sha256,
            };
            let list: rustls::pki_types::CertificateRevocationListDer<'static> =
                list.signed_by(&self.issuer).unwrap().into();
            RevocationList::from_der(list).unwrap()
        }

        /// The alert for the client, if it is refused.
        fn refused(&self, lists: [RevocationList; 2]) -> Option<rustls::AlertDescription> {
            let there = policy(self.anchors.clone().with_crls(lists.clone()));
            let [one, other] = lists;
            let back = policy(self.anchors.clone().with_crls([other, one]));
            let [one, other] = [there, back].map(|policy| outcome(policy, &self.client));
            assert_eq!(one, other, "it depends on the order");
            one.err().map(|(alert, _)| alert)
        }
    }

    #[test]
    fn the_higher_number_counts_then_the_later_date_then_both() {
        let (it, revoked) = (authority(), Some(CertificateRevoked));
        // the number decides, even if its list has an earlier date
        assert_eq!(it.refused([it.list(2, 1, true), it.list(1, 2, false)]), revoked);
        assert_eq!(it.refused([it.list(2, 1, false), it.list(1, 2, true)]), None);
        // numbers of more than one byte
        assert_eq!(it.refused([it.list(256, 1, true), it.list(255, 1, false)]), revoked);
        // the date decides if the number is the same
        assert_eq!(it.refused([it.list(1, 2, true), it.list(1, 1, false)]), revoked);
        assert_eq!(it.refused([it.list(1, 2, false), it.list(1, 1, true)]), None);
        // no difference: revoked if one of them revokes it
        assert_eq!(it.refused([it.list(1, 1, true), it.list(1, 1, false)]), revoked);
    }
}
