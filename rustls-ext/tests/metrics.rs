//! The numbers of the feature `metrics` after a known sequence of connections and requests.
#![cfg(all(feature = "metrics", feature = "http", feature = "ring", feature = "tokio"))]

mod common;

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use common::{CertAndKey, Pki, name};
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Bytes;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use rcgen::{CertificateParams, DnType, date_time_ymd};
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, RequireScope};
use rustls_ext::metrics::{self, Kind, METRICS, Metric, Values};
use rustls_ext::tokio::{Acceptor, policy_fn};
use rustls_ext::{Anchors, ClientAuthOffer, Live, LoadError, Policy, Rule, Setup, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::server::TlsStream;
use tower::{Layer, ServiceExt, service_fn};

/// A recorder for the thread of one test. Before the first is made, nothing is recorded.
fn recorder() -> PrometheusRecorder {
    static ENABLED: LazyLock<()> = LazyLock::new(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        ::metrics::with_local_recorder(&recorder, || {
            drop(Live::<Policy>::load(|_| Err(LoadError::new("no files"))));
            METRICS[0].add(1, &["tcp", "accepted", "none"]);
        });
        assert_eq!(recorder.handle().render(), "", "recorded before `enable()`");
        metrics::enable();
    });
    LazyLock::force(&ENABLED);
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS {
        if let Some(buckets) = metric.buckets() {
            let name = metrics_exporter_prometheus::Matcher::Full(metric.name().into());
            builder = builder.set_buckets_for_metric(name, buckets).unwrap();
        }
    }
    builder.build_recorder()
}

/// The lines that begin with one of these names, sorted, without the common prefix.
fn lines(recorder: &PrometheusRecorder, names: &[&str]) -> Vec<String> {
    let text = recorder.handle().render();
    let lines = text.lines().filter_map(|line| line.strip_prefix("rustls_ext_"));
    let mut lines: Vec<_> = lines
        .filter(|line| names.iter().any(|name| line.starts_with(name)))
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn policy(pki: &Pki, otherwise: Verdict) -> Policy {
    Policy::builder()
        .provider(common::provider())
        .scope("agents", Anchors::from_certificates([pki.agents.der.clone()]).unwrap())
        .scope("staff", Anchors::from_certificates([pki.staff.der.clone()]).unwrap())
        .rule(Rule::when().offered(true).request("agents"))
        .otherwise(otherwise)
        .build()
        .unwrap()
}

fn acceptor(pki: &Pki, policy: Policy) -> Acceptor {
    Acceptor::new(Arc::new(pki.server_config(&[&TLS13, &TLS12])), policy)
}

fn client(pki: &Pki, identity: Option<&CertAndKey>, offer: ClientAuthOffer) -> Arc<ClientConfig> {
    Arc::new(pki.client_config(identity, offer, &[&TLS13, &TLS12]))
}

/// Connects, and exchanges a byte, so that the client has its tickets.
async fn connect(
    acceptor: &Acceptor,
    client: &Arc<ClientConfig>,
) -> Option<TlsStream<DuplexStream>> {
    let (near, far) = duplex(64 * 1024);
    let connector = TlsConnector::from(client.clone());
    let client = async {
        let Ok(mut stream) = connector.connect(name(), near).await else { return };
        let _ = stream.read_u8().await;
    };
    let server = async {
        let mut stream = acceptor.accept(far, None).await.ok()?;
        stream.write_u8(0).await.ok()?;
        stream.flush().await.ok()?;
        Some(stream)
    };
    tokio::join!(client, server).1
}

fn expired(pki: &Pki) -> CertAndKey {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "expired");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    pki.agents.sign(params)
}

