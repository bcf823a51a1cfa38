//! Clients: which servers they accept, and the SVID that they present.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription as Alert, CertificateError, Error, HandshakeKind, ServerConfig};
use rustls_ext::spiffe::{SvidProblem, WorkloadError};
use rustls_ext::{Live, Policy, Setup, Verdict};
use test_pki::IssuedCertificate;
use test_pki::rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};

use crate::api::Api;
use crate::domain::{Domain, chain};
use crate::setting::{Connection, Renewals, Setting, connect, handshake, workload};

/// A server that requests no certificate, with this one of its own.
fn server(certificate: &IssuedCertificate) -> Live {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate.certified_key().unwrap())));
    let policy = Policy::builder().otherwise(Verdict::None).build().unwrap();
    Setup::new(config, policy).into()
}

fn denied() -> (Error, Alert) {
    (CertificateError::ApplicationVerificationFailure.into(), Alert::AccessDenied)
}

fn unknown_ca() -> (Error, Alert) {
    (CertificateError::UnknownIssuer.into(), Alert::UnknownCA)
}

#[tokio::test]
async fn a_server_is_accepted_by_its_id_and_not_by_its_name() {
    let (own, partner) = (Domain::new("example.org"), Domain::new("partner.example"));
    let (_api, workload) = workload(&own, "/client", &[&partner]).await;
    let (database, other) = (server(&own.svid("/database")), server(&own.svid("/other")));
    let theirs = server(&partner.svid("/database"));

    let exact = workload.client_config(["spiffe://example.org/database"]).unwrap();
    handshake(&database, &exact, "name.example").await.client.unwrap();
    for refused in [&other, &theirs] {
        assert_eq!(handshake(refused, &exact, "name.example").await.refused_by_client(), denied());
    }

    let members = workload.client_config(["example.org"]).unwrap();
    for accepted in [&database, &other] {
        handshake(accepted, &members, "name.example").await.client.unwrap();
    }
    assert_eq!(handshake(&theirs, &members, "name.example").await.refused_by_client(), denied());

    let both = workload
        .client_config(["spiffe://example.org/database", "spiffe://partner.example"])
        .unwrap();
    for accepted in [&database, &theirs] {
        handshake(accepted, &both, "name.example").await.client.unwrap();
    }
    assert_eq!(handshake(&other, &both, "name.example").await.refused_by_client(), denied());
}

#[tokio::test]
async fn a_server_is_verified_against_the_bundle_of_its_own_trust_domain_alone() {
    let (own, partner) = (Domain::new("example.org"), Domain::new("partner.example"));
    let foreign = Domain::new("foreign.example");
    let (_api, workload) = workload(&own, "/client", &[&partner]).await;
    let config = workload.client_config(["example.org", "foreign.example"]).unwrap();
    // The authority of one trust domain in an SVID of another one.
    let lie = server(&partner.issue(&["spiffe://example.org/database"], |_| {}));
    assert_eq!(handshake(&lie, &config, "name.example").await.refused_by_client(), unknown_ca());
    // A trust domain without a bundle.
    let unknown = server(&foreign.svid("/database"));
    assert_eq!(
        handshake(&unknown, &config, "name.example").await.refused_by_client(),
        unknown_ca()
    );
}

#[tokio::test]
async fn a_server_must_present_an_svid_for_servers() {
    const ID: &str = "spiffe://example.org/database";
    let own = Domain::new("example.org");
    let (_api, workload) = workload(&own, "/client", &[]).await;
    let config = workload.client_config([ID]).unwrap();

    let uris = server(&own.issue(&[ID, "https://example.org/"], |_| {}));
    let authority = server(&own.issue(&[ID], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    }));
    for (refused, expected) in
        [(uris, SvidProblem::SeveralUris { count: 2 }), (authority, SvidProblem::IsAuthority)]
    {
        let (reason, alert) =
            handshake(&refused, &config, "name.example").await.refused_by_client();
        let Error::InvalidCertificate(CertificateError::Other(other)) = &reason else {
            panic!("{reason:?}");
        };
        assert_eq!(other.0.downcast_ref(), Some(&expected));
        assert_eq!(alert, Alert::CertificateUnknown);
    }

    let for_clients = own.issue(&[ID], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let refused = handshake(&server(&for_clients), &config, "name.example").await;
    let (reason, alert) = refused.refused_by_client();
    let purpose =
        matches!(reason, Error::InvalidCertificate(CertificateError::InvalidPurposeContext { .. }));
    assert_eq!((purpose, alert), (true, Alert::UnsupportedCertificate));
    // Without the extension, any use is allowed.
    let for_all = own.issue(&[ID], |params| params.extended_key_usages = vec![]);
    handshake(&server(&for_all), &config, "name.example").await.client.unwrap();
}

#[tokio::test]
async fn a_client_uses_the_svid_and_the_bundles_of_the_current_update() {
    let (own, partner) = (Domain::new("example.org"), Domain::new("partner.example"));
    let setting = Setting::new().await;
    let first = setting.own.svid("/client");
    let api = Api::start(setting.own.message(&first, &[&partner]));
    let workload = connect(&api).await;
    let config = workload.client_config(["example.org", "partner.example"]).unwrap();
    let mut renewals = Renewals::of(workload);
    let presented = |connection: &Connection| {
        let tls = connection.server.as_ref().unwrap().get_ref().1;
        tls.peer_certificates().unwrap().to_vec()
    };
    for _ in 0..2 {
        let connection = handshake(&setting.live, &config, "localhost").await;
        assert_eq!(presented(&connection), chain(&first));
        // A resumed session would not be checked against the current bundles.
        let kind = connection.client.unwrap().get_ref().1.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::Full));
    }
    let theirs = server(&partner.svid("/database"));
    handshake(&theirs, &config, "localhost").await.client.unwrap();

    let second = setting.own.svid("/client");
    renewals.send(&api, setting.own.message(&second, &[])).await;
    let connection = handshake(&setting.live, &config, "localhost").await;
    assert_eq!(presented(&connection), chain(&second));
    let refused = handshake(&theirs, &config, "localhost").await.refused_by_client();
    assert_eq!(refused, unknown_ca());
    // Another authority with the name of the trust domain does not help.
    let refused = handshake(&server(&own.svid("/database")), &config, "localhost").await;
    assert_eq!(
        refused.refused_by_client(),
        (CertificateError::BadSignature.into(), Alert::DecryptError)
    );
}

#[tokio::test]
async fn a_client_must_expect_a_server() {
    let own = Domain::new("example.org");
    let (_api, workload) = workload(&own, "/client", &[]).await;
    let none: [&str; 0] = [];
    assert!(matches!(workload.client_config(none), Err(WorkloadError::NoServers)));
    let Err(WorkloadError::BadId { id, reason }) =
        workload.client_config(["example.org", "spiffe://example.org/"])
    else {
        panic!("the second ID is accepted");
    };
    assert_eq!(id, "spiffe://example.org/");
    assert_eq!(reason, "path cannot have a trailing slash");
}
