//! Limits on connections to the servers behind.

use axum::body::Body;
use http::StatusCode;
use rext_cli::tls::{H2, HTTP1};
use tokio::io::AsyncWriteExt;

use crate::client::{Site, request};
use crate::raw::{RawServer, read_head};
use crate::upstream::Upstream;

#[tokio::test]
async fn connections_to_a_server_behind_are_bounded_and_then_requests_get_503() {
    let limits =
        ["--upstream-connections", "2", "--upstream-waiting", "1", "--connect-timeout", "20"];
    let mut site = Site::start(&limits).await;
    let mut held = Vec::new();
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        held.push(tokio::spawn(async move {
            connection.send(request("POST", "/hold", &[], Body::from("four"))).await
        }));
        assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
    }
    // One request waits. Which one is known when the other one gets its response.
    let mut waiting: Vec<_> = Vec::new();
    for _ in 0..2 {
        let mut connection = site.connect(H2).await;
        waiting.push(tokio::spawn(async move {
            connection.send(request("POST", "/hold", &[], Body::from("four"))).await
        }));
    }
    let (first, rest) = waiting.split_at_mut(1);
    let (busy, index) = tokio::select! {
        response = &mut first[0] => (response.unwrap(), 0),
        response = &mut rest[0] => (response.unwrap(), 1),
    };
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.headers["retry-after"], "1");
    assert_eq!(busy.text, "the server behind is busy\n");
    assert_eq!(site.upstream.seen(), [""; 0]);
    site.upstream.release.add_permits(3);
    held.push(waiting.swap_remove(1 - index));
    for response in held {
        let response = response.await.unwrap();
        assert_eq!((response.status.as_u16(), &*response.text), (200, "4"));
    }
    assert_eq!(site.upstream.seen(), ["POST /hold"]);
}

#[tokio::test]
async fn a_request_that_waits_too_long_for_a_connection_gets_503() {
    let limits = ["--upstream-connections", "1", "--connect-timeout", "0.3"];
    let mut site = Site::start(&limits).await;
    let mut connection = site.connect(H2).await;
    let held = tokio::spawn(async move {
        connection.send(request("POST", "/hold", &[], Body::from("four"))).await
    });
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
    for protocol in [H2, HTTP1] {
        let response = site.connect(protocol).await.get("/hop").await;
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers["retry-after"], "1");
    }
    assert_eq!(site.upstream.seen(), [""; 0]);
    site.upstream.release.add_permits(1);
    assert_eq!(held.await.unwrap().text, "4");
    // The connection is free again.
    assert_eq!(site.connect(H2).await.get("/hop").await.status, 200);
}

/// ../shared/cases/proxy/h2_fds.py: many requests without a response on a few connections.
#[tokio::test]
async fn many_requests_of_one_client_open_no_more_than_the_maximum_of_connections() {
    let mut server = RawServer::start(|mut tcp, number, seen| async move {
        let _ = seen.send(format!("open {number}"));
        while let Some(head) = read_head(&mut tcp).await {
            if head.contains("/never") {
                std::future::pending::<()>().await;
            }
            let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let url = server.url();
    let limits = ["--upstream-connections", "4", "--upstream-waiting", "0"];
    let site = Site::with(Upstream::start().await, &url, &limits);
    let connection = site.connect(H2).await;
    let crate::client::Connection::Http2(sender) = connection else { unreachable!() };
    let mut responses = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let mut sender = sender.clone();
        responses.spawn(async move {
            let mut request = crate::client::get("/never");
            *request.version_mut() = http::Version::HTTP_2;
            sender.send_request(request).await.map(|response| response.status().as_u16())
        });
    }
    for _ in 0..36 {
        assert_eq!(responses.join_next().await.unwrap().unwrap().unwrap(), 503);
    }
    let mut open = server.so_far();
    open.sort();
    assert_eq!(open, ["open 0", "open 1", "open 2", "open 3"]);
    // The client gives up, and the connections are free for others.
    responses.shutdown().await;
    drop(sender);
    let mut other = site.connect(HTTP1).await;
    loop {
        let status = other.get("/").await.status.as_u16();
        if status == 200 {
            break;
        }
        assert_eq!(status, 503);
    }
}