#[tokio::test]
async fn handshakes_are_counted_by_outcome_reason_offer_scope_and_session() {
    let recorder = recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let pki = Pki::new();
    let asking = acceptor(&pki, policy(&pki, Verdict::None));
    let requiring = acceptor(&pki, policy(&pki, Verdict::Require("staff".into())));
    let (none, flag) = (ClientAuthOffer::default, ClientAuthOffer::flag);

    // Two without an offer, the second one resumed.
    let silent = client(&pki, None, none());
    assert!(connect(&asking, &silent).await.is_some());
    assert!(connect(&asking, &silent).await.is_some());
    assert!(connect(&asking, &client(&pki, Some(&pki.agent), flag())).await.is_some());
    // It offers, but its resolver then has no certificate.
    let mut declining = pki.client_config(None, flag(), &[&TLS13]);
    declining.client_auth_cert_resolver = Arc::new(Declines);
    assert!(connect(&asking, &Arc::new(declining)).await.is_some());
    // Refused: an unknown authority, an expired certificate, none where one is required.
    assert!(connect(&asking, &client(&pki, Some(&pki.boss), flag())).await.is_none());
    assert!(connect(&asking, &client(&pki, Some(&expired(&pki)), flag())).await.is_none());
    assert!(connect(&requiring, &silent).await.is_none());
    // TLS 1.2, by the rule that requires.
    let old = Arc::new(pki.client_config(Some(&pki.boss), none(), &[&TLS12]));
    assert!(connect(&requiring, &old).await.is_some());

    let names = ["handshakes_total", "offers", "certificate_requests", "acknowledged", "sessions"];
    assert_eq!(
        lines(&recorder, &names),
        [
            r#"acknowledged_total{transport="tcp"} 2"#,
            r#"certificate_requests_total{transport="tcp",scope="agents",outcome="authenticated"} 1"#,
            r#"certificate_requests_total{transport="tcp",scope="agents",outcome="declined"} 1"#,
            r#"certificate_requests_total{transport="tcp",scope="agents",outcome="failed"} 2"#,
            r#"certificate_requests_total{transport="tcp",scope="staff",outcome="authenticated"} 1"#,
            r#"certificate_requests_total{transport="tcp",scope="staff",outcome="failed"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="accepted",reason="none"} 5"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="expired"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="no_certificate"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="unknown_authority"} 1"#,
            r#"offers_total{transport="tcp",offer="flag"} 2"#,
            r#"offers_total{transport="tcp",offer="none"} 3"#,
            r#"sessions_total{transport="tcp",tls_version="1.2",resumed="false"} 1"#,
            r#"sessions_total{transport="tcp",tls_version="1.3",resumed="false"} 3"#,
            r#"sessions_total{transport="tcp",tls_version="1.3",resumed="true"} 1"#,
        ]
    );
    assert_eq!(
        lines(&recorder, &["refused_certificates", "handshake_seconds_count"]),
        [
            r#"handshake_seconds_count{transport="tcp",outcome="accepted"} 5"#,
            r#"handshake_seconds_count{transport="tcp",outcome="refused"} 3"#,
            r#"refused_certificates_total{transport="tcp",scope="agents",reason="expired"} 1"#,
            r#"refused_certificates_total{transport="tcp",scope="agents",reason="unknown_authority"} 1"#,
        ]
    );
}

/// Offers, but sends no certificate.
#[derive(Debug)]
struct Declines;

