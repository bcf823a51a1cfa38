//! Certificates and lists that are not supported: the message names the reason.

use rustls::AlertDescription::{CertificateUnknown, UnsupportedCertificate};
use rustls_ext::{Anchors, CrlError, FileProblem, Files, RevocationList, with_causes};

use crate::common::provider;
use crate::{Case, now, outcome, policy, refused};

const CASE: Case = Case("clearer-messages");

#[test]
fn lists_that_are_not_complete_are_errors_that_name_the_file() {
    for (file, said) in [
        (
            "delta.crl",
            "delta.crl: a delta revocation list: only complete lists are supported: give the \
             authority's complete one",
        ),
        (
            "partitioned.crl",
            "partitioned.crl: a revocation list for a part of its issuer's certificates (it has an \
             issuingDistributionPoint): only complete lists are supported: give the authority's \
             complete one",
        ),
    ] {
        let error = Files::new().crls(CASE.path(file)).unwrap_err();
        assert_eq!(CASE.without_paths(&with_causes(&error)), said);
        let keys = format!("anchors = ['@ca.pem']\ncrls = ['@{file}']");
        assert_eq!(CASE.policy(&keys).unwrap_err(), said);
    }
}

#[test]
fn a_partition_that_webpki_supports_is_no_complete_list_either() {
    use rcgen::{
        CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
        CrlIssuingDistributionPoint, CrlScope, Issuer, KeyIdMethod, KeyPair, date_time_ymd,
    };
    let issuer = Issuer::new(CertificateParams::new(vec![]).unwrap(), KeyPair::generate().unwrap());
    for scope in [None, Some(CrlScope::UserCertsOnly)] {
        let uris = vec!["http://example.com/list.crl".to_owned()];
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2030, 1, 1),
            crl_number: 1u64.into(),
            issuing_distribution_point: Some(CrlIssuingDistributionPoint {
                distribution_point: CrlDistributionPoint { uris },
                scope,
            }),
            revoked_certs: vec![],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list: rustls::pki_types::CertificateRevocationListDer<'static> =
            list.signed_by(&issuer).unwrap().into();
        let error = RevocationList::from_der(list).unwrap_err();
        assert_eq!(error, CrlError::Partitioned);
    }
}

#[test]
fn data_that_is_not_a_list_is_an_error_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.crl");
    std::fs::write(&path, [0x30, 3, 2, 1, 1]).unwrap();
    let error = Files::new().crls(&path).unwrap_err();
    let what = "certificate revocation list";
    assert!(
        matches!(error.problem, FileProblem::Missing { expected, .. } if expected == what),
        "{error}"
    );
    assert_eq!(error.path, path);

    let text = crate::common::pem("X509 CRL", &[0x30, 3, 2, 1, 1]);
    std::fs::write(&path, text).unwrap();
    let error = Files::new().crls(&path).unwrap_err();
    assert!(matches!(error.problem, FileProblem::NotPem(_)), "{error}");
    assert!(error.to_string().contains("odd.crl: line 1: "), "{error}");

    let list = rustls::pki_types::CertificateRevocationListDer::from(vec![0x30, 3, 2, 1, 1]);
    assert_eq!(RevocationList::from_der(list).unwrap_err(), CrlError::Malformed);
}

#[test]
fn a_critical_extension_is_named() {
    assert_eq!(
        outcome(policy(CASE.anchors("ca.pem")), &CASE.client("critpol")),
        refused(
            CertificateUnknown,
            "a certificate has a critical extension that is not supported: certificatePolicies \
             (2.5.29.32)"
        )
    );
}

#[test]
fn any_purpose_is_not_client_authentication_and_the_error_names_it() {
    assert_eq!(
        outcome(policy(CASE.anchors("ca.pem")), &CASE.client("anyeku")),
        refused(
            UnsupportedCertificate,
            "the certificate's extended key usage does not allow client authentication: it allows \
             any purpose (anyExtendedKeyUsage, which does not stand for the others here); the \
             scope's usage says what is accepted"
        )
    );
}

