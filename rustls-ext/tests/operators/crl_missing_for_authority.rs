//! An authority without a revocation list is named.

use std::sync::Arc;

use rustls::AlertDescription::CertificateUnknown;
use rustls::server::ClientAuthStatus;
use rustls::version::TLS13;
use rustls_ext::{CertificateProblem, Policy, Verdict, explain};

use crate::common::{Pki, connect, provider, pump};
use crate::{Case, NOW, configs, now, outcome, policy, refused};

const CASE: Case = Case("crl-missing-for-authority");
const WORDS: &str = "there is no revocation list of CN=Client Intermediate,O=Test, so it is unknown \
                     whether a certificate that it issued is revoked: add its list";

#[test]
fn the_refusal_names_the_authority_without_a_list() {
    let policy = policy(CASE.anchors("ca.pem").with_crls(CASE.crls(&["root.crl"])));
    assert_eq!(CASE.warnings(&policy, now()), [""; 0]);
    let client = CASE.client("client");
    assert_eq!(outcome(policy, &client), refused(CertificateUnknown, WORDS));
}

#[test]
fn a_lenient_policy_explains_the_refusal_too() {
    let anchors = CASE.anchors("ca.pem").with_crls(CASE.crls(&["root.crl"]));
    let policy = Policy::builder()
        .provider(provider())
        .scope("clients", anchors)
        .otherwise(Verdict::RequestLenient("clients".into()))
        .build()
        .unwrap();
    let (pki, client) = (Pki::new(), CASE.client("client"));
    let (server, client) = configs(&pki, &Arc::new(policy), &client, &TLS13, NOW, provider());
    let (mut client, mut server) = connect(&client, &server);
    pump(&mut client, &mut server).unwrap();
    let auth = server.client_auth().unwrap();
    assert_eq!(auth.status(), ClientAuthStatus::Refused);
    let refusal = auth.refusal().unwrap();
    assert_eq!(explain(refusal), WORDS);
    let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(
        other.0.downcast_ref(),
        Some(&CertificateProblem::NoRevocationList {
            authority: "CN=Client Intermediate,O=Test".into()
        })
    );
}

#[test]
fn without_any_list_revocation_is_not_checked() {
    assert_eq!(outcome(policy(CASE.anchors("ca.pem")), &CASE.client("client")), Ok(()));
}
