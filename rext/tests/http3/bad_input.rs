//! Clients that break the rules of RFC 9114: each gets exactly its code.

use quinn::{ConnectionError, ReadToEndError, VarInt};
use tokio::task::JoinSet;

use crate::client::{GET, POST, Site, control, frame, head, raw};

const H3_NO_ERROR: u32 = 0x100;
const H3_FRAME_UNEXPECTED: u32 = 0x105;
const H3_FRAME_ERROR: u32 = 0x106;
const H3_EXCESSIVE_LOAD: u32 = 0x107;
const H3_MISSING_SETTINGS: u32 = 0x10a;
const H3_REQUEST_REJECTED: u32 = 0x10b;
const H3_REQUEST_INCOMPLETE: u32 = 0x10d;
const H3_MESSAGE_ERROR: u32 = 0x10e;
const QPACK_DECOMPRESSION_FAILED: u32 = 0x200;

/// The code with which the server closes the connection.
async fn closed(connection: &quinn::Connection) -> VarInt {
    match connection.closed().await {
        ConnectionError::ApplicationClosed(close) => close.error_code,
        err => panic!("{err}"),
    }
}

#[tokio::test]
async fn a_malformed_stream_of_a_request_ends_the_connection_with_its_code() {
    let mut site = Site::start(&[]).await;
    for (stream, ends, code) in [
        // DATA before HEADERS; SETTINGS, a frame of HTTP/2, and one of WebTransport.
        (frame(0, b"data"), false, H3_FRAME_UNEXPECTED),
        (frame(4, b""), false, H3_FRAME_UNEXPECTED),
        (frame(6, b"ping"), false, H3_FRAME_UNEXPECTED),
        (vec![0x40, 0x41, 0], false, H3_FRAME_UNEXPECTED),
        (frame(1, b"\xff\xff\xff"), false, QPACK_DECOMPRESSION_FAILED),
        // An end within each part of a frame.
        (vec![1], true, H3_FRAME_ERROR),
        (vec![1, 5, 0], true, H3_FRAME_ERROR),
        // Frames that are too long, as their first bytes say.
        (vec![1, 0x80, 2, 0, 1], false, H3_EXCESSIVE_LOAD),
        (vec![0x21, 0xc0, 0, 0, 1, 0, 0, 0, 0], false, H3_EXCESSIVE_LOAD),
    ] {
        let connection = raw(&site.files, &site.gateway, None).await;
        let _control = control(&connection).await;
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&stream).await.unwrap();
        if ends {
            send.finish().unwrap();
        }
        assert_eq!(closed(&connection).await, code.into(), "{stream:?}");
    }
    assert_eq!(site.upstream.seen(), [""; 0]);
}

#[tokio::test]
async fn a_malformed_control_stream_ends_the_connection_with_its_code() {
    let site = Site::start(&[]).await;
    for (stream, code) in [
        ([&[0][..], &frame(7, b"\0")].concat(), H3_MISSING_SETTINGS),
        ([&[0][..], &frame(4, b""), &frame(4, b"")].concat(), H3_FRAME_UNEXPECTED),
        ([&[0][..], &frame(4, b""), &frame(0, b"")].concat(), H3_FRAME_UNEXPECTED),
        (vec![0, 4, 0x80, 0, 0x40, 1], H3_EXCESSIVE_LOAD),
        (vec![0, 4, 0, 0x21, 0xc0, 0, 0, 1, 0, 0, 0, 0], H3_EXCESSIVE_LOAD),
    ] {
        let connection = raw(&site.files, &site.gateway, None).await;
        let mut control = connection.open_uni().await.unwrap();
        control.write_all(&stream).await.unwrap();
        assert_eq!(closed(&connection).await, code.into(), "{stream:?}");
    }
}

/// Sends a request, and returns the codes with which the server resets the response, and stops the
/// request.
async fn refused(site: &Site, stream: &[u8], ends: bool) -> (Option<VarInt>, Option<VarInt>) {
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(stream).await.unwrap();
    if ends {
        send.finish().unwrap();
    }
    let reset = match receive.read_to_end(100_000).await {
        Err(ReadToEndError::Read(quinn::ReadError::Reset(code))) => Some(code),
        _ => None,
    };
    // If the request has ended, there is nothing to stop.
    let stopped = if ends { None } else { send.stopped().await.unwrap() };
    (reset, stopped)
}