#[test]
fn a_signature_algorithm_is_named() {
    assert_eq!(
        outcome(policy(CASE.anchors("ca.pem")), &CASE.client("sha512")),
        refused(
            CertificateUnknown,
            "a certificate is signed with ecdsa-with-SHA512 (1.2.840.10045.4.3.4), which the \
             cryptography provider does not have"
        )
    );
}

#[test]
fn keys_that_the_provider_does_not_have_are_told_of_at_load() {
    for (file, key) in [
        ("p521.pem", "id-ecPublicKey (1.2.840.10045.2.1) on secp521r1 (1.3.132.0.35)"),
        ("rsapss.pem", "rsassa-pss (1.2.840.113549.1.1.10)"),
    ] {
        let certificates = Files::new().certificates(CASE.path(file)).unwrap();
        let name = if file == "p521.pem" { "P-521" } else { "rsapss" };
        let policy = policy(Anchors::from_pinned(certificates).unwrap());
        assert_eq!(
            CASE.warnings(&policy, now()),
            [format!(
                "error: scope \"clients\": the key of CN={name} is for {key}, which the \
                 cryptography provider does not have, so certificates that need it are refused"
            )]
        );
    }
}

#[test]
fn a_private_key_that_the_provider_does_not_have_is_called_what_it_is() {
    for (name, key) in [
        ("p521", "id-ecPublicKey (1.2.840.10045.2.1) on secp521r1 (1.3.132.0.35)"),
        ("rsapss", "rsassa-pss (1.2.840.113549.1.1.10)"),
    ] {
        let [certificate, private] = ["pem", "key"].map(|end| CASE.path(&format!("{name}.{end}")));
        let error = Files::new().certified_key(certificate, private, &provider()).unwrap_err();
        assert_eq!(
            CASE.without_paths(&with_causes(&error)),
            format!(
                "{name}.key: not a usable key: it is for {key}, which the cryptography provider \
                 does not have"
            )
        );
    }
}

#[cfg(feature = "aws-lc-rs")]
mod with_aws_lc_rs {
    use std::sync::Arc;

    use rustls::crypto::aws_lc_rs;
    use rustls::version::{TLS12, TLS13};
    use rustls_ext::{Policy, Verdict};

    use super::*;
    use crate::common::{Pki, connect, pump};
    use crate::{NOW, configs};

    #[test]
    fn p_521_and_sha_512_are_fine_and_keys_for_rsa_pss_alone_are_not() {
        let provider = || Arc::new(aws_lc_rs::default_provider());
        for version in [&TLS13, &TLS12] {
            for name in ["p521", "sha512"] {
                let policy = Policy::builder()
                    .provider(provider())
                    .scope("clients", CASE.anchors("ca.pem"))
                    .otherwise(Verdict::Require("clients".into()))
                    .build()
                    .unwrap();
                let client = CASE.client_of(name, &provider());
                let (server, client) =
                    configs(&Pki::new(), &Arc::new(policy), &client, version, NOW, provider());
                let (mut client, mut server) = connect(&client, &server);
                pump(&mut client, &mut server).unwrap();
            }
        }
        let certificates = Files::new().certificates(CASE.path("rsapss.pem")).unwrap();
        let policy = Policy::builder()
            .provider(provider())
            .scope("clients", Anchors::from_pinned(certificates).unwrap())
            .otherwise(Verdict::None)
            .build()
            .unwrap();
        assert!(matches!(
            &policy.warnings(now())[0].kind,
            rustls_ext::WarningKind::UnusableKey { subject, .. } if subject == "CN=rsapss"
        ));
        let key = Files::new().private_key(CASE.path("rsapss.key")).unwrap();
        provider().key_provider.load_private_key(key).unwrap_err();
    }
}