impl rustls::client::ResolvesClientCert for Declines {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_are_none_have_their_own_reasons() {
    let recorder = recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let pki = Pki::new();
    let acceptor =
        acceptor(&pki, policy(&pki, Verdict::None)).with_handshake_timeout(Duration::from_secs(3));
    let send = |bytes: &'static [u8]| {
        let acceptor = acceptor.clone();
        async move {
            let (mut near, far) = duplex(1024);
            near.write_all(bytes).await.unwrap();
            drop(near);
            assert!(acceptor.accept(far, None).await.is_err());
        }
    };
    send(b"").await;
    send(b"GET / HTTP/1.1\r\nhost: \"},x\r\n\r\n").await;
    send(b"\x16\x03\x01\x00\x05").await;
    send(b"\x17\x17\x17\x17\x17\x17").await;
    let (_open, far) = duplex(1024);
    assert!(acceptor.accept(far, None).await.is_err());
    let failing = Acceptor::new(
        Arc::new(pki.server_config(&[&TLS13])),
        policy_fn(|_, _| async {
            Err::<rustls::server::ClientAuthDecision, _>("the directory is \"down\"\n".into())
        }),
    );
    let (near, far) = duplex(64 * 1024);
    let connector = TlsConnector::from(client(&pki, None, ClientAuthOffer::default()));
    let (refused, _) = tokio::join!(failing.accept(far, None), connector.connect(name(), near));
    assert!(refused.is_err());
    assert_eq!(
        lines(&recorder, &["handshakes_total"]),
        [
            r#"handshakes_total{transport="tcp",outcome="refused",reason="closed"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="io"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="malformed"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="other_protocol"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="policy_failed"} 1"#,
            r#"handshakes_total{transport="tcp",outcome="refused",reason="timeout"} 1"#,
        ]
    );
}

