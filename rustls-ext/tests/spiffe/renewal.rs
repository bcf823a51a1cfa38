//! Updates, good and bad, and connections to the Workload API.

use http::{Request, Version};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::spiffe::{SvidProblem, Workload, WorkloadApi, WorkloadError};
use rustls_ext::{LoadError, with_causes};
use test_pki::rcgen::date_time_ymd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::api::{Api, METHOD, X509SvidResponse};
use crate::domain::{Domain, chain};
use crate::setting::{Connection, Renewals, Setting, connect, handshake, setup, workload_api};

/// The certificate of the server.
fn shown(connection: &Connection) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    let tls = connection.client.as_ref().unwrap().get_ref().1;
    tls.peer_certificates().unwrap().to_vec()
}

#[tokio::test]
async fn new_connections_use_a_rotated_svid_and_open_ones_continue() {
    let mut setting = Setting::new().await;
    let client = setting.client().await;
    let before = handshake(&setting.live, &client, "localhost").await;
    assert_eq!(shown(&before), chain(&setting.svid));

    let rotated = setting.own.svid("/server");
    let message = setting.own.message(&rotated, &[&setting.partner]);
    let update = setting.renewals.send(&setting.api, message).await;
    assert_eq!(update.svid().certified_key().cert, chain(&rotated));
    let after = handshake(&setting.live, &client, "localhost").await;
    assert_eq!(shown(&after), chain(&rotated));

    for connection in [before, after] {
        let (mut client, mut server) = (connection.client.unwrap(), connection.server.unwrap());
        client.write_all(b"?").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'?');
        server.write_all(b"!").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'!');
    }
}

/// Returns true for the error that is expected.
type Is = fn(&WorkloadError) -> bool;

