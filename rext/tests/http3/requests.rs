//! Bodies and trailers in both directions, and requests that are cancelled.

use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::{Buf, Bytes};

use crate::client::{GET, POST, Site, control, frame, head, raw, receive, request};

const PART: usize = 64 * 1024;
const PARTS: usize = 160;

#[tokio::test]
async fn ten_megabytes_are_streamed_in_both_directions_at_once() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(None).await;
    let (mut send, mut receive) = connection.begin(request("POST", "/stream", &[])).await.split();
    let sending = tokio::spawn(async move {
        for part in 0..PARTS {
            send.send_data(Bytes::from(vec![part as u8; PART])).await.unwrap();
        }
        send.finish().await.unwrap();
    });
    assert_eq!(receive.recv_response().await.unwrap().status(), StatusCode::OK);
    let mut received = 0;
    while let Some(data) = receive.recv_data().await.unwrap() {
        for byte in data.chunk() {
            assert_eq!(*byte, (received / PART) as u8);
            received += 1;
        }
    }
    sending.await.unwrap();
    assert_eq!(received, PARTS * PART);
}

#[tokio::test]
async fn a_part_of_a_body_is_passed_on_at_once_in_both_directions() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(None).await;
    let mut stream = connection.begin(request("POST", "/stream", &[])).await;
    for (part, is_first) in [("one", true), ("two", false)] {
        // The response to it arrives before the request goes on.
        stream.send_data(Bytes::from(part)).await.unwrap();
        if is_first {
            stream.recv_response().await.unwrap();
        }
        let mut data = stream.recv_data().await.unwrap().unwrap();
        assert_eq!(data.copy_to_bytes(data.remaining()), part);
    }
    stream.finish().await.unwrap();
    assert!(stream.recv_data().await.unwrap().is_none());
}

#[tokio::test]
async fn trailers_are_passed_on_in_both_directions() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(None).await;
    let mut stream = connection.begin(request("POST", "/echo", &[("trailer", "x-sum")])).await;
    stream.send_data(Bytes::from("body")).await.unwrap();
    let trailers = [("x-sum".parse().unwrap(), HeaderValue::from_static("4"))];
    stream.send_trailers(HeaderMap::from_iter(trailers)).await.unwrap();
    stream.finish().await.unwrap();
    let response = receive(&mut stream).await.unwrap();
    assert!(response.text().ends_with("--\nbody--\nx-sum: 4\n"), "{}", response.text());

    let mut stream = connection.begin(request("GET", "/trailers", &[("te", "trailers")])).await;
    stream.finish().await.unwrap();
    let response = receive(&mut stream).await.unwrap();
    assert_eq!(response.text(), "whole");
    assert_eq!(response.trailers.unwrap()["x-sum"], "7");
}

#[tokio::test]
async fn a_get_has_no_body_behind_and_a_post_keeps_its_length() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(None).await;
    let response = connection.get("/echo").await;
    assert!(!response.text().contains("transfer-encoding"), "{}", response.text());
    assert!(!response.text().contains("content-length"), "{}", response.text());
    assert!(response.headers.contains_key("date"));

    let mut stream = connection.begin(request("POST", "/echo", &[("content-length", "4")])).await;
    stream.send_data(Bytes::from("body")).await.unwrap();
    stream.finish().await.unwrap();
    let response = receive(&mut stream).await.unwrap();
    assert!(response.text().contains("content-length: 4\n"), "{}", response.text());
    assert!(response.text().ends_with("--\nbody--\n"), "{}", response.text());
}

#[tokio::test]
async fn a_head_request_gets_the_fields_only() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(None).await;
    let mut stream = connection.begin(request("HEAD", "/hop", &[])).await;
    stream.finish().await.unwrap();
    let response = receive(&mut stream).await.unwrap();
    assert_eq!((response.status, response.text()), (StatusCode::OK, ""));
    assert_eq!(response.headers["x-kept"], "1");
    assert_eq!(response.headers["content-length"], "5");
    assert!(!response.headers.contains_key("connection"));
}

#[tokio::test]
async fn empty_data_frames_and_unknown_frames_in_a_body_are_ignored() {
    let site = Site::start(&[]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let parts = [
        head(POST, "/echo", &[]),
        frame(0, b""),
        frame(0, b"be"),
        frame(0x21, b"unknown"),
        frame(0, b""),
        frame(0, b"gin"),
        frame(0, b""),
    ];
    send.write_all(&parts.concat()).await.unwrap();
    send.finish().unwrap();
    let response = receive.read_to_end(10_000).await.unwrap();
    let response = String::from_utf8_lossy(&response);
    assert!(response.ends_with("--\nbegin--\n"), "{response}");
}

#[tokio::test]
async fn a_client_that_does_not_want_the_response_ends_the_request_behind() {
    let mut site = Site::start(&[]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    // One that has begun, and one that has not.
    for path in ["/endless", "/never"] {
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&head(GET, path, &[])).await.unwrap();
        send.finish().unwrap();
        assert_eq!(site.upstream.requests.recv().await.unwrap(), format!("GET {path}"));
        if path == "/endless" {
            receive.read_exact(&mut [0; 100_000]).await.unwrap();
        }
        // H3_REQUEST_CANCELLED.
        receive.stop(0x10c_u32.into()).unwrap();
        site.upstream.ended.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_resets_its_request_ends_the_request_behind() {
    let mut site = Site::start(&[]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&[head(POST, "/echo", &[]), frame(0, b"begin")].concat()).await.unwrap();
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /echo");
    send.reset(0x10c_u32.into()).unwrap();
    site.upstream.ended.recv().await.unwrap();
}

#[tokio::test]
async fn a_response_that_breaks_off_is_reset_and_not_complete() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(None).await;
    let mut stream = connection.begin(request("GET", "/short", &[])).await;
    stream.finish().await.unwrap();
    assert_eq!(stream.recv_response().await.unwrap().status(), StatusCode::OK);
    site.upstream.release.add_permits(1);
    let err = loop {
        match stream.recv_data().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the response is complete"),
            Err(err) => break err,
        }
    };
    let code = match err {
        h3::error::StreamError::RemoteTerminate { code, .. } => code,
        err => panic!("{err}"),
    };
    assert_eq!(code, h3::error::Code::H3_INTERNAL_ERROR);
}
