//! The numbers of the feature `metrics` after a known sequence of QUIC handshakes.
#![cfg(feature = "metrics")]

use metrics_exporter_prometheus::PrometheusBuilder;
use rustls_ext::ClientAuthOffer;

use crate::harness::Site;

#[tokio::test]
async fn quic_handshakes_are_counted_like_those_over_tcp() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    rustls_ext::metrics::enable();
    let site = Site::new();
    site.if_offered(site.require());

    let silent = site.client(None, ClientAuthOffer::default());
    site.visit(&silent).await;
    site.visit(&silent).await; // resumed
    site.visit(&site.agent(ClientAuthOffer::flag())).await;
    site.refused(&site.client(Some(&site.pki.boss), ClientAuthOffer::flag())).await;
    // One that never completes its handshake: the server drops it.
    let connecting = site.connect(&silent.clone());
    let accepted = site.incoming().await.accept().unwrap();
    drop((connecting, accepted));
    site.server.close(0u32.into(), b"");
    site.server.wait_idle().await;

    let text = recorder.handle().render();
    let mut lines: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("rustls_ext_"))
        .filter(|line| !line.starts_with("handshake_seconds"))
        .collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            r#"acknowledged_total{transport="quic"} 1"#,
            r#"certificate_requests_total{transport="quic",scope="agents",outcome="authenticated"} 1"#,
            r#"handshakes_total{transport="quic",outcome="accepted",reason="none"} 3"#,
            r#"handshakes_total{transport="quic",outcome="refused",reason="unfinished"} 1"#,
            r#"handshakes_total{transport="quic",outcome="refused",reason="unknown_authority"} 1"#,
            r#"offers_total{transport="quic",offer="flag"} 1"#,
            r#"offers_total{transport="quic",offer="none"} 2"#,
            r#"refused_certificates_total{transport="quic",scope="",reason="unknown_authority"} 1"#,
            r#"sessions_total{transport="quic",tls_version="1.3",resumed="false"} 2"#,
            r#"sessions_total{transport="quic",tls_version="1.3",resumed="true"} 1"#,
        ]
    );
}
