//! What becomes of the parts of messages: ../shared/cases/proxy/proxy1.py, sections 1, 2, 3 and 8, and
//! responses of servers behind that lie.

use axum::body::Body;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Site, get, request, with_trailers};
use crate::raw::{RawServer, read_head, read_until};
use crate::upstream::Upstream;

/// A gateway in front of a server that gives this response to each request, on one connection.
async fn answering(response: &'static [u8]) -> (Site, RawServer) {
    let server = RawServer::answering(response, false).await;
    let site = Site::with(Upstream::start().await, &server.url(), &[]);
    (site, server)
}

/// Sends these bytes over HTTP/1.1, and returns everything until the gateway closes the connection.
async fn exchange(site: &Site, bytes: &str) -> String {
    let mut stream = site.tls(HTTP1, None).await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn rfc_9113_8_2_3_cookie_fields_are_joined_for_http_1_1() {
    let site = Site::start(&[]).await;
    let fields = [("cookie", "sid=secret"), ("cookie", "csrf=1"), ("cookie", "theme=x")];
    for protocol in [H2, HTTP1] {
        let request = request("GET", "/echo", &fields, Body::empty());
        let response = site.connect(protocol).await.send(request).await;
        let (fields, ..) = response.echo();
        let cookies: Vec<_> =
            fields.into_iter().filter(|line| line.starts_with("cookie")).collect();
        assert_eq!(cookies, ["cookie: sid=secret; csrf=1; theme=x"]);
    }
}

#[tokio::test]
async fn bodies_of_all_methods_are_passed_on() {
    let mut site = Site::start(&[]).await;
    for method in ["GET", "DELETE", "OPTIONS", "PUT", "QUERY"] {
        // Of known length, and of unknown length.
        for body in [Body::from("{\"query\":1}"), with_trailers("{\"query\":1}", &[])] {
            let request = request(method, "/echo", &[], body);
            let response = site.connect(H2).await.send(request).await;
            assert_eq!(response.echo().1, "{\"query\":1}", "{method}");
        }
        let text = format!(
            "{method} /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\nb\r\n{{\"query\":1}}\r\n0\r\n\r\n"
        );
        let response = exchange(&site, &text).await;
        assert!(response.starts_with("HTTP/1.1 200") && response.contains("--\n{\"query\":1}--\n"));
        let line = format!("{method} /echo");
        assert_eq!(site.upstream.seen(), [&*line, &*line, &*line]);
    }
    // The response to HEAD has no body, the request may have one.
    let head = request("HEAD", "/stream", &[], with_trailers("text", &[]));
    assert_eq!(*head.method(), Method::HEAD);
    assert_eq!(site.connect(H2).await.send(head).await.status, 200);
    assert_eq!(site.upstream.seen(), ["HEAD /stream"]);
}

#[tokio::test]
async fn trailers_of_requests_are_passed_on_if_they_are_announced_and_refused_otherwise() {
    let mut server = RawServer::start(|mut tcp, _, seen| async move {
        while let Some(head) = read_head(&mut tcp).await {
            assert!(head.contains("transfer-encoding: chunked"), "{head}");
            // Of a refused request, a part or nothing may arrive, but never its end.
            let Some(body) = read_until(&mut tcp, "0\r\nx-sum: 7\r\n\r\n").await else { return };
            let _ = seen.send(body);
            let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let site = Site::with(Upstream::start().await, &server.url(), &[]);
    for length in [&[][..], &[("content-length", "4")]] {
        let fields = [&[("trailer", "X-Sum, other")], length].concat();
        let body = with_trailers("text", &[("x-sum", "7")]);
        let announced = request("POST", "/", &fields, body);
        assert_eq!(site.connect(H2).await.send(announced).await.text, "ok");
        assert_eq!(server.seen.recv().await.unwrap(), "4\r\ntext\r\n0\r\nx-sum: 7\r\n\r\n");
        let body = with_trailers("text", &[("x-sum", "7")]);
        let unannounced = request("POST", "/", length, body);
        if length.is_empty() {
            let response = site.connect(H2).await.send(unannounced).await;
            assert_eq!(response.status, StatusCode::BAD_REQUEST);
            let reason = "the trailer x-sum is not announced in the field Trailer";
            site.gateway.wait_for_log(&["WARN", "status=400", reason]);
        }
    }
    let chunked = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTrailer: x-sum\r\n\
                   Transfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\nX-Sum: 7\r\n\r\n";
    assert!(exchange(&site, chunked).await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(server.seen.recv().await.unwrap(), "4\r\ntext\r\n0\r\nx-sum: 7\r\n\r\n");
    let chunked = chunked.replace("Trailer: x-sum\r\n", "");
    assert!(exchange(&site, &chunked).await.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert!(server.seen.try_recv().is_err());
}

#[tokio::test]
async fn trailers_of_responses_are_not_lost_without_notice() {
    let (site, _server) = answering(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n",
    )
    .await;
    let response = site.connect(H2).await.get("/").await;
    assert_eq!((&*response.text, response.trailers["x-sum"].as_bytes()), ("ok", &b"7"[..]));
    let request = |fields: &str| {
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n")
    };
    // The client does not want any (RFC 9110 section 6.5.1).
    let response = exchange(&site, &request("")).await;
    assert!(response.ends_with("2\r\nok\r\n0\r\n\r\n"), "{response}");
    // The client wants them, and HTTP/1.1 cannot send them: the response does not look complete.
    let response = exchange(&site, &request("TE: trailers\r\n")).await;
    assert!(response.ends_with("2\r\nok\r\n"), "{response}");
    let (site, _server) = answering(
        b"HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\
          x-sum: 7\r\n\r\n",
    )
    .await;
    let response = exchange(&site, &request("TE: trailers\r\n")).await;
    assert!(response.ends_with("2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n"), "{response}");
}

#[tokio::test]
async fn equal_lengths_are_passed_on_once_and_different_ones_are_refused() {
    let mut site = Site::start(&[]).await;
    for (second, status) in [("2", 200), ("3", 400)] {
        let text = format!(
            "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\
             Content-Length: {second}\r\n\r\nhi"
        );
        let response = exchange(&site, &text).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        assert_eq!(response.matches("\ncontent-length: 2\n").count(), usize::from(status == 200));
        let mut connection = site.connect(H2).await;
        let fields = [("content-length", "2"), ("content-length", second)];
        let response = connection.begin(request("POST", "/echo", &fields, Body::from("hi"))).await;
        match response {
            Ok(response) => assert_eq!(response.status(), status),
            // HTTP/2 servers may also reset the stream.
            Err(_) => assert_eq!(status, 400),
        }
    }
    assert!(site.upstream.seen().iter().all(|line| line == "POST /echo"));
}

#[tokio::test]
async fn a_response_with_a_length_and_a_coding_is_mended_and_its_connection_not_used_again() {
    for response in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n"
            [..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
    ] {
        let (site, mut server) = answering(response).await;
        for protocol in [H2, HTTP1] {
            let response = site.connect(protocol).await.get("/").await;
            assert_eq!((response.status.as_u16(), &*response.text), (200, "whole"));
            assert!(!response.headers.contains_key("content-length"));
        }
        assert_eq!(server.so_far(), ["0 GET / HTTP/1.1", "1 GET / HTTP/1.1"]);
    }
    // Without the mistake, the connection is used again.
    let (site, mut server) =
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nwhole").await;
    for protocol in [H2, HTTP1] {
        let response = site.connect(protocol).await.get("/").await;
        assert_eq!(&*response.text, "whole");
        let lengths = response.headers.get_all("content-length");
        assert_eq!(lengths.iter().collect::<Vec<_>>(), ["5"]);
    }
    assert_eq!(server.so_far(), ["0 GET / HTTP/1.1", "0 GET / HTTP/1.1"]);
}

#[tokio::test]
async fn a_malformed_response_is_a_502() {
    let large: &'static str =
        format!("HTTP/1.1 200 OK\r\nx-large: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(100_000))
            .leak();
    for response in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "garbage\r\n\r\n",
        "HTTP/1.1 999999 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent Length: 1\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        large,
    ] {
        let (site, mut server) = answering(response.as_bytes()).await;
        for protocol in [H2, HTTP1] {
            let start = &response[..response.len().min(80)];
            let answer = site.connect(protocol).await.get("/").await;
            assert_eq!((answer.status.as_u16(), &*answer.text), (502, "Bad Gateway\n"), "{start}");
        }
        // Each had a connection of its own.
        assert_eq!(server.so_far(), ["0 GET / HTTP/1.1", "1 GET / HTTP/1.1"]);
    }
}

#[tokio::test]
async fn a_truncated_body_never_looks_complete() {
    for response in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nwhole"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n",
    ] {
        let server = RawServer::answering(response, true).await;
        let site = Site::with(Upstream::start().await, &server.url(), &[]);
        let start = String::from_utf8_lossy(response);
        let mut connection = site.connect(H2).await;
        let ended = match connection.begin(get("/")).await {
            Ok(response) => response.into_body().collect().await.map(drop),
            Err(err) => Err(err),
        };
        assert!(ended.is_err(), "{start}");
        let text = exchange(&site, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let is_complete = text.ends_with("0\r\n\r\n") && text.starts_with("HTTP/1.1 200");
        assert!(!is_complete, "{start}: {text}");
        assert!(!text.contains("content-length: 5\r\n"), "{start}: {text}");
    }
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it_when_the_server_behind_takes_the_body() {
    let site = Site::start(&["--require", "/hop=clients"]).await;
    let mut stream = site.tls(HTTP1, None).await;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
    };
    stream.write_all(head("/echo").as_bytes()).await.unwrap();
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut text = vec![0; expected.len()];
    stream.read_exact(&mut text).await.unwrap();
    assert_eq!(text, expected);
    stream.write_all(b"text").await.unwrap();
    let mut text = vec![0; 15];
    stream.read_exact(&mut text).await.unwrap();
    assert_eq!(text, b"HTTP/1.1 200 OK");
    // A request that is refused is refused before its body.
    let response = exchange(&site, &head("/hop")).await;
    assert!(response.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{response}");
}

#[tokio::test]
async fn informational_responses_are_dropped() {
    let (site, _server) = answering(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
          HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    for protocol in [H2, HTTP1] {
        let response = site.connect(protocol).await.get("/").await;
        assert_eq!((response.status.as_u16(), &*response.text), (200, "ok"));
        assert!(!response.headers.contains_key("link"));
    }
}

/// ../shared/cases/proxy/connection_field.py: the names are looked up among the fields that are there, so
/// that their number costs no more than reading them.
#[tokio::test]
async fn many_names_in_connection_are_no_problem() {
    let site = Site::start(&[]).await;
    let names = "a,".repeat(29_000) + "x-secret";
    let fields = [("connection", &*names), ("x-secret", "1"), ("x-kept", "1")];
    let response =
        site.connect(HTTP1).await.send(request("GET", "/echo", &fields, Body::empty())).await;
    let (fields, ..) = response.echo();
    assert!(fields.contains(&"x-kept: 1") && !fields.contains(&"x-secret: 1"), "{fields:?}");
}
