//! Requests over HTTP/2 that would be other requests in HTTP/1.1: for each the exact outcome at the
//! client, and exactly what the server behind receives.

use rext_cli::tls::H2;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::Site;
use crate::recorder::Recorder;
use crate::upstream::Upstream;

/// How the gateway ends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// A response with this status code.
    Status(u16),
    /// The stream is reset with this error code (RFC 9113 section 7).
    Reset(u32),
    /// The connection ends with this error code.
    GoAway(u32),
    /// The connection is closed without a reason.
    Closed,
}

const PROTOCOL_ERROR: u32 = 1;

use Ending::{Closed, GoAway, Reset, Status};

const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals that are not indexed, names included, without Huffman (RFC 7541 section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A connection on which the test writes frames.
struct Raw(TlsStream<TcpStream>);

impl Raw {
    async fn open(site: &Site) -> Self {
        let mut stream = site.tls(H2, None).await;
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*frame(4, 0, 0, &[])].concat();
        stream.write_all(&preface).await.unwrap();
        Self(stream)
    }

    async fn send(&mut self, frames: &[Vec<u8>]) {
        // The gateway may have ended the connection.
        let _ = self.0.write_all(&frames.concat()).await;
    }

    /// Waits for the end of the request on this stream.
    async fn ending(&mut self, of: u32) -> Ending {
        loop {
            let mut head = [0; 9];
            if self.0.read_exact(&mut head).await.is_err() {
                return Closed;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match head[3] {
                HEADERS if stream == of => return Status(status(&payload)),
                3 if stream == of => return Reset(code(0)),
                7 if code(4) != 0 => return GoAway(code(4)),
                _ => {}
            }
        }
    }
}

/// The status code, which the gateway sends first: an entry of the static table, or a literal whose
/// name is in the static table, with its digits in Huffman's code (RFC 7541 appendices A and B).
fn status(block: &[u8]) -> u16 {
    match block {
        [indexed @ 0x88..=0x8e, ..] => {
            [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]
        }
        [0x08 | 0x48, length, value @ ..] if length & 0x80 != 0 => {
            let bits: String = value[..usize::from(length & 0x7f)]
                .iter()
                .map(|byte| format!("{byte:08b}"))
                .collect();
            let digits = [
                "00000", "00001", "00010", "011001", "011010", "011011", "011100", "011101",
                "011110", "011111",
            ];
            let (mut left, mut status) = (&*bits, 0);
            for _ in 0..3 {
                let digit = digits.iter().position(|code| left.starts_with(code)).unwrap();
                status = status * 10 + digit as u16;
                left = &left[digits[digit].len()..];
            }
            status
        }
        [0x08 | 0x48, 3, value @ ..] => std::str::from_utf8(&value[..3]).unwrap().parse().unwrap(),
        _ => panic!("{block:x?}"),
    }
}

/// A gateway before a recording server.
async fn site() -> (Site, Recorder) {
    let recorder = Recorder::start().await;
    let options = ["--idle-timeout", "2", "--handshake-timeout", "2"];
    let site = Site::with(Upstream::start().await, &recorder.url(), &options);
    (site, recorder)
}

/// Sends a request with this body on a connection of its own.
async fn request(site: &Site, fields: &[(&str, &str)], body: Option<&[u8]>) -> Ending {
    let mut raw = Raw::open(site).await;
    let end = if body.is_none() { END_STREAM } else { 0 };
    let mut frames = vec![frame(HEADERS, END_HEADERS | end, 1, &block(fields))];
    frames.extend(body.map(|body| frame(0, END_STREAM, 1, body)));
    raw.send(&frames).await;
    raw.ending(1).await
}

const USUAL: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/x")];

/// A request with these fields in addition.
fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&USUAL, more].concat()
}

/// A request with another pseudo-header field.
fn but<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    USUAL.map(|(known, usual)| if known == name { (name, value) } else { (known, usual) }).to_vec()
}

/// A request without a pseudo-header field.
fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    USUAL.into_iter().filter(|(known, _)| *known != name).collect()
}

#[track_caller]
fn assert_none_differs(differences: &[String]) {
    assert_eq!(differences, [""; 0]);
}