#[tokio::test]
async fn a_malformed_request_is_reset_and_not_passed_on() {
    let mut site = Site::start(&[]).await;
    let error = Some(H3_MESSAGE_ERROR.into());
    for fields in [
        &[("connection", "close")][..],
        &[("transfer-encoding", "chunked")],
        &[("te", "gzip")],
        &[("content-length", "1"), ("content-length", "2")],
        &[("content-length", "+1")],
        &[("x field", "1")],
        &[("X-Field", "1")],
    ] {
        let stream = head(GET, "/echo", fields);
        assert_eq!(refused(&site, &stream, false).await, (error, error), "{fields:?}");
    }
    // No method.
    let stream = frame(1, b"\0\0\xd7\xc1\x50\x09localhost");
    assert_eq!(refused(&site, &stream, false).await, (error, error));
    assert_eq!(site.upstream.seen(), [""; 0]);
}

#[tokio::test]
async fn a_request_without_a_head_is_incomplete() {
    let site = Site::start(&[]).await;
    let code = Some(H3_REQUEST_INCOMPLETE.into());
    assert_eq!(refused(&site, &frame(0x21, b"unknown"), true).await, (code, None));
}

#[tokio::test]
async fn a_body_that_is_shorter_or_longer_than_its_length_does_not_arrive_as_complete() {
    let site = Site::start(&[]).await;
    for body in [&b"abc"[..], b"abcde"] {
        let connection = raw(&site.files, &site.gateway, None).await;
        let _control = control(&connection).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        let head = head(POST, "/echo", &[("content-length", "4")]);
        send.write_all(&[head, frame(0, body)].concat()).await.unwrap();
        send.finish().unwrap();
        // The server behind responds to a complete request only, and with its fields.
        let response = receive.read_to_end(10_000).await.unwrap_or_default();
        assert!(!response.windows(14).any(|part| part == b"content-length"), "{response:?}");
    }
}

#[tokio::test]
async fn a_body_that_ends_in_a_data_frame_does_not_arrive_as_complete() {
    let mut site = Site::start(&[]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&[head(POST, "/echo", &[]), vec![0, 9], b"half".to_vec()].concat())
        .await
        .unwrap();
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /echo");
    send.finish().unwrap();
    assert_eq!(closed(&connection).await, H3_FRAME_ERROR.into());
    site.upstream.ended.recv().await.unwrap();
}

#[tokio::test]
async fn a_head_that_is_too_large_gets_431() {
    let mut site = Site::start(&[]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/echo", &[("x-large", &"x".repeat(65_600))])).await.unwrap();
    let response = receive.read_to_end(1000).await.unwrap();
    // A HEADERS frame with 431 in Huffman codes.
    assert_eq!(response.first(), Some(&1));
    assert!(response.windows(3).any(|part| part == b"\x69\x90\xff"), "{response:?}");
    // The rest of the request is not needed.
    assert_eq!(send.stopped().await.unwrap(), Some(H3_NO_ERROR.into()));
    // The connection goes on.
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/echo", &[("x-large", &"x".repeat(60_000))])).await.unwrap();
    send.finish().unwrap();
    let response = receive.read_to_end(200_000).await.unwrap();
    assert!(response.windows(8).any(|part| part == b"x-large:"));
    assert_eq!(site.upstream.seen(), ["GET /echo"]);
}

#[tokio::test]
async fn heads_that_take_too_much_memory_are_rejected_so_that_they_can_be_sent_again() {
    let mut site = Site::start(&[]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let is_rejected = |result: Result<Vec<u8>, ReadToEndError>| {
        let code = H3_REQUEST_REJECTED.into();
        assert_eq!(result.unwrap_err(), ReadToEndError::Read(quinn::ReadError::Reset(code)));
    };
    // The beginnings of heads of 128 KiB: there is memory for four. Their order at the server is open.
    let (mut open, mut received) = (Vec::new(), JoinSet::new());
    for number in 0..5 {
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&[1, 0x80, 2, 0, 0]).await.unwrap();
        open.push(send);
        received.spawn(async move { (number, receive.read_to_end(10).await) });
    }
    let (number, rejected) = received.join_next().await.unwrap().unwrap();
    is_rejected(rejected);
    open.remove(number);
    // All memory is in use now.
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/echo", &[])).await.unwrap();
    send.finish().unwrap();
    is_rejected(receive.read_to_end(10_000).await);
    assert!(site.upstream.seen().is_empty());
    // One of them is given up.
    open.pop().unwrap().reset(0_u32.into()).unwrap();
    loop {
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&head(GET, "/echo", &[])).await.unwrap();
        send.finish().unwrap();
        if receive.read_to_end(10_000).await.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn many_requests_without_a_valid_head_end_the_connection() {
    let site = Site::start(&[]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let mut code = None;
    for _ in 0..2000 {
        let Ok((mut send, mut receive)) = connection.open_bi().await else { break };
        let _ = send.write_all(&head(GET, "/echo", &[("connection", "close")])).await;
        let _ = receive.read_to_end(100).await;
        code = connection.close_reason();
    }
    assert!(code.is_some() || connection.close_reason().is_some());
    assert_eq!(closed(&connection).await, H3_EXCESSIVE_LOAD.into());
}
