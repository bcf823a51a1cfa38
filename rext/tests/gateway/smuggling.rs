//! Requests that the gateway and the server behind might interpret differently.

use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::Site;

/// Sends these bytes over HTTP/1.1, and returns the status codes of all responses until the gateway
/// closes the connection.
async fn http1(site: &Site, bytes: &str) -> Vec<u16> {
    let mut stream = site.tls(HTTP1, None).await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut responses = Vec::new();
    let _ = stream.read_to_end(&mut responses).await;
    String::from_utf8(responses)
        .unwrap()
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|response| response[..3].parse().unwrap())
        .collect()
}

#[tokio::test]
async fn bytes_of_a_body_never_become_a_request() {
    let mut site = Site::start(&["--idle-timeout", "1", "--handshake-timeout", "1"]).await;
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
    let evil = "GET /evil HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (fields, body, statuses) in [
        // A length and a coding: a server in front may have used the length (RFC 9112 section 6.3).
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", &[400][..]),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n", &[400]),
        ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", &[501]),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", &[501]),
        // Unknown codings, and malformed fields.
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n", &[400]),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n", &[400]),
        ("Transfer-Encoding : chunked\r\n", "0\r\n\r\n", &[400]),
        ("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n", &[400]),
        // Lengths that differ or are invalid.
        ("Content-Length: 0\r\nContent-Length: 5\r\n", "", &[400]),
        ("Content-Length: 0, 5\r\n", "", &[400]),
        ("Content-Length: +5\r\n", "xxxxx", &[400]),
        ("Content-Length: -1\r\n", "", &[400]),
        ("Content-Length: 0x5\r\n", "xxxxx", &[400]),
    ] {
        let bytes = format!("{head}{fields}\r\n{body}{evil}");
        let got = http1(&site, &bytes).await;
        assert_eq!(got, statuses, "{fields:?}");
        let seen = site.upstream.seen();
        assert!(!seen.iter().any(|line| line.contains("evil")), "{fields:?}: {seen:?}");
    }
    // A coding under a name that some servers treat as equal is no coding here, nor behind.
    let bytes =
        format!("{head}Transfer_Encoding: chunked\r\nContent-Length: {}\r\n\r\n{evil}", evil.len());
    assert_eq!(http1(&site, &bytes).await, [200]);
    assert_eq!(site.upstream.seen(), ["POST /echo"]);
    // Two well-formed requests are two requests.
    let bytes = format!("{head}Content-Length: 5\r\n\r\nxxxxx{evil}");
    assert_eq!(http1(&site, &bytes).await, [200, 404]);
    assert_eq!(site.upstream.seen(), ["POST /echo", "GET /evil"]);
}

#[tokio::test]
async fn malformed_chunks_are_refused() {
    let mut site = Site::start(&["--idle-timeout", "1", "--handshake-timeout", "1"]).await;
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let evil = "GET /evil HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for body in
        ["5\r\nxxx\r\n0\r\n\r\n", "-1\r\nx\r\n0\r\n\r\n", "0x1\r\nx\r\n0\r\n\r\n", "1 \nx\n0\n\n"]
    {
        let bytes = format!("{head}{body}{evil}");
        let got = http1(&site, &bytes).await;
        assert!(got.iter().all(|status| *status >= 400), "{body:?}: {got:?}");
        let seen = site.upstream.seen();
        assert!(!seen.iter().any(|line| line.contains("evil")), "{body:?}: {seen:?}");
    }
}

/// Sends this HTTP/2 request, with its fields unchanged. Returns true if the response is 200, false if
/// the stream or the connection is reset.
async fn http2(site: &Site, fields: &[(&str, &str)], body: &[u8]) -> bool {
    let mut block = Vec::new();
    for (name, value) in fields {
        // Literals that are not indexed, names included, without Huffman (RFC 7541 section 6.2.2).
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], payload].concat()
    };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[])); // SETTINGS
    bytes.extend(frame(1, 4, 1, &block)); // HEADERS
    bytes.extend(frame(0, 1, 1, body)); // DATA
    let mut stream = site.tls(H2, None).await;
    stream.write_all(&bytes).await.unwrap();
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return false;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        match head[3] {
            // HEADERS; 0x88 is `:status: 200` in the static table.
            1 => return payload[0] == 0x88,
            // RST_STREAM, GOAWAY
            3 | 7 => return false,
            _ => {}
        }
    }
}

#[tokio::test]
async fn http_2_requests_that_would_be_malformed_in_http_1_1_are_refused() {
    let mut site = Site::start(&["--idle-timeout", "1", "--handshake-timeout", "1"]).await;
    let with = |more: &[(&'static str, &'static str)]| {
        let usual = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")];
        [&usual, more].concat()
    };
    let echo = (":path", "/echo");
    assert!(http2(&site, &with(&[echo]), b"body").await);
    assert!(http2(&site, &with(&[echo, ("content-length", "4")]), b"body").await);
    assert_eq!(site.upstream.seen(), ["POST /echo", "POST /echo"]);
    for fields in [
        with(&[(":path", "/echo HTTP/1.1\r\nX: y")]),
        with(&[(":path", "/echo x")]),
        with(&[echo, ("x", "a\r\nclient-cert: :AAAA:")]),
        with(&[echo, ("x\r\ny", "a")]),
        with(&[echo, ("x", "a\0b")]),
        with(&[echo, ("X", "a")]),
        with(&[echo, ("x: y", "a")]),
        with(&[echo, ("transfer-encoding", "chunked")]),
        with(&[echo, ("connection", "client-cert")]),
        with(&[echo, ("content-length", "0")]),
        with(&[echo, ("content-length", "9")]),
        with(&[echo, ("content-length", "4"), ("content-length", "5")]),
        with(&[echo, ("host", "admin.localhost")]),
    ] {
        assert!(!http2(&site, &fields, b"body").await, "{fields:?}");
        let seen = site.upstream.seen();
        assert!(!seen.iter().any(|line| line != "POST /echo"), "{fields:?}: {seen:?}");
    }
}
