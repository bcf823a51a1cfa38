//! The metrics of connections and requests over HTTP/3.

use http::StatusCode;
use hyper::body::Bytes;

use crate::client::{Site, receive, request};
use crate::prometheus::Metrics;

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_requests_over_http3_are_counted() {
    let site = Site::start(&["--metrics", "127.0.0.1:0", "--require", "/echo=clients"]).await;
    let metrics = Metrics::of(&site.gateway);
    let mut anonymous = site.connect(None).await;
    assert_eq!(anonymous.get("/trailers").await.text(), "whole");
    assert_eq!(anonymous.get("/echo").await.status, StatusCode::UNAUTHORIZED);
    let mut agent = site.connect(Some("client")).await;
    let mut stream = agent.begin(request("POST", "/echo", &[("content-length", "7")])).await;
    stream.send_data(Bytes::from("1234567")).await.unwrap();
    stream.finish().await.unwrap();
    receive(&mut stream).await.unwrap();
    for connection in [anonymous, agent] {
        connection.quic.close(0x100_u32.into(), b"");
    }

    metrics.wait_until("all connections have ended", |metrics| {
        metrics.sum("rext_requests_total") == 3.0 && metrics.sum("rext_connections_open") == 0.0
    });
    let expect =
        |name: &str, expected: &[&str]| assert_eq!(metrics.lines(name), expected, "{name}");
    expect("rext_connections_open", &["transport=quic 0"]);
    expect("rext_connections_total", &["transport=quic 2"]);
    expect("rext_requests_open", &["protocol=3 0"]);
    expect("rext_requests_total", &["protocol=3,status=2xx 2", "protocol=3,status=4xx 1"]);
    expect("rext_error_responses_total", &["status=401 1"]);
    expect("rext_request_seconds", &["protocol=3 3"]);
    expect("rext_received_body_bytes_total", &["7"]);
    expect("rext_requests_aborted_total", &[]);
    expect("rustls_ext_handshakes_total", &["outcome=accepted,reason=none,transport=quic 2"]);
    expect(
        "rustls_ext_certificate_requests_total",
        &["outcome=authenticated,scope=clients,transport=quic 1"],
    );
    expect(
        "rustls_ext_offers_total",
        &["offer=flag,transport=quic 1", "offer=none,transport=quic 1"],
    );
}
