//! Servers: which clients count in which scope.

use rustls::client::Resumption;
use rustls::{AlertDescription as Alert, CertificateError, Error, HandshakeKind};
use rustls_ext::spiffe::{SvidProblem, Workload, WorkloadError};
use rustls_ext::{LoadError, PeerIdentity, Rule, Verdict, explain};
use test_pki::rcgen::{KeyUsagePurpose, date_time_ymd};

use crate::api::Api;
use crate::domain::{Domain, chain};
use crate::setting::{Connection, Setting, connect, handshake, setup, workload, workload_api};

const OWN: &str = "localhost";
const PARTNERS: &str = "partners.example.org";

/// The scopes in which the client of a connection is authenticated.
fn scopes(connection: &Connection) -> Vec<&'static str> {
    let tls = connection.server.as_ref().unwrap().get_ref().1;
    let is_in = |scope: &&str| PeerIdentity::from_connection(tls, scope).is_some();
    ["example.org", "partner.example"].into_iter().filter(is_in).collect()
}

fn unknown_ca() -> (Error, Alert) {
    (CertificateError::UnknownIssuer.into(), Alert::UnknownCA)
}

#[tokio::test]
async fn a_client_counts_in_the_scope_of_its_own_trust_domain() {
    let setting = Setting::new().await;
    let connection = handshake(&setting.live, &setting.client().await, OWN).await;
    assert_eq!(scopes(&connection), ["example.org"]);
    let connection = handshake(&setting.live, &setting.partner().await, PARTNERS).await;
    assert_eq!(scopes(&connection), ["partner.example"]);
}

#[tokio::test]
async fn a_client_of_another_trust_domain_is_refused_with_unknown_ca() {
    let setting = Setting::new().await;
    let (own, partner) = (setting.client().await, setting.partner().await);
    let refused = handshake(&setting.live, &partner, OWN).await.refused_by_server();
    assert_eq!(refused, unknown_ca());
    let refused = handshake(&setting.live, &own, PARTNERS).await.refused_by_server();
    assert_eq!(refused, unknown_ca());
}

#[tokio::test]
async fn an_id_of_another_trust_domain_than_its_authority_is_refused_with_access_denied() {
    let setting = Setting::new().await;
    let lie = setting.own.issue(&["spiffe://partner.example/client"], |_| {});
    let client = setting.client_with(&lie).await;
    let refused = handshake(&setting.live, &client, OWN).await.refused_by_server();
    let denied = CertificateError::OutsideTrustDomain {
        expected: "spiffe://example.org".into(),
        presented: vec!["spiffe://partner.example/client".into()],
    };
    assert_eq!(refused, (denied.into(), Alert::AccessDenied));
    // Nor does it count in the scope of the trust domain that it names.
    let refused = handshake(&setting.live, &client, PARTNERS).await.refused_by_server();
    assert_eq!(refused, unknown_ca());
}

#[tokio::test]
async fn a_certificate_that_is_no_svid_is_refused_with_certificate_unknown() {
    use KeyUsagePurpose as Usage;
    use SvidProblem as Problem;
    const ID: &str = "spiffe://example.org/client";
    let setting = Setting::new().await;
    let own = &setting.own;
    let with = |usages: &[Usage]| own.issue(&[ID], |it| it.key_usages = usages.to_vec());
    let reason = "path cannot have a trailing slash".to_owned();
    let uri = "spiffe://example.org/client/".to_owned();
    let cases = [
        (own.issue(&[], |_| {}), Problem::NoUri),
        (own.issue(&[ID, ID], |_| {}), Problem::SeveralUris { count: 2 }),
        (own.issue(&[ID, "https://example.org/"], |_| {}), Problem::SeveralUris { count: 2 }),
        (own.issue(&[&uri], |_| {}), Problem::BadId { uri, reason }),
        (own.svid(""), Problem::NoPath { id: "spiffe://example.org".into() }),
        (with(&[]), Problem::NoKeyUsage),
        (with(&[Usage::KeyEncipherment]), Problem::NoDigitalSignature),
        (
            with(&[Usage::DigitalSignature, Usage::KeyCertSign]),
            Problem::UsageOfAuthority { usage: "keyCertSign" },
        ),
        (
            with(&[Usage::DigitalSignature, Usage::CrlSign]),
            Problem::UsageOfAuthority { usage: "cRLSign" },
        ),
    ];
    for (certificate, expected) in cases {
        let client = setting.client_with(&certificate).await;
        let (reason, alert) = handshake(&setting.live, &client, OWN).await.refused_by_server();
        let Error::InvalidCertificate(CertificateError::Other(other)) = &reason else {
            panic!("{expected}: {reason:?}");
        };
        assert_eq!(other.0.downcast_ref(), Some(&expected));
        assert_eq!(explain(&reason), expected.to_string());
        assert_eq!(alert, Alert::CertificateUnknown);
    }
}

