//! Certificates that are not an authority's cannot be trust anchors. They can be pinned.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::AlertDescription::{CertificateExpired, CertificateUnknown, DecryptError, UnknownCA};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls_ext::{AnchorError, Anchors, Files, NotAuthority, PolicyError, explain, with_causes};

use crate::common::provider;
use crate::{Case, now, outcome, policy, refused};

const CASE: Case = Case("anchor-that-is-no-ca");

const UNKNOWN: &str = "no trust anchor of the scope has issued the certificate, or one above it is \
                       missing from what the client sent, or has its name in another encoding";

#[test]
fn a_certificate_that_is_no_authoritys_is_an_error_at_load_with_its_file_and_subject() {
    let said = "pinned-leaf.pem: not a trust anchor: CN=pinned2 is not a certificate authority: \
                it has no basicConstraints with CA:TRUE; to accept exactly this certificate from a \
                client, pin it instead";
    let path = CASE.path("pinned-leaf.pem");
    let said_of = |err: rustls_ext::FileError| CASE.without_paths(&with_causes(&err));
    assert_eq!(said_of(Files::new().anchors(&path).unwrap_err()), said);
    assert_eq!(said_of(Files::new().roots(&path).unwrap_err()), said);
    assert_eq!(said_of(Anchors::from_pem_file(&path).unwrap_err()), said);
    assert_eq!(CASE.policy("anchors = ['@pinned-leaf.pem']").unwrap_err(), said);

    let of_version_1 = Files::new().anchors(CASE.path("version-1.pem")).unwrap_err();
    assert!(
        with_causes(&of_version_1)
            .contains("CN=version 1 is not a certificate authority: its X.509")
    );
}

