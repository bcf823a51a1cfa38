//! Servers that do not respond, clients that stop sending or reading, and the ends of connections.

use std::convert::Infallible;
use std::net::TcpListener;
use std::process::Command;

use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Bytes;
use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Connection, ReceivedResponse, Site, get, request};
use crate::common::TIMEOUT;
use crate::upstream::Upstream;

#[tokio::test]
async fn a_server_that_is_not_running_is_a_502_and_is_logged() {
    // No server listens on this address any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site::with(Upstream::start().await, &format!("http://{gone}"), &[]);
    for protocol in [H2, HTTP1] {
        let answer = site.connect(protocol).await.get("/echo").await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::BAD_GATEWAY, "Bad Gateway\n"));
        let upstream = format!("upstream=http://{gone}/");
        let parts =
            ["WARN", "no response", &upstream, "status=502", "GET /echo", "onnection refused"];
        site.gateway.wait_for_log(&parts);
    }
}

#[tokio::test]
async fn a_server_that_closes_the_connection_is_a_502() {
    let site = Site::start(&[]).await;
    for protocol in [H2, HTTP1] {
        let answer = site.connect(protocol).await.get("/close").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        site.gateway.wait_for_log(&["WARN", "no response", "status=502", "GET /close"]);
    }
}

#[tokio::test]
async fn a_server_that_does_not_respond_is_a_504() {
    let site = Site::start(&["--idle-timeout", "0.3"]).await;
    for protocol in [H2, HTTP1] {
        let answer = site.connect(protocol).await.get("/never").await;
        assert_eq!(
            (answer.status, &*answer.text),
            (StatusCode::GATEWAY_TIMEOUT, "Gateway Timeout\n")
        );
        let parts =
            ["WARN", "status=504", "GET /never", "the server behind sent no response for 300ms"];
        site.gateway.wait_for_log(&parts);
    }
}

#[tokio::test]
async fn a_client_that_stops_in_the_body_of_its_request_is_a_408() {
    let site = Site::start(&["--idle-timeout", "0.3"]).await;
    for protocol in [H2, HTTP1] {
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        sender.send_data(Bytes::from("first")).await.unwrap();
        let mut connection = site.connect(protocol).await;
        let response = connection.begin(request("POST", "/echo", &[], Body::new(body))).await;
        assert_eq!(response.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
        site.gateway.wait_for_log(&[
            "WARN",
            "status=408",
            "POST /echo",
            "the body stalled: no data arrived for 300ms",
        ]);
        drop(sender);
    }
}

#[tokio::test]
async fn a_truncated_response_does_not_look_complete() {
    let site = Site::start(&["--idle-timeout", "0.3"]).await;
    for protocol in [H2, HTTP1] {
        for (path, beginning) in [("/short", "whole"), ("/stall", "first")] {
            let mut connection = site.connect(protocol).await;
            let mut body = connection.begin(get(path)).await.unwrap().into_body();
            let first = body.frame().await.unwrap().unwrap();
            assert_eq!(first.into_data().unwrap(), beginning);
            site.upstream.release.add_permits(usize::from(path == "/short"));
            assert!(body.collect().await.is_err(), "{path}");
        }
    }
}

// Multi-threaded, since the server behind must keep sending while the test waits for the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_disconnected() {
    let site = Site::start(&["--idle-timeout", "0.3"]).await;
    let mut stream = site.tls(HTTP1, None).await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    site.gateway.wait_for_log(&["WARN", "no data was read or written for 300ms"]);
    let mut connection = site.connect(H2).await;
    let body = connection.begin(get("/endless")).await.unwrap().into_body();
    site.gateway.wait_for_log(&["WARN", "no data was read or written for 300ms"]);
    assert!(body.collect().await.is_err());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let mut site = Site::start(&[]).await;
    let large = "x".repeat(400_000);
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        let request = request("GET", "/echo", &[("x-large", &large)], Body::empty());
        let status = connection.begin(request).await.map(|response| response.status());
        // HTTP/2 servers may also reset the stream.
        assert!(status.as_ref().map_or(true, |status| *status == 431), "{status:?}");
    }
    assert_eq!(site.upstream.seen(), [""; 0]);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let site = Site::start(&["--idle-timeout", "0.3", "--handshake-timeout", "1"]).await;
    // No request at all.
    let mut silent = site.tls(H2, None).await;
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
    site.gateway.wait_for_log(&["WARN", "no request within 1s"]);
    // One request, and no further one.
    for protocol in [HTTP1, H2] {
        let mut stream = site.tls(protocol, None).await;
        if protocol == HTTP1 {
            stream.write_all(b"GET /hop HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        } else {
            let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Body>(
                hyper_util::rt::TokioExecutor::new(),
                hyper_util::rt::TokioIo::new(stream),
            )
            .await
            .unwrap();
            let connection = tokio::spawn(connection);
            let answer = sender.send_request(get("/hop")).await.unwrap();
            assert_eq!(ReceivedResponse::of(answer).await.unwrap().status, 200);
            // Closed gracefully, although the client would send more.
            connection.await.unwrap().unwrap();
            drop(sender);
            continue;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"whole"));
    }
}