/// Messages that must not be used.
fn bad_messages(own: &Domain) -> Vec<(&'static str, X509SvidResponse, Is)> {
    use WorkloadError as Error;
    const ID: &str = "spiffe://example.org/server";
    let svid = own.svid("/server");
    let good = || own.message(&svid, &[]);
    let with = |change: &dyn Fn(&mut X509SvidResponse)| {
        let mut message = good();
        change(&mut message);
        message
    };
    let key = |key: Vec<u8>| with(&|it| it.svids[0].x509_svid_key.clone_from(&key));
    let certificate = |it: &test_pki::IssuedCertificate| own.message(it, &[]);
    // A curve that does not exist, in place of P-256 (RFC 5480 section 2.1.1.1).
    let mut unknown = svid.key_der();
    let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let at = unknown.windows(curve.len()).position(|part| part == curve).unwrap();
    unknown[at + curve.len() - 1] = 0x7f;
    let federated = |bundle: Vec<u8>| {
        with(&|it| {
            it.federated_bundles.insert("spiffe://partner.example".into(), bundle.clone());
        })
    };
    vec![
        ("no SVID", with(&|it| it.svids.clear()), |err| matches!(err, Error::NoSvid)),
        ("no certificate", with(&|it| it.svids[0].x509_svid.clear()), |err| {
            matches!(err, Error::Unreadable { .. })
        }),
        ("a broken certificate", with(&|it| it.svids[0].x509_svid.truncate(100)), |err| {
            matches!(err, Error::Unreadable { .. })
        }),
        (
            "two SPIFFE IDs",
            certificate(&own.issue(&[ID, ID], |_| {})),
            |err| matches!(err, Error::Unreadable { reason } if reason.contains("multiple SPIFFE IDs")),
        ),
        ("two URIs", certificate(&own.issue(&[ID, "https://example.org/"], |_| {})), |err| {
            matches!(err, Error::BadSvid(SvidProblem::SeveralUris { count: 2 }))
        }),
        ("no path", certificate(&own.svid("")), |err| {
            matches!(err, Error::BadSvid(SvidProblem::NoPath { .. }))
        }),
        (
            "expired",
            certificate(&own.issue(&[ID], |params| {
                (params.not_before, params.not_after) =
                    (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
            })),
            |err| matches!(err, Error::ExpiredSvid { id, .. } if id == ID),
        ),
        (
            "the key of another certificate",
            key(own.svid("/server").key_der()),
            |err| matches!(err, Error::BadKey { id, error: rustls::Error::InconsistentKeys(_) } if id == ID),
        ),
        (
            "a key of an unknown kind",
            key(unknown),
            |err| matches!(err, Error::BadKey { id, error: rustls::Error::General(_) } if id == ID),
        ),
        ("a key in another format", key(b"-----BEGIN".to_vec()), |err| {
            matches!(err, Error::Unreadable { .. })
        }),
        (
            "an empty bundle",
            with(&|it| it.svids[0].bundle.clear()),
            |err| matches!(err, Error::EmptyBundle { trust_domain } if trust_domain == "example.org"),
        ),
        (
            "an empty federated bundle",
            federated(vec![]),
            |err| matches!(err, Error::EmptyBundle { trust_domain } if trust_domain == "partner.example"),
        ),
        ("a broken bundle", federated(vec![0x30]), |err| matches!(err, Error::Unreadable { .. })),
        (
            "a bundle without an authority",
            federated(svid.der().to_vec()),
            |err| matches!(err, Error::BadBundle { trust_domain, .. } if trust_domain == "partner.example"),
        ),
        (
            "a bundle of no trust domain",
            with(&|it| {
                it.federated_bundles.insert("https://partner.example".into(), own.bundle());
            }),
            |err| matches!(err, Error::Unreadable { .. }),
        ),
    ]
}

#[tokio::test]
async fn a_bad_update_is_reported_and_the_last_good_one_stays() {
    let mut setting = Setting::new().await;
    let client = setting.client().await;
    for (what, message, is_expected) in bad_messages(&setting.own) {
        setting.api.send(message);
        let err = setting.renewals.next().await.unwrap_err();
        assert!(is_expected(&err) && err.is_about_update(), "{what}: {err:?}");
        let connection = handshake(&setting.live, &client, "localhost").await;
        assert_eq!(shown(&connection), chain(&setting.svid), "{what}");
    }
    // The same connection to the Workload API still has good updates.
    let rotated = setting.own.svid("/server");
    setting.renewals.send(&setting.api, setting.own.message(&rotated, &[])).await;
    let connection = handshake(&setting.live, &client, "localhost").await;
    assert_eq!(shown(&connection), chain(&rotated));
}

#[tokio::test]
async fn a_first_update_that_is_bad_is_an_error() {
    let own = Domain::new("example.org");
    for (what, message, is_expected) in bad_messages(&own) {
        let api = Api::start(message);
        let err = Workload::connect(workload_api(&api)).await.unwrap_err();
        assert!(is_expected(&err), "{what}: {err:?}");
    }
}

#[tokio::test]
async fn an_update_replaces_all_setups_or_none() {
    let own = Domain::new("example.org");
    let (first, second) = (own.svid("/first"), own.svid("/second"));
    let api = Api::start(own.message(&first, &[]));
    let mut workload = connect(&api).await;
    let live = workload.live(setup).unwrap();
    let other = workload.live(|update| match update.svid().id() {
        "spiffe://example.org/second" => Err("not this one".into()),
        _ => setup(update),
    });
    let other = other.unwrap();
    let before = (live.current(), other.current());
    let config = workload.client_config(["example.org"]).unwrap();
    let mut renewals = Renewals::of(workload);

    api.send(own.message(&second, &[]));
    let err = renewals.next().await.unwrap_err();
    assert!(matches!(&err, WorkloadError::Setup(err) if err.to_string() == "not this one"));
    assert!(std::sync::Arc::ptr_eq(&before.0, &live.current()));
    let connection = handshake(&live, &config, "localhost").await;
    let tls = connection.server.as_ref().unwrap().get_ref().1;
    assert_eq!(tls.peer_certificates().unwrap(), chain(&first));

    let third = own.svid("/third");
    renewals.send(&api, own.message(&third, &[])).await;
    for live in [&live, &other] {
        assert_eq!(shown(&handshake(live, &config, "localhost").await), chain(&third));
    }
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn each_update_is_counted_as_a_load_and_the_end_of_a_connection_is_not() {
    rustls_ext::metrics::enable();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _on_this_thread = metrics::set_default_local_recorder(&recorder);
    let loads = || {
        let text = recorder.handle().render();
        ["success", "failure"].map(|outcome| {
            let name = format!("rustls_ext_loads_total{{outcome=\"{outcome}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            line.map_or(0, |number| number.parse::<usize>().unwrap())
        })
    };
    let mut setting = Setting::new().await;
    assert_eq!(loads(), [1, 0]);
    let bad = bad_messages(&setting.own);
    let count = bad.len();
    for (_, message, _) in bad {
        setting.api.send(message);
        setting.renewals.next().await.unwrap_err();
    }
    assert_eq!(loads(), [1, count]);
    setting.api.deny();
    setting.renewals.next().await.unwrap_err();
    setting.api.stop().await;
    setting.renewals.next().await.unwrap_err();
    assert_eq!(loads(), [1, count]);
    setting.api.send(setting.own.message(&setting.svid, &[]));
    setting.api.start_again();
    while setting.renewals.next().await.is_err() {}
    assert_eq!(loads(), [2, count]);
}

#[tokio::test]
async fn the_workload_connects_again_when_the_workload_api_is_back() {
    let mut setting = Setting::new().await;
    let client = setting.client().await;
    setting.api.stop().await;
    let err = setting.renewals.next().await.unwrap_err();
    assert!(!err.is_about_update(), "{err:?}");
    let err = setting.renewals.next().await.unwrap_err();
    assert!(matches!(err, WorkloadError::Connection { .. }), "{err:?}");
    let connection = handshake(&setting.live, &client, "localhost").await;
    assert_eq!(shown(&connection), chain(&setting.svid));

    let rotated = setting.own.svid("/server");
    setting.api.send(setting.own.message(&rotated, &[]));
    setting.api.start_again();
    let update = loop {
        match setting.renewals.next().await {
            Ok(update) => break update,
            Err(err) => assert!(matches!(err, WorkloadError::Connection { .. }), "{err:?}"),
        }
    };
    assert_eq!(update.svid().certified_key().cert, chain(&rotated));
    let connection = handshake(&setting.live, &client, "localhost").await;
    assert_eq!(shown(&connection), chain(&rotated));
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again() {
    let mut setting = Setting::new().await;
    setting.api.end();
    for _ in 0..2 {
        let err = setting.renewals.next().await.unwrap_err();
        assert!(matches!(err, WorkloadError::Ended), "{err:?}");
    }
    let rotated = setting.own.svid("/server");
    setting.api.send(setting.own.message(&rotated, &[]));
    let update = loop {
        match setting.renewals.next().await {
            Ok(update) => break update,
            Err(err) => assert!(matches!(err, WorkloadError::Ended), "{err:?}"),
        }
    };
    assert_eq!(update.svid().certified_key().cert, chain(&rotated));
}

#[tokio::test]
async fn an_identity_that_is_denied_is_reported_until_it_is_granted_again() {
    let mut setting = Setting::new().await;
    let client = setting.client().await;
    setting.api.deny();
    let err = setting.renewals.next().await.unwrap_err();
    assert!(matches!(err, WorkloadError::NoIdentity { .. }), "{err:?}");
    let err = Workload::connect(workload_api(&setting.api)).await.unwrap_err();
    assert!(matches!(err, WorkloadError::NoIdentity { .. }), "{err:?}");
    assert_eq!(
        with_causes(&err),
        "the Workload API denies this process an identity (no identity issued): check that it is \
         registered"
    );
    let connection = handshake(&setting.live, &client, "localhost").await;
    assert_eq!(shown(&connection), chain(&setting.svid));

    setting.api.send(setting.own.message(&setting.svid, &[]));
    let update = loop {
        match setting.renewals.next().await {
            Ok(update) => break update,
            Err(err) => assert!(matches!(err, WorkloadError::NoIdentity { .. }), "{err:?}"),
        }
    };
    assert_eq!(update.svid().certified_key().cert, chain(&setting.svid));
}

#[tokio::test]
async fn the_workload_api_of_these_tests_refuses_requests_without_the_security_header() {
    let own = Domain::new("example.org");
    let api = Api::start(own.message(&own.svid("/server"), &[]));
    let io = TokioIo::new(UnixStream::connect(api.path()).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    // An invalid argument is 3; there is no status before the first message of a stream.
    for (header, status) in [(None, Some("3")), (Some("false"), Some("3")), (Some("true"), None)] {
        let mut request = Request::post(format!("http://localhost{METHOD}"))
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc");
        if let Some(value) = header {
            request = request.header("workload.spiffe.io", value);
        }
        // A message without fields, not compressed.
        let request = request.body(Full::new(bytes::Bytes::from_static(&[0; 5]))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let found = response.headers().get("grpc-status").map(|found| found.to_str().unwrap());
        assert_eq!(found, status, "{header:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_valid_is_an_error() {
    for address in ["", "agent.sock", "unix:agent.sock", "https://localhost", "tcp://localhost:1"] {
        let err = WorkloadApi::from_address(address).unwrap_err();
        assert!(matches!(err, WorkloadError::BadEndpoint { .. }), "{address}: {err:?}");
    }
    let nowhere = tempfile::tempdir().unwrap();
    let api = WorkloadApi::from_socket(nowhere.path().join("agent.sock"))
        .with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()));
    let err = Workload::connect(api).await.unwrap_err();
    assert!(matches!(err, WorkloadError::Connection { .. }), "{err:?}");
    // A program may pass it on as the error of a load.
    assert!(LoadError::from(err).is::<WorkloadError>());
}
