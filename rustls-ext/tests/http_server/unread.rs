//! Bodies of requests that are refused.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::Channel;
use hyper::body::Bytes;
use rustls_ext::http::server::read_unread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::site::{Site, tls};

/// The head of a request that is denied, or is misdirected.
fn post(host: &str, fields: &str) -> String {
    format!("POST /agents HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")
}

const HOSTS: [(&str, u16); 3] =
    [("www.example", 401), ("admin.example", 421), ("www..example", 400)];

/// The response to a client that sends all of a request first.
async fn answer_to(site: &Site, request: &[u8]) -> String {
    let mut stream = tls(site.client().http1().config(), "www.example", site.addr).await;
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_all_of_its_request_first_sees_why_it_is_refused() {
    let site = Site::start().await;
    for (host, status) in HOSTS {
        for size in [1 << 16, 1 << 20, 1 << 23] {
            let mut request = post(host, &format!("Content-Length: {size}\r\n")).into_bytes();
            request.resize(request.len() + size, 7);
            let answer = answer_to(&site, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {answer}");
        }
    }
    assert_eq!(site.reached(), [""; 0]);
}

#[tokio::test]
async fn a_client_that_sends_no_body_gets_the_response() {
    let site = Site::start().await;
    for fields in [
        // The wait for the body is limited.
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        // The body is neither read nor requested by a 100 response (RFC 9110 section 10.1.1).
        "Content-Length: 5\r\nExpect: 100-Continue\r\n",
    ] {
        let answer = answer_to(&site, post("www.example", fields).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{fields}: {answer}");
    }
}

#[tokio::test]
async fn over_http_2_a_stream_is_not_reset_before_the_answer_is_out() {
    let site = Site::start().await;
    let mut connection = site.client().connect("www.example").await;
    for (host, status) in [("www.example", 401), ("admin.example", 421)] {
        let (mut send, body) = Channel::<Bytes>::new(1);
        let sender = tokio::spawn(async move {
            // More than the server reads.
            while send.send_data(vec![7; 1 << 16].into()).await.is_ok() {}
        });
        let request =
            Request::post(format!("https://{host}/agents")).body(Body::new(body)).unwrap();
        let answer = connection.send(request).await;
        assert_eq!(answer.status, StatusCode::from_u16(status).unwrap());
        sender.await.unwrap();
    }
}

/// A body of so many frames of so many bytes, which declares this length.
struct Frames {
    left: usize,
    each: usize,
    hint: u64,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(Some(Err("too much was read")));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(vec![0; self.each].into()))))
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.hint);
        hint
    }
}

#[test]
fn a_body_is_read_up_to_a_limit() {
    const MIB: usize = 1 << 20;
    for (hint, fields, read) in [
        // eight, and the one over the limit
        (0, &[][..], 9),
        (8 * MIB as u64, &[], 9),
        // a body that is known to be too long is not read at all
        (8 * MIB as u64 + 1, &[], 0),
        (0, &[("expect", "100-continue")], 0),
    ] {
        let headers: HeaderMap = fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
            .into_iter()
            .collect();
        let mut body = Frames { left: 100, each: MIB, hint };
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(pin!(read_unread(&headers, &mut body)).poll(cx).is_ready());
        assert_eq!(100 - body.left, read, "{hint} {fields:?}");
    }
}

#[tokio::test]
async fn a_body_that_fails_or_ends_is_over() {
    let mut failing = Frames { left: 2, each: 1, hint: 0 };
    read_unread(&HeaderMap::new(), &mut failing).await;
    assert_eq!(failing.left, 0);
    let (mut send, body) = Channel::<Bytes>::new(4);
    send.send_data("all".into()).await.unwrap();
    drop(send);
    read_unread(&HeaderMap::new(), body).await;
}