#[tokio::test]
async fn malformed_fields_end_the_stream_and_nothing_is_passed_on() {
    let (site, recorder) = site().await;
    let mut differences = Vec::new();
    for fields in [
        // RFC 9113 section 8.2.1: characters that HTTP/1.1 would read as a delimiter.
        with(&[("x", "a\r\nclient-cert: :AAAA:")]),
        with(&[("x", "a\rb")]),
        with(&[("x", "a\nb")]),
        with(&[("x", "a\0b")]),
        with(&[("x\r\ny", "a")]),
        with(&[("x\ny", "a")]),
        with(&[("x: y", "a")]),
        with(&[("x y", "a")]),
        with(&[("x\0", "a")]),
        with(&[("", "a")]),
        with(&[("X", "a")]),
        with(&[("transfer-encoding\t", "chunked")]),
        // Section 8.2.2: fields of one connection.
        with(&[("transfer-encoding", "chunked")]),
        with(&[("connection", "client-cert")]),
        with(&[("proxy-connection", "keep-alive")]),
        with(&[("keep-alive", "timeout=5")]),
        with(&[("upgrade", "h2c")]),
        with(&[("te", "gzip")]),
        // Section 8.3: pseudo-header fields.
        with(&[(":path", "/evil")]),
        with(&[(":authority", "localhost")]),
        with(&[("a", "b"), (":path", "/evil")]),
        with(&[(":status", "200")]),
        with(&[(":evil", "x")]),
        with(&[(":", "x")]),
        without(":method"),
        without(":path"),
        without(":scheme"),
        but(":path", ""),
        but(":method", "GET /evil HTTP/1.1\r\nX: y"),
        but(":method", "GET /evil"),
        but(":path", "/evil HTTP/1.1\r\nX: y"),
        but(":path", "/evil x"),
        but(":path", "/evil\t"),
        but(":authority", "localhost\r\nx: y"),
        but(":authority", "evil/x"),
        but(":scheme", "https\r\nx: y"),
        // Section 8.1.1: a length that differs from the body's.
        with(&[("content-length", "0")]),
        with(&[("content-length", "3")]),
        with(&[("content-length", "5")]),
        with(&[("content-length", "99")]),
        with(&[("content-length", "4"), ("content-length", "5")]),
        with(&[("content-length", "-4")]),
        with(&[("content-length", "+4")]),
        with(&[("content-length", "x")]),
        with(&[("content-length", "99999999999999999999")]),
    ] {
        let ending = request(&site, &fields, Some(b"body")).await;
        let refused =
            matches!(ending, Reset(PROTOCOL_ERROR) | GoAway(PROTOCOL_ERROR) | Status(400));
        // Bodies are streamed, so a wrong length is noticed only at its end.
        let received = recorder.all();
        let passed_on = received.iter().any(|record| record.is_complete);
        if !refused || passed_on {
            differences.push(format!("{fields:?}: {ending:?}"));
        }
    }
    assert_none_differs(&differences);
    assert!(recorder.of("evil").is_empty());
}

#[tokio::test]
async fn unusual_targets_are_refused_or_passed_on_unchanged() {
    let (site, recorder) = site().await;
    let mut differences = Vec::new();
    let get = |name, value| {
        let mut fields = but(name, value);
        fields[0] = (":method", "GET");
        fields
    };
    for (fields, expected, behind) in [
        (get(":path", "/x?y=/../z"), Status(200), "GET /x?y=/../z"),
        (get(":path", "//evil/x"), Status(200), "GET //evil/x"),
        (get(":path", "evil"), Status(400), ""),
        (get(":path", "@evil/x"), Status(400), ""),
        (get(":path", "http://evil/x"), Status(400), ""),
        (get(":path", "?x"), Status(200), "GET /?x"),
        (get(":path", "*"), Status(400), ""),
        (get(":authority", "user@localhost"), Status(400), ""),
        (get(":authority", "localhost, evil"), Status(400), ""),
        (get(":authority", ""), Status(400), ""),
        (with(&[("host", "evil")]), Status(400), ""),
        (but(":method", "CONNECT"), Status(501), ""),
        (but(":method", "TRACE"), Status(501), ""),
        (vec![(":method", "CONNECT"), (":authority", "localhost:443")], Status(501), ""),
    ] {
        let before = recorder.all().len();
        let ending = request(&site, &fields, None).await;
        let received = recorder.all().split_off(before);
        let lines: Vec<_> = received.iter().map(|record| &*record.line).collect();
        let refused = matches!(ending, Reset(PROTOCOL_ERROR) | GoAway(PROTOCOL_ERROR));
        // The library may refuse before the gateway does.
        let as_expected = ending == expected || (behind.is_empty() && refused);
        if !as_expected || lines.concat() != behind {
            differences.push(format!("{fields:?}: {ending:?}, {lines:?}"));
        }
    }
    assert_none_differs(&differences);
}

