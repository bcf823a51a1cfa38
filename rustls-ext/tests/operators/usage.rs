//! The required purposes of certificates: `usage`.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Purpose, IsCa, Issuer,
    KeyPair,
};
use rustls::AlertDescription::UnsupportedCertificate;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use rustls_ext::{Anchors, BadUsage, Usage};

use crate::common::provider;
use crate::{Case, outcome, policy};

const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";

struct Made {
    anchors: Anchors,
    issuer: Issuer<'static, KeyPair>,
}

impl Made {
    /// An authority whose certificate has these purposes.
    fn new(purposes: Vec<Purpose>) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let anchor = params.self_signed(&key).unwrap().der().clone();
        let root = Issuer::new(params, key);

        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "intermediate");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = purposes;
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &root).unwrap().der().clone();
        let _ = INTERMEDIATE.with(|it| it.replace(Some(der)));
        Self {
            anchors: Anchors::from_certificates([anchor]).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn client(&self, purposes: Vec<Purpose>) -> CertifiedKey {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.extended_key_usages = purposes;
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let chain = vec![own, INTERMEDIATE.with(|it| it.borrow().clone().unwrap())];
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        CertifiedKey::new(chain, provider().key_provider.load_private_key(key).unwrap())
    }

    /// Whether a client with these purposes is accepted.
    fn accepts(&self, usage: Usage, purposes: Vec<Purpose>) -> bool {
        let policy = policy(self.anchors.clone().with_usage(usage));
        match outcome(policy, &self.client(purposes)) {
            Ok(()) => true,
            Err((alert, words)) => {
                assert_eq!(alert, UnsupportedCertificate, "{words}");
                false
            }
        }
    }
}

thread_local! {
    static INTERMEDIATE: std::cell::RefCell<Option<rustls::pki_types::CertificateDer<'static>>> =
        const { std::cell::RefCell::new(None) };
}

fn other() -> Purpose {
    Purpose::Other(vec![1, 2, 3, 4])
}

#[test]
fn each_usage_accepts_its_purposes() {
    let made = Made::new(vec![]);
    let none = Vec::new;
    let server = || vec![Purpose::ServerAuth];
    let both = || vec![Purpose::ServerAuth, Purpose::ClientAuth];
    let one_of = |purposes: &[&str]| Usage::one_of(purposes).unwrap();

    assert!(made.accepts(Usage::default(), none()));
    assert!(made.accepts(Usage::client(), both()));
    assert!(!made.accepts(Usage::default(), server()));
    assert!(!made.accepts(Usage::client(), vec![Purpose::Any]));

    for purposes in [none(), server(), both(), vec![other()], vec![Purpose::Any]] {
        assert!(made.accepts(Usage::any(), purposes));
    }

    assert!(made.accepts(one_of(&[SERVER]), server()));
    assert!(made.accepts(one_of(&[SERVER]), both()));
    assert!(made.accepts(one_of(&[CLIENT, SERVER]), server()));
    assert!(made.accepts(one_of(&["1.2.3.4"]), vec![Purpose::ServerAuth, other()]));
    assert!(made.accepts(one_of(&["2.5.29.37.0"]), vec![Purpose::Any]));
    assert!(!made.accepts(one_of(&["1.2.3.4"]), both()));
    assert!(!made.accepts(one_of(&["1.2.3"]), vec![other()]));
    // A required purpose must be present.
    assert!(!made.accepts(one_of(&[CLIENT]), none()));
}

#[test]
fn the_purposes_of_an_authority_limit_what_it_issues() {
    let made = Made::new(vec![Purpose::ServerAuth]);
    assert!(!made.accepts(Usage::client(), vec![Purpose::ClientAuth]));
    let one_of = |purpose: &str| Usage::one_of([purpose]).unwrap();
    assert!(made.accepts(one_of(SERVER), vec![Purpose::ServerAuth]));
    assert!(!made.accepts(one_of(CLIENT), vec![Purpose::ClientAuth]));
}

#[test]
fn an_invalid_object_identifier_is_an_error() {
    assert_eq!(Usage::one_of::<[&str; 0]>([]), Err(BadUsage(String::new())));
    for bad in ["", "client", "1.2.x", "1..2", "1.2.99999999999999999999999", "3.1", "1.99"] {
        assert_eq!(Usage::one_of([SERVER, bad]), Err(BadUsage(bad.into())), "{bad:?}");
    }
}

#[test]
fn policy_files_have_a_name_or_a_list_of_usages() {
    // anyExtendedKeyUsage
    let case = Case("clearer-messages");
    let client = case.client("anyeku");
    for (usage, accepts) in [
        ("'client'", false),
        ("'any'", true),
        ("['2.5.29.37.0']", true),
        ("['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']", true),
        ("['1.3.6.1.5.5.7.3.2']", false),
    ] {
        let policy = case.policy(&format!("anchors = ['@ca.pem']\nusage = {usage}")).unwrap();
        assert_eq!(outcome(policy, &client).is_ok(), accepts, "{usage}");
    }
    for usage in ["'server'", "[]", "['any']", "7"] {
        let error = case.policy(&format!("anchors = ['@ca.pem']\nusage = {usage}")).unwrap_err();
        let said = "line 3: expected \"client\", \"any\" or object identifiers, as";
        assert!(error.contains(said), "{usage}: {error}");
    }
}
