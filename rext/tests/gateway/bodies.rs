//! Bodies and trailers, in both directions: streamed, and no faster than they are read.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Bytes;
use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Site, request, with_trailers};

#[tokio::test]
async fn each_part_of_a_body_is_passed_on_before_the_next_is_sent() {
    let site = Site::start(&[]).await;
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        sender.send_data(Bytes::from("0")).await.unwrap();
        let request = request("POST", "/stream", &[], Body::new(body));
        let mut answer = connection.begin(request).await.unwrap().into_body();
        for number in 1..=10 {
            let part = answer.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(part, (number - 1).to_string());
            sender.send_data(Bytes::from(number.to_string())).await.unwrap();
        }
        drop(sender);
        assert_eq!(answer.collect().await.unwrap().to_bytes(), "10");
    }
}

#[tokio::test]
async fn a_body_is_received_no_faster_than_it_is_read_and_has_no_limit() {
    const PART: usize = 64 * 1024;
    const PARTS: usize = 2048; // 128 MiB
    let mut site = Site::start(&["--idle-timeout", "600"]).await;
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        let sending = tokio::spawn(async move {
            for _ in 0..PARTS {
                sender.send_data(Bytes::from(vec![b'x'; PART])).await.unwrap();
                count.fetch_add(PART, Ordering::SeqCst);
            }
        });
        let answer = tokio::spawn(async move {
            connection.send(request("POST", "/hold", &[], Body::new(body))).await
        });
        assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
        // Other clients are served meanwhile, so the client had time to send everything.
        for _ in 0..200 {
            assert_eq!(site.connect(H2).await.get("/hop").await.status, 200);
        }
        let waiting = sent.load(Ordering::SeqCst);
        assert!(waiting < 32 * 1024 * 1024, "{waiting} bytes are in transit");
        site.upstream.release.add_permits(1);
        let answer = answer.await.unwrap();
        assert_eq!(answer.text, (PART * PARTS).to_string());
        sending.await.unwrap();
        site.upstream.seen();
    }
}

#[tokio::test]
async fn trailers_are_passed_on_without_fields_that_only_a_proxy_may_send() {
    let site = Site::start(&[]).await;
    let trailers = [
        ("x-sum", "7"),
        ("client-cert", ":AAAA:"),
        ("client_cert", ":AAAA:"),
        ("forwarded", "for=1.1.1.1"),
        ("x-forwarded-for", "1.1.1.1"),
        // Not allowed in HTTP/2.
        ("keep-alive", "timeout=5"),
    ];
    let names = trailers.map(|(name, _)| name).join(", ");
    for (protocol, count) in [(H2, 5), (HTTP1, 6)] {
        let mut connection = site.connect(protocol).await;
        let fields = [("te", "trailers"), ("trailer", &*names)];
        let body = with_trailers("text", &trailers[..count]);
        let answer = connection.send(request("POST", "/echo", &fields, body)).await;
        let (fields, body, trailers) = answer.echo();
        assert_eq!((body, trailers), ("text", vec!["x-sum: 7"]));
        assert!(fields.contains(&"te: trailers") && fields.contains(&"connection: te"));

        let fields = [("te", "trailers")];
        let answer = connection.send(request("GET", "/trailers", &fields, Body::empty())).await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, "whole"));
        let got: Vec<_> = answer.trailers.iter().collect();
        assert_eq!(got, [(&"x-sum".parse().unwrap(), &"7".parse().unwrap())]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_its_whole_request_first_receives_the_refusal() {
    let mut site = Site::start(&["--require", "/echo=clients"]).await;
    for size in [1 << 16, 1 << 20, 1 << 23] {
        let mut stream = site.tls(HTTP1, None).await;
        let head =
            format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n");
        let mut request = head.into_bytes();
        request.resize(request.len() + size, b'x');
        stream.write_all(&request).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(site.upstream.seen(), [""; 0]);
}