#[tokio::test]
async fn denied_requests_are_counted_by_status_reason_and_scope_and_never_by_host_or_path() {
    let recorder = recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let pki = Pki::new();
    let policy = || {
        Policy::builder()
            .provider(common::provider())
            .scope("agents", Anchors::from_certificates([pki.agents.der.clone()]).unwrap())
            .scope("staff", Anchors::from_certificates([pki.staff.der.clone()]).unwrap())
            .rule(Rule::when().server_name("staff.test").require("staff"))
            .rule(Rule::when().offered(true).request("agents"))
            .otherwise(Verdict::None)
            .build()
            .unwrap()
    };
    let acceptor = acceptor(&pki, policy());
    let hosts = Arc::new(policy());
    let info = async |identity, offer| {
        let stream = connect(&acceptor, &client(&pki, identity, offer)).await.unwrap();
        ConnectionInfo::from_tls(stream.get_ref().1, None)
    };
    let stranger = info(None, ClientAuthOffer::default()).await;
    let agent = info(Some(&pki.agent), ClientAuthOffer::flag()).await;
    let status = async |info: &ConnectionInfo, scope: &str, host: &str| {
        let inner = service_fn(|_: Request<Empty<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        let service = CallerLayer::new(hosts.clone())
            .with_connection(info.clone())
            .layer(RequireScope::new(scope).layer(inner));
        let request = Request::get("/secret-path").header("host", host).body(Empty::new());
        service.oneshot(request.unwrap()).await.unwrap().status().as_u16()
    };
    assert_eq!(status(&agent, "agents", "localhost").await, 200);
    assert_eq!(status(&stranger, "agents", "localhost").await, 401);
    assert_eq!(status(&stranger, "agents", "localhost").await, 401);
    assert_eq!(status(&agent, "staff", "localhost").await, 403);
    assert_eq!(status(&stranger, "staff", "localhost").await, 403);
    assert_eq!(status(&agent, "agents", "staff.test").await, 421);
    assert_eq!(status(&agent, "agents", "bad host").await, 400);
    assert_eq!(status(&agent, "nobody", "localhost").await, 500);
    assert_eq!(
        lines(&recorder, &["denied"]),
        [
            r#"denied_total{status="400",reason="host",scope=""} 1"#,
            r#"denied_total{status="401",reason="unauthenticated",scope="agents"} 2"#,
            r#"denied_total{status="403",reason="never_asked",scope="staff"} 1"#,
            r#"denied_total{status="403",reason="other_scope",scope="staff"} 1"#,
            r#"denied_total{status="421",reason="misdirected",scope=""} 1"#,
            r#"denied_total{status="500",reason="unknown_scope",scope="nobody"} 1"#,
        ]
    );
    let text = recorder.handle().render();
    for chosen in ["secret-path", "localhost", "staff.test", "bad host"] {
        assert!(!text.contains(chosen), "{chosen}");
    }
}

#[test]
fn loads_are_counted_and_the_time_of_the_last_success_stays_after_a_failure() {
    let recorder = recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let pki = Pki::new();
    let config = Arc::new(pki.server_config(&[&TLS13]));
    let policy = Arc::new(policy(&pki, Verdict::None));
    let mut loads = 0;
    let live = Live::load(move |_| {
        loads += 1;
        match loads {
            2 => Err(LoadError::new("a mistake")),
            _ => Ok(Setup::<Policy>::new(config.clone(), policy.clone())),
        }
    })
    .unwrap();
    let last = || lines(&recorder, &["last_load"]);
    let first = last();
    assert_eq!(first.len(), 1);
    assert!(live.reload().is_err());
    assert_eq!(last(), first);
    assert!(live.reload().is_ok());
    assert_ne!(last(), first);
    assert_eq!(
        lines(&recorder, &["loads"]),
        [r#"loads_total{outcome="failure"} 1"#, r#"loads_total{outcome="success"} 2"#]
    );
}

#[test]
fn the_first_expiry_of_each_scope_and_kind_is_recorded_until_the_scope_is_gone() {
    let recorder = recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let pki = Pki::new();
    let pinned = |year| {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        pki.agents.sign(params).chain[0].clone()
    };
    let policy = |scope: &str| {
        let anchors = Anchors::from_pinned([pinned(2050), pinned(2040)]).unwrap();
        let builder = Policy::builder().provider(common::provider()).scope(scope, anchors);
        builder.otherwise(Verdict::None).build().unwrap()
    };
    let expiry = || lines(&recorder, &["expiry"]);
    metrics::expiries(&policy("agents"));
    metrics::server_certificate(&[pinned(2045), pinned(2042)]);
    assert_eq!(
        expiry(),
        [
            r#"expiry_timestamp_seconds{kind="pinned",scope="agents"} 2208988800"#,
            r#"expiry_timestamp_seconds{kind="server_certificate",scope=""} 2272147200"#,
        ]
    );
    metrics::expiries(&policy("others"));
    assert_eq!(
        expiry(),
        [
            r#"expiry_timestamp_seconds{kind="pinned",scope="agents"} NaN"#,
            r#"expiry_timestamp_seconds{kind="pinned",scope="others"} 2208988800"#,
            r#"expiry_timestamp_seconds{kind="server_certificate",scope=""} 2272147200"#,
        ]
    );
}

#[test]
fn a_value_outside_of_a_labels_set_is_recorded_as_other() {
    static SAMPLES: Metric = Metric::counter("rustls_ext_samples_total", "Samples.")
        .with_labels(&[rustls_ext::metrics::Label::one_of("kind", &["known", "other"])]);
    let recorder = recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    SAMPLES.add(1, &["known"]);
    SAMPLES.add(2, &["chosen\"by a client\n"]);
    SAMPLES.add(4, &[]);
    assert_eq!(
        lines(&recorder, &["samples"]),
        [r#"samples_total{kind="known"} 1"#, r#"samples_total{kind="other"} 6"#]
    );
}

#[test]
fn the_table_follows_the_conventions_of_prometheus() {
    let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name()).collect();
    for metric in METRICS {
        let name = metric.name();
        assert!(name.starts_with("rustls_ext_"), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        match metric.kind() {
            Kind::Counter => assert!(name.ends_with("_total"), "{name}"),
            Kind::Histogram(buckets) => {
                assert!(name.ends_with("_seconds"), "{name}");
                assert!(buckets.is_sorted() && !buckets.is_empty(), "{name}");
            }
            _ => assert!(!name.ends_with("_total"), "{name}"),
        }
        assert!(metric.help().ends_with('.'), "{name}");
        for label in metric.labels() {
            if let Values::OneOf(values) = label.values() {
                assert!(!values.is_empty() && !values.contains(&""), "{name} {}", label.name());
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), METRICS.len());
}