#[tokio::test]
async fn what_is_well_formed_reaches_the_server_behind_exactly() {
    let (site, recorder) = site().await;
    for (fields, body, behind) in [
        (with(&[]), Some("body"), "host: localhost; transfer-encoding: chunked; \"body\""),
        (with(&[]), None, "host: localhost; \"\""),
        (
            with(&[("content-length", "4")]),
            Some("body"),
            "content-length: 4; host: localhost; \"body\"",
        ),
        // Equal lengths count once.
        (
            with(&[("content-length", "4"), ("content-length", "4")]),
            Some("body"),
            "content-length: 4; host: localhost; \"body\"",
        ),
        // RFC 9113 section 8.2.3: cookies in several lines are one line in HTTP/1.1.
        (
            with(&[("cookie", "sid=1"), ("x", "y"), ("cookie", "csrf=2"), ("cookie", "t=3")]),
            None,
            "cookie: sid=1; csrf=2; t=3; host: localhost; x: y; \"\"",
        ),
        // A request in a body stays a body.
        (
            with(&[]),
            Some("0\r\n\r\nGET /evil HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            "host: localhost; transfer-encoding: chunked; \
             \"0\\r\\n\\r\\nGET /evil HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n\"",
        ),
        // Other lines in a value that HTTP/1.1 allows.
        (with(&[("x", "a: b; c")]), None, "host: localhost; x: a: b; c; \"\""),
    ] {
        let before = recorder.all().len();
        let ending = request(&site, &fields, body.map(str::as_bytes)).await;
        assert_eq!(ending, Status(200), "{fields:?}");
        let received = recorder.all().split_off(before);
        let texts: Vec<_> = received.iter().map(|record| record.text()).collect();
        assert_eq!(texts, [format!("POST /x; {behind}")], "{fields:?}");
    }
}

#[tokio::test]
async fn a_get_with_a_body_and_a_request_with_trailers_arrive_whole() {
    let (site, recorder) = site().await;
    let get = {
        let mut fields = with(&[]);
        fields[0] = (":method", "GET");
        fields
    };
    assert_eq!(request(&site, &get, Some(b"{\"query\":1}")).await, Status(200));
    let mut raw = Raw::open(&site).await;
    let announced = with(&[("te", "trailers"), ("trailer", "x-sum, client-cert")]);
    raw.send(&[
        frame(HEADERS, END_HEADERS, 1, &block(&announced)),
        frame(0, 0, 1, b"body"),
        frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            1,
            &block(&[("x-sum", "7"), ("client-cert", ":A:")]),
        ),
    ])
    .await;
    assert_eq!(raw.ending(1).await, Status(200));
    let received = recorder.all();
    assert_eq!((&*received[0].line, &*received[0].body), ("GET /x", &b"{\"query\":1}"[..]));
    // Trailers need not be announced (RFC 9110 section 6.6.2).
    assert_eq!(
        (&*received[1].body, &*received[1].trailers),
        (&b"body"[..], &["x-sum: 7".to_owned()][..])
    );
    assert_eq!(received.len(), 2);
}

/// HTTP/1.1 behind needs the names of trailers before the body, so others are refused rather than lost.
#[tokio::test]
async fn trailers_that_are_not_announced_are_refused_for_http_1_1_behind() {
    let (site, recorder) = site().await;
    let mut raw = Raw::open(&site).await;
    raw.send(&[
        frame(HEADERS, END_HEADERS, 1, &block(&with(&[("te", "trailers")]))),
        frame(0, 0, 1, b"body"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[("x-sum", "7")])),
    ])
    .await;
    assert_eq!(raw.ending(1).await, Status(400));
    assert!(recorder.all().iter().all(|record| !record.is_complete));
}

#[tokio::test]
async fn frames_out_of_order_end_the_connection_and_nothing_is_passed_on() {
    let (site, recorder) = site().await;
    let head = block(&USUAL);
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &head);
    let (first, second) = head.split_at(9);
    for (name, frames) in [
        // RFC 9113 section 6.10: only CONTINUATION may follow.
        (
            "another frame between",
            vec![frame(HEADERS, END_STREAM, 1, first), frame(6, 0, 0, &[0; 8])],
        ),
        (
            "another stream between",
            vec![frame(HEADERS, END_STREAM, 1, first), frame(9, END_HEADERS, 3, second)],
        ),
        ("CONTINUATION first", vec![frame(9, END_HEADERS, 1, &head)]),
        ("an even stream", vec![frame(HEADERS, END_HEADERS | END_STREAM, 2, &head)]),
        ("stream 0", vec![frame(HEADERS, END_HEADERS | END_STREAM, 0, &head)]),
        ("a stream that depends on itself", {
            let payload = [&1u32.to_be_bytes()[..], &[0], &head].concat();
            vec![frame(HEADERS, END_HEADERS | END_STREAM | 0x20, 1, &payload)]
        }),
        ("PUSH_PROMISE", vec![frame(5, END_HEADERS, 1, &[&[0, 0, 0, 2], &*head].concat())]),
        ("DATA on an idle stream", vec![frame(0, END_STREAM, 1, b"body")]),
        ("an update of the window by 0", vec![frame(8, 0, 0, &[0; 4])]),
    ] {
        let before = recorder.all().len();
        let mut raw = Raw::open(&site).await;
        raw.send(&frames).await;
        let ending = raw.ending(1).await;
        let ended = matches!(ending, GoAway(PROTOCOL_ERROR) | Reset(PROTOCOL_ERROR));
        assert!(ended, "{name}: {ending:?}");
        assert_eq!(recorder.all().len(), before, "{name}");
    }
    let mut raw = Raw::open(&site).await;
    raw.send(&[whole]).await;
    assert_eq!(raw.ending(1).await, Status(200));
}