#[tokio::test]
async fn an_expired_svid_is_refused_with_certificate_expired() {
    let setting = Setting::new().await;
    let expired = setting.own.issue(&["spiffe://example.org/client"], |params| {
        (params.not_before, params.not_after) =
            (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    });
    let client = setting.client_with(&expired).await;
    let (reason, alert) = handshake(&setting.live, &client, OWN).await.refused_by_server();
    let reason =
        matches!(reason, Error::InvalidCertificate(CertificateError::ExpiredContext { .. }));
    assert_eq!((reason, alert), (true, Alert::CertificateExpired));
}

#[tokio::test]
async fn clients_of_a_federated_trust_domain_are_refused_once_its_bundle_is_removed() {
    let mut setting = Setting::new().await;
    let (own, partner) = (setting.client().await, setting.partner().await);
    let connection = handshake(&setting.live, &partner, PARTNERS).await;
    assert_eq!(scopes(&connection), ["partner.example"]);

    let without = setting.own.message(&setting.svid, &[]);
    let update = setting.renewals.send(&setting.api, without).await;
    assert_eq!(update.trust_domains().collect::<Vec<_>>(), ["example.org"]);
    let refused = handshake(&setting.live, &partner, PARTNERS).await.refused_by_server();
    assert_eq!(refused, unknown_ca());
    assert_eq!(scopes(&handshake(&setting.live, &own, OWN).await), ["example.org"]);

    let with = setting.own.message(&setting.svid, &[&setting.partner]);
    setting.renewals.send(&setting.api, with).await;
    let connection = handshake(&setting.live, &partner, PARTNERS).await;
    assert_eq!(scopes(&connection), ["partner.example"]);
}

#[tokio::test]
async fn a_session_resumes_after_an_update_unless_the_bundle_of_its_client_is_removed() {
    let mut setting = Setting::new().await;
    let mut partner = setting.partner().await;
    partner.resumption = Resumption::in_memory_sessions(8);
    let kind =
        |connection: &Connection| connection.server.as_ref().unwrap().get_ref().1.handshake_kind();
    let connection = handshake(&setting.live, &partner, PARTNERS).await;
    assert_eq!(kind(&connection), Some(HandshakeKind::Full));

    let rotated = setting.own.message(&setting.own.svid("/server"), &[&setting.partner]);
    setting.renewals.send(&setting.api, rotated).await;
    let connection = handshake(&setting.live, &partner, PARTNERS).await;
    assert_eq!(kind(&connection), Some(HandshakeKind::Resumed));
    assert_eq!(scopes(&connection), ["partner.example"]);

    let without = setting.own.message(&setting.svid, &[]);
    setting.renewals.send(&setting.api, without).await;
    let refused = handshake(&setting.live, &partner, PARTNERS).await.refused_by_server();
    assert_eq!(refused, unknown_ca());
}

#[tokio::test]
async fn all_authorities_of_a_bundle_are_trusted() {
    let mut setting = Setting::new().await;
    // The next authority of the same trust domain, which has the same name.
    let next = Domain::new("example.org");
    let client = setting.client_with(&next.svid("/client")).await;
    let refused = handshake(&setting.live, &client, OWN).await.refused_by_server();
    assert_eq!(refused, (CertificateError::BadSignature.into(), Alert::DecryptError));

    let mut message = setting.own.message(&setting.svid, &[]);
    message.svids[0].bundle.extend(next.bundle());
    setting.renewals.send(&setting.api, message).await;
    let connection = handshake(&setting.live, &client, OWN).await;
    let sent = connection.server.as_ref().unwrap().get_ref().1.peer_certificates();
    assert_eq!(sent.map(|sent| sent.len()), Some(1));
    assert_eq!(scopes(&connection), ["example.org"]);
}

#[tokio::test]
async fn a_scope_needs_the_name_of_a_trust_domain() {
    let domain = Domain::new("example.org");
    let (_api, workload) = workload(&domain, "/server", &[]).await;
    let update = workload.current();
    for (name, expected) in [
        ("", "trust domain is missing"),
        (
            "Example.org",
            "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and \
             underscores",
        ),
        ("example.org/server", "it has a path, but does not begin with spiffe://"),
        ("spiffe://example.org/server", "it has a path, where a trust domain is needed"),
        ("https://example.org", "scheme is missing or invalid"),
        (&"a".repeat(256), "its trust domain is longer than 255 bytes"),
    ] {
        let Err(WorkloadError::BadId { id, reason }) = update.policy([name]) else {
            panic!("{name:?} is accepted");
        };
        assert_eq!((&*id, &*reason), (name, expected));
    }
    assert!(update.policy([&"a".repeat(255)]).is_ok());
}

#[tokio::test]
async fn the_certificate_of_a_server_is_the_first_svid_or_the_chosen_one() {
    let domain = Domain::new("example.org");
    let (first, second) = (domain.svid("/first"), domain.svid("/second"));
    let mut message = domain.message(&first, &[]);
    message.svids.push(domain.entry(&second));
    message.svids[1].hint = "internal".into();
    let api = Api::start(message);

    let update = connect(&api).await.current();
    assert_eq!(update.svid().id(), "spiffe://example.org/first");
    assert_eq!(update.svid().trust_domain(), "example.org");
    let all: Vec<_> = update.svids().iter().map(|svid| (svid.id(), svid.hint())).collect();
    assert_eq!(
        all,
        [("spiffe://example.org/first", None), ("spiffe://example.org/second", Some("internal"))]
    );

    let chosen = workload_api(&api).with_svid("spiffe://example.org/second");
    let workload = Workload::connect(chosen.unwrap()).await.unwrap();
    assert_eq!(workload.current().svid().certified_key().cert, chain(&second));

    let other = workload_api(&api).with_svid("spiffe://example.org/third");
    let err = Workload::connect(other.unwrap()).await.unwrap_err();
    assert!(
        matches!(&err, WorkloadError::OtherSvids { id } if id == "spiffe://example.org/third"),
        "{err:?}"
    );
}

#[tokio::test]
async fn wio_6_a_rule_may_be_on_the_origin_of_a_scope_and_on_no_other() {
    let setting = Setting::new().await;
    let mut workload = connect(&setting.api).await;
    let checked = workload.live(|update| {
        let policy = |origin: &str| {
            let scopes = update.policy(["example.org", "partner.example"])?;
            let rule = Rule::when().origin(origin).require("partner.example");
            Ok::<_, LoadError>(scopes.rule(rule).otherwise(Verdict::None).build()?)
        };
        policy("spiffe://partner.example")?;
        let refused = policy("spiffe://example.org").unwrap_err().to_string();
        let said =
            "rule 1: scope \"partner.example\" must have the trust domain spiffe://example.org";
        assert!(refused.starts_with(said), "{refused}");
        setup(update)
    });
    checked.unwrap();
}
