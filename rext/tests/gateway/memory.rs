//! The memory that clients can make the gateway use.

use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt;
use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::client::TlsStream;

use crate::client::{ReceivedResponse, Site, get, request};

const MIB: usize = 1024 * 1024;

/// The memory of a process that is in RAM, in bytes.
#[cfg(target_os = "linux")]
fn resident(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /endless` of HTTP/2, on this stream.
fn endless(stream: u32) -> Vec<u8> {
    let path = [&[0x04, 8][..], b"/endless", &[0x01, 9], b"localhost"].concat();
    frame(1, 5, stream, &[&[0x82, 0x87], &path[..]].concat())
}

/// A client of HTTP/2 that asks for 100 endless responses and opens all windows, and reads nothing.
async fn greedy(site: &Site) -> TlsStream<tokio::net::TcpStream> {
    let mut stream = site.tls(H2, None).await;
    let most = (u32::MAX >> 1).to_be_bytes();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[&[0, 4][..], &most].concat()));
    bytes.extend(frame(8, 0, 0, &((u32::MAX >> 1) - 65_535).to_be_bytes()));
    for number in 0..100 {
        bytes.extend(endless(2 * number + 1));
    }
    stream.write_all(&bytes).await.unwrap();
    stream
}

/// cases/proxy/h2_memory
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_nothing_use_no_more_than_their_limit_and_are_disconnected() {
    let mut site = Site::start(&["--idle-timeout", "5", "--upstream-connections", "1000"]).await;
    let id = site.gateway.child.id();
    let before = resident(id);
    let mut most = before;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(greedy(&site).await);
    }
    // The server behind has seen most of the requests.
    for _ in 0..8 * 45 {
        site.upstream.requests.recv().await.unwrap();
        most = most.max(resident(id));
    }
    for _ in 0..8 {
        site.gateway.wait_for_log(&["WARN", "no data was read or written for 5s"]);
        most = most.max(resident(id));
    }
    let each = (most - before) / 8;
    assert!(each <= 4 * MIB, "{each} bytes for each connection");
}

#[tokio::test]
async fn requests_beyond_the_memory_of_all_connections_get_503_and_connections_are_refused() {
    // Three connections at rest, or two with some requests.
    let mut site = Site::start(&["--memory", "2", "--connection-memory", "4"]).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = site.connect(H2).await;
        let answer = connection.send(get("/hop")).await;
        assert_eq!(answer.status, StatusCode::OK);
        held.push(connection);
    }
    let mut third = site.connect(HTTP1).await;
    assert_eq!(third.get("/hop").await.status, StatusCode::OK);
    // The fourth fits exactly, without any request.
    let mut fourth = site.connect(HTTP1).await;
    let answer = fourth.begin(get("/hop")).await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    let answer = ReceivedResponse::of(answer).await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text.contains("no memory for the request"), "{answer:?}");
    let parts = ["WARN", "request refused", "status=503", "--memory", "used up"];
    site.gateway.wait_for_log(&parts);
    let mut fifth = tokio::net::TcpStream::connect(("127.0.0.1", site.gateway.port)).await.unwrap();
    assert_eq!(fifth.read(&mut [0]).await.unwrap_or(0), 0);
    site.gateway.wait_for_log(&["WARN", "connection refused", "--memory", "used up"]);
    assert_eq!(site.upstream.seen(), ["GET /hop"; 3]);
    // There is space again when a connection has ended.
    drop(held);
    while fourth.begin(get("/hop")).await.is_ok_and(|answer| answer.status() != StatusCode::OK) {}
}

#[tokio::test]
async fn requests_beyond_the_memory_of_their_connection_get_503() {
    let mut site = Site::start(&["--connection-memory", "1"]).await;
    let mut connection = site.connect(H2).await;
    let large = "x".repeat(30_000);
    let held = |mut connection: crate::client::Connection| {
        let request = request("POST", "/hold", &[("x-large", &large)], Body::from("four"));
        tokio::spawn(async move { connection.begin(request).await.unwrap() })
    };
    let crate::client::Connection::Http2(sender) = &connection else { panic!("HTTP/1.1") };
    // 640 KiB, of which each of them takes 62.
    let answers: Vec<_> =
        (0..10).map(|_| held(crate::client::Connection::Http2(sender.clone()))).collect();
    for _ in 0..10 {
        assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
    }
    let answer = connection
        .begin(request("GET", "/hop", &[("x-large", &large)], Body::empty()))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.gateway.wait_for_log(&["WARN", "request refused", "--connection-memory"]);
    site.upstream.release.add_permits(10);
    for answer in answers {
        let body = answer.await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "4");
    }
    assert_eq!(site.upstream.seen(), [""; 0]);
}