/// Sends request after request on one HTTP/2 connection, until the gateway closes it. Only the maximum
/// age can be the reason, since the connection is never idle.
async fn send_until_closed(mut connection: Connection) {
    let closed = async { while connection.begin(get("/hop")).await.is_ok() {} };
    tokio::time::timeout(TIMEOUT, closed).await.expect("the connection is still open");
}

const AGE: [&str; 2] = ["--max-connection-age", "1"];

/// cases/operators/connection-outlives-certificate
#[tokio::test]
async fn an_http_2_connection_that_reaches_its_maximum_age_gets_a_goaway() {
    let mut site = Site::start(&AGE).await;
    let stream = hyper_util::rt::TokioIo::new(site.tls(H2, None).await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(executor, stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut held = sender.clone();
    let held = tokio::spawn(async move {
        held.send_request(request("POST", "/hold", &[], Body::from("four"))).await
    });
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
    send_until_closed(Connection::Http2(sender)).await;
    // The unfinished request gets its response; then the connection is closed gracefully.
    assert!(!held.is_finished());
    site.upstream.release.add_permits(1);
    assert_eq!(ReceivedResponse::of(held.await.unwrap().unwrap()).await.unwrap().text, "4");
    connection.await.unwrap().unwrap();
    // The next connection works like the first.
    assert_eq!(site.connect(H2).await.get("/hop").await.status, 200);
}

/// cases/operators/connection-outlives-certificate
#[tokio::test]
async fn an_http_1_1_connection_that_reaches_its_maximum_age_is_closed_after_its_response() {
    let mut site = Site::start(&AGE).await;
    let mut connection = site.connect(HTTP1).await;
    let held = tokio::spawn(async move {
        let answer = connection.begin(request("POST", "/hold", &[], Body::from("four"))).await;
        (answer, connection)
    });
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
    // Two connections that began later, one after the other, have reached their maximum age.
    send_until_closed(site.connect(H2).await).await;
    send_until_closed(site.connect(H2).await).await;
    assert!(!held.is_finished());
    site.upstream.release.add_permits(1);
    let (answer, mut connection) = held.await.unwrap();
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(ReceivedResponse::of(answer).await.unwrap().text, "4");
    assert!(connection.begin(get("/hop")).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn after_sigterm_unfinished_requests_get_their_responses() {
    for protocol in [H2, HTTP1] {
        let mut site = Site::start(&["--drain-timeout", "60"]).await;
        let mut connection = site.connect(protocol).await;
        let idle = site.connect(protocol).await;
        let answer = tokio::spawn(async move {
            connection.send(request("POST", "/hold", &[], Body::from("four"))).await
        });
        assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
        let id = site.gateway.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        site.gateway.wait_for_log(&["INFO", "stopping"]);
        let refused = tokio::net::TcpStream::connect(("127.0.0.1", site.gateway.port)).await;
        assert!(refused.is_err());
        site.upstream.release.add_permits(1);
        let answer = answer.await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, "4"));
        assert_eq!(site.gateway.child.wait().unwrap().code(), Some(0));
        drop(idle);
    }
}
