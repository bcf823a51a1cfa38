//! Name constraints of kinds that are not supported.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, KeyPair, NameConstraints,
};
use rustls::AlertDescription::CertificateUnknown;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use rustls_ext::Anchors;

use crate::common::provider;
use crate::{Case, now, outcome, policy, refused};

const CASE: Case = Case("name-constraints-not-known");

fn not_supported(kind: &str) -> String {
    format!(
        "an authority has name constraints on {kind}, which are not supported: only those on DNS \
         names and IP addresses are"
    )
}

#[test]
fn the_refusal_names_the_kind_of_constraints_that_is_not_supported() {
    for (client, kind) in [("uri", "URIs"), ("dirname", "directory names")] {
        assert_eq!(
            outcome(policy(CASE.anchors("ca.pem")), &CASE.client(client)),
            refused(CertificateUnknown, &not_supported(kind))
        );
    }
}

fn constrained(permitted: GeneralSubtree) -> (Anchors, CertifiedKey) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: vec![permitted], excluded_subtrees: vec![] });
    let key = KeyPair::generate().unwrap();
    let anchor = params.self_signed(&key).unwrap().der().clone();
    let issuer = rcgen::Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut client = CertificateParams::new(vec!["agent.example.com".to_owned()]).unwrap();
    let email = "agent@example.com".try_into().unwrap();
    client.subject_alt_names.push(rcgen::SanType::Rfc822Name(email));
    let chain = vec![client.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = provider().key_provider.load_private_key(key).unwrap();
    (Anchors::from_certificates([anchor]).unwrap(), CertifiedKey::new(chain, key))
}

#[test]
fn an_anchor_with_such_constraints_is_told_of_at_load() {
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::OrganizationName, "Test");
    for (constraint, kind, more) in [
        (GeneralSubtree::Rfc822Name("example.com".into()), "email addresses", ""),
        (
            GeneralSubtree::DirectoryName(name),
            "directory names",
            ", and every certificate has a directory name, its subject",
        ),
    ] {
        let (anchors, client) = constrained(constraint);
        assert_eq!(
            CASE.warnings(&policy(anchors.clone()), now()),
            [format!(
                "warning: scope \"clients\": the trust anchor CN=root has name constraints on \
                 {kind}, which are not supported: certificates with such names are refused{more}"
            )]
        );
        assert_eq!(
            outcome(policy(anchors), &client),
            refused(CertificateUnknown, &not_supported(kind))
        );
    }
}

#[test]
fn constraints_on_dns_names_are_kept() {
    let (anchors, client) = constrained(GeneralSubtree::DnsName("example.com".into()));
    assert_eq!(CASE.warnings(&policy(anchors.clone()), now()), [""; 0]);
    assert_eq!(outcome(policy(anchors), &client), Ok(()));
    let (anchors, client) = constrained(GeneralSubtree::DnsName("example.net".into()));
    assert_eq!(
        outcome(policy(anchors), &client),
        refused(
            CertificateUnknown,
            "a name in a certificate is not allowed by the name constraints of its authority"
        )
    );
}