#[test]
fn a_key_usage_without_key_cert_sign_is_no_authoritys() {
    let reason = |usages: Vec<KeyUsagePurpose>| {
        let mut params = params("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = usages;
        match Anchors::from_certificates([made(params).cert[0].clone()]) {
            Ok(_) => None,
            Err(AnchorError::NotAuthority { subject, reason }) => {
                assert_eq!(subject, "CN=authority");
                Some(reason)
            }
            Err(err) => panic!("{err}"),
        }
    };
    assert_eq!(reason(vec![]), None);
    assert_eq!(reason(vec![KeyUsagePurpose::KeyCertSign]), None);
    assert_eq!(reason(vec![KeyUsagePurpose::CrlSign]), Some(NotAuthority::NoKeyCertSign));
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Self-signed.
fn made(params: CertificateParams) -> CertifiedKey {
    let key = KeyPair::generate().unwrap();
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    CertifiedKey::new(chain, provider().key_provider.load_private_key(key).unwrap())
}

fn pinned(certificate: &CertificateDer<'static>) -> Anchors {
    Anchors::from_pinned([certificate.clone()]).unwrap()
}

const VERSION_1: &str = "a certificate is not of X.509 version 3: issue it again; `openssl x509 -req` \
    makes version 1 unless it gets extensions, as by `-extfile`, and `openssl req -x509` makes \
    version 3";

#[test]
fn a_certificate_of_version_1_is_named_as_such_wherever_it_is_loaded() {
    // with its key, for a server or a client
    let (certificate, key) = (CASE.path("version-1.pem"), CASE.path("version-1.key"));
    let error = Files::new().certified_key(&certificate, &key, &provider()).unwrap_err();
    assert_eq!(error.path, certificate);
    assert_eq!(CASE.without_paths(&error.to_string()), format!("version-1.pem: {VERSION_1}"));

    // as a trust anchor
    let error = Files::new().anchors(&certificate).unwrap_err();
    assert_eq!(
        CASE.without_paths(&with_causes(&error)),
        "version-1.pem: not a trust anchor: CN=version 1 is not a certificate authority: its X.509 \
         version is not 3, so it has no basicConstraints with CA:TRUE (`openssl req -x509` makes \
         version 3); to accept exactly this certificate from a client, pin it instead"
    );
}

#[test]
fn a_client_s_error_names_a_server_certificate_of_version_1() {
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::ServerName;

    let chain = Files::new().certificates(CASE.path("version-1.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider());
    let name = ServerName::try_from("localhost").unwrap();
    let refused = verifier.build().unwrap().verify_server_cert(&chain[0], &[], &name, &[], now());
    assert_eq!(explain(&refused.unwrap_err()), VERSION_1);
}

#[test]
fn reasons_that_rustls_only_passes_on_are_shown_without_their_debug_format() {
    use rustls::{CertificateError, OtherError};
    use webpki::Error as Pki;

    let words = |reason: Pki| {
        let other = OtherError(std::sync::Arc::new(reason));
        explain(&CertificateError::Other(other).into())
    };
    for (reason, said) in [
        (Pki::UnsupportedCertVersion, VERSION_1),
        (Pki::MaximumPathDepthExceeded, "the certificate chain is too long"),
        (
            Pki::CaUsedAsEndEntity,
            "the peer's certificate is one of a certificate authority (CA:TRUE)",
        ),
        (Pki::ExtensionValueInvalid, "a certificate has an extension that cannot be read"),
        (
            Pki::UnsupportedCriticalExtension,
            "a certificate has a critical extension that is not supported: unknown",
        ),
        (
            Pki::SignatureAlgorithmMismatch,
            "a certificate names two different algorithms for its signature",
        ),
    ] {
        assert_eq!(words(reason), said);
    }
    // One of another crate has its own text.
    let other = OtherError(std::sync::Arc::new(std::fmt::Error));
    let text = std::fmt::Error.to_string();
    assert_eq!(explain(&CertificateError::Other(other).into()), text);
}

#[test]
fn a_pinned_certificate_issues_nothing() {
    let unknown = refused(UnknownCA, UNKNOWN);
    let rogue = CASE.client("rogue");
    let library = policy(Files::new().pinned(CASE.path("pinned-leaf.pem")).unwrap());
    assert_eq!(outcome(library, &rogue), unknown);
    let file = CASE.policy("pinned = ['@pinned-leaf.pem']").unwrap();
    assert_eq!(outcome(file, &rogue), unknown);
    // nor beside anchors
    let other = Case("ca-limits-not-kept");
    let certificates = Files::new().certificates(CASE.path("pinned-leaf.pem")).unwrap();
    let both = other.anchors("ca.pem").with_pinned(certificates).unwrap();
    assert_eq!(outcome(policy(both), &rogue), unknown);
}

#[test]
fn a_pinned_certificate_of_any_kind_is_accepted() {
    let mut authority = params("an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let an_authoritys = "the client's certificate is one of a certificate authority (CA:TRUE), which \
                         is accepted only if it is pinned";
    let of_version_1 = VERSION_1;
    let critical = "a certificate has a critical extension that is not supported: \
                    certificatePolicies (2.5.29.32)";
    for (client, otherwise) in [
        (made(params("self-signed")), refused(UnknownCA, UNKNOWN)),
        (made(authority), refused(CertificateUnknown, an_authoritys)),
        // issued by another, of version 1, and with a critical extension that is not supported
        (CASE.client("rogue"), refused(UnknownCA, UNKNOWN)),
        (CASE.client("version-1"), refused(CertificateUnknown, of_version_1)),
        (Case("clearer-messages").client("critpol"), refused(CertificateUnknown, critical)),
    ] {
        assert_eq!(outcome(policy(pinned(&client.cert[0])), &client), Ok(()));
        // and no other certificate
        let other = policy(pinned(&made(params("self-signed")).cert[0]));
        assert_eq!(outcome(other, &client), otherwise);
    }
    // beside anchors, both count
    let case = Case("ca-limits-not-kept");
    let rogue = CASE.client("rogue");
    let anchors = || case.anchors("expired-root.pem").with_pinned([rogue.cert[0].clone()]).unwrap();
    assert_eq!(outcome(policy(anchors()), &rogue), Ok(()));
    assert_eq!(outcome(policy(anchors()), &case.client("of-expired-root")), Ok(()));
}

#[test]
fn a_client_without_the_key_of_a_pinned_certificate_is_refused() {
    for name in ["rogue", "version-1"] {
        let mut client = CASE.client(name);
        client.key = made(params("another")).key;
        let policy = policy(pinned(&client.cert[0]));
        let Err((alert, _)) = outcome(policy, &client) else { panic!("let in: {name}") };
        assert_eq!(alert, DecryptError, "{name}");
    }
}

#[test]
fn a_pinned_certificate_counts_within_its_dates() {
    let mut expired = params("robot");
    expired.not_after = date_time_ymd(2026, 1, 1);
    let expired = made(expired);
    let policy_of = |client: &CertifiedKey| policy(pinned(&client.cert[0]));
    assert_eq!(
        CASE.warnings(&policy_of(&expired), now()),
        ["error: scope \"clients\": the pinned certificate CN=robot expired at \
          2026-01-01T00:00:00Z"]
    );
    assert_eq!(
        outcome(policy_of(&expired), &expired),
        refused(
            CertificateExpired,
            "the certificate, or one above it, expired at 2026-01-01T00:00:00Z (it is now \
             2026-11-28T12:00:00Z)"
        )
    );
    let mut future = params("robot");
    future.not_before = date_time_ymd(2027, 1, 1);
    let future = made(future);
    assert_eq!(
        CASE.warnings(&policy_of(&future), now()),
        ["error: scope \"clients\": the pinned certificate CN=robot is not valid before \
          2027-01-01T00:00:00Z"]
    );
    let Err((alert, _)) = outcome(policy_of(&future), &future) else { panic!("let in") };
    assert_eq!(alert, CertificateExpired);
}

#[test]
fn a_scope_needs_an_anchor_or_a_pinned_certificate() {
    let none = rustls_ext::Policy::builder()
        .provider(provider())
        .scope("clients", Anchors::from_pinned([]).unwrap())
        .otherwise(rustls_ext::Verdict::None)
        .build();
    assert!(matches!(none, Err(PolicyError::NoAnchors { scope }) if scope == "clients"));
    let error = Anchors::from_pinned([CertificateDer::from(vec![0x30, 0])]).unwrap_err();
    assert!(matches!(error, AnchorError::Malformed(_)));
}

#[test]
fn an_own_verifier_with_options_is_an_error() {
    let verifier = crate::common::Pki::new().agents.verifier();
    let own = |change: fn(Anchors) -> Anchors| {
        rustls_ext::Policy::builder()
            .scope("clients", change(Anchors::from_verifier(verifier.clone())))
            .otherwise(rustls_ext::Verdict::None)
            .build()
    };
    own(|anchors| anchors).unwrap();
    for change in [
        |anchors: Anchors| anchors.without_names(),
        |anchors: Anchors| anchors.with_usage(rustls_ext::Usage::any()),
        |anchors: Anchors| anchors.with_crl_expiry(rustls_ext::CrlExpiry::Ignore),
        |anchors: Anchors| anchors.with_crls(Case("crl-out-of-date").crls(&["not-yet.crl"])),
        |anchors: Anchors| anchors.with_pinned([made(params("a")).cert[0].clone()]).unwrap(),
    ] {
        assert!(
            matches!(own(change), Err(PolicyError::OwnVerifier { scope }) if scope == "clients")
        );
    }
}
