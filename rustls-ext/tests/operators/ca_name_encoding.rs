//! An anchor's name as a PrintableString, and as a UTF8String in a certificate that it issued.

use rcgen::{BasicConstraints, CertificateParams, DnType, DnValue, IsCa, KeyPair};

use crate::{Case, outcome, policy};

const CASE: Case = Case("ca-name-encoding");

#[test]
fn an_anchors_name_may_have_another_encoding_in_what_it_has_issued() {
    let anchors = CASE.anchors("ca-printablestring.pem");
    assert_eq!(outcome(policy(anchors), &CASE.client("issued-by-utf8string")), Ok(()));
}

/// An authority's certificate, whose name is a PrintableString.
fn printable(organization: &str, name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    let printable = |text: &str| DnValue::PrintableString(text.try_into().unwrap());
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, printable(organization));
    params.distinguished_name.push(DnType::CommonName, printable(name));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

#[test]
fn the_name_of_a_list_may_have_another_encoding_too() {
    let mut params = printable("Test Org", "Encoding CA");
    let key = KeyPair::generate().unwrap();
    let anchor = params.self_signed(&key).unwrap().der().clone();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Test Org");
    params.distinguished_name.push(DnType::CommonName, "Encoding CA");
    let issuer = rcgen::Issuer::new(params, key);
    let list = |revoked_certs| {
        let list = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2030, 1, 1),
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list: rustls::pki_types::CertificateRevocationListDer<'static> =
            list.signed_by(&issuer).unwrap().into();
        rustls_ext::RevocationList::from_der(list).unwrap()
    };
    let mut client = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    client.serial_number = Some(7u64.into());
    let key = KeyPair::generate().unwrap();
    let chain = vec![client.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = crate::common::provider().key_provider.load_private_key(key).unwrap();
    let client = rustls::sign::CertifiedKey::new(chain, key);

    let anchors = rustls_ext::Anchors::from_certificates([anchor]).unwrap();
    assert_eq!(outcome(policy(anchors.clone().with_crls([list(vec![])])), &client), Ok(()));
    let revoked = rcgen::RevokedCertParams {
        serial_number: 7u64.into(),
        revocation_time: rcgen::date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let Err((alert, _)) = outcome(policy(anchors.with_crls([list(vec![revoked])])), &client) else {
        panic!("let in");
    };
    assert_eq!(alert, rustls::AlertDescription::CertificateRevoked);
}

#[test]
fn the_name_alone_is_not_enough() {
    // The same name, and another key.
    let params = printable("Test Org", "Encoding CA");
    let other = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
    let anchors = rustls_ext::Anchors::from_certificates([other]).unwrap();
    let client = CASE.client("issued-by-utf8string");
    let Err((alert, _)) = outcome(policy(anchors), &client) else { panic!("let in") };
    assert_eq!(alert, rustls::AlertDescription::DecryptError);
}
