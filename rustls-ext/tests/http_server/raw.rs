//! Requests that no client library sends: without a host, with two, or with broken ones.

use rustls_ext::http::server::{CallerLayer, Denied, HostProblem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::site::{Site, tls};

/// The status code of the response to these bytes of HTTP/1.1.
async fn http1(site: &Site, request: &str) -> u16 {
    http1_on(site, "www.example", request).await
}

/// The same on a connection to this name, or address.
async fn http1_on(site: &Site, name: &str, request: &str) -> u16 {
    let config = site.client().http1().config();
    let mut stream = tls(config, name, site.addr).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    let line = std::str::from_utf8(&answer).unwrap();
    line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 ")).unwrap().parse().unwrap()
}

#[tokio::test]
async fn rfc_9112_3_2_a_request_without_one_clear_host_is_a_bad_request() {
    let site = Site::start().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: www.example\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nhOST: www.example\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\nHost: www.example\r\n\r\n", 200),
        ("GET https://www.example/ HTTP/1.1\r\nHost: www.example\r\n\r\n", 200),
        ("GET https://www.example:443/ HTTP/1.1\r\nHost: WWW.example.\r\n\r\n", 200),
        // none
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost:\r\n\r\n", 400),
        // two, which HTTP/1.0 does not allow either
        ("GET / HTTP/1.0\r\nHost: www.example\r\nHost: www.example\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: admin.example\r\n\r\n", 421),
        // two
        ("GET / HTTP/1.1\r\nHost: www.example\r\nHost: www.example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example\r\nHost: admin.example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example, admin.example\r\n\r\n", 400),
        // one host in the target, another in the field
        ("GET https://admin.example/ HTTP/1.1\r\nHost: www.example\r\n\r\n", 400),
        ("GET https://www.example/ HTTP/1.1\r\nHost: admin.example\r\n\r\n", 400),
        ("GET https://www.example:1/ HTTP/1.1\r\nHost: www.example\r\n\r\n", 400),
        // neither names nor addresses
        ("GET / HTTP/1.1\r\nHost: me@www.example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example@\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www..example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example..\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: .\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.ex%61mple\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example:99999\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example:a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example:-1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example:1:2\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: :443\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: [www.example]\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: [fe80::1%25lo]\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www.example/\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: www example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: w\u{fc}w.example\r\n\r\n", 400),
    ] {
        assert_eq!(http1(&site, request).await, status, "{request:?}");
        let reached = if status == 200 { &["/"][..] } else { &[] };
        assert_eq!(site.reached(), reached, "{request:?}");
    }
}

#[tokio::test]
async fn rfc_9112_3_2_http_1_0_without_a_host_is_for_the_server_name_of_its_connection() {
    let site = Site::start().await;
    assert_eq!(http1(&site, "GET / HTTP/1.0\r\n\r\n").await, 200);
    assert_eq!(site.reached(), ["/"]);
    // A resource that needs a certificate needs it there, too.
    assert_eq!(http1(&site, "GET /agents HTTP/1.0\r\n\r\n").await, 401);
    // A client that connects to an address sends no server name, so the request has no host.
    assert_eq!(http1_on(&site, "127.0.0.1", "GET / HTTP/1.0\r\n\r\n").await, 400);
    let with_host = "GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    assert_eq!(http1_on(&site, "127.0.0.1", with_host).await, 200);
    assert_eq!(site.reached(), ["/"]);
}

/// The first byte of the header block that answers a request of HTTP/2 with these fields behind
/// `:method`, `:scheme` and `:path`: an index into the static table (RFC 7541 appendix A).
async fn http2(site: &Site, fields: &[(&str, &str)]) -> u8 {
    // Of the static table: GET, https, /.
    let mut block = vec![0x82, 0x87, 0x84];
    for (name, value) in fields {
        // Literals that are not indexed, names included, without Huffman.
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]); // SETTINGS
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]); // HEADERS
    bytes.extend(block);
    let mut stream = tls(site.client().config(), "www.example", site.addr).await;
    stream.write_all(&bytes).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == 1 {
            return payload[0];
        }
    }
}

#[tokio::test]
async fn rfc_9113_8_3_1_an_authority_and_a_host_that_differ_are_a_bad_request() {
    const STATUS_200: u8 = 0x88;
    const STATUS_400: u8 = 0x8c;
    let site = Site::start().await;
    let www = (":authority", "www.example");
    for (fields, status) in [
        (&[www][..], STATUS_200),
        (&[www, ("host", "www.example")], STATUS_200),
        (&[www, ("host", "WWW.example:443")], STATUS_200),
        // As after the translation by a proxy.
        (&[("host", "www.example")], STATUS_200),
        (&[], STATUS_400),
        (&[www, ("host", "admin.example")], STATUS_400),
        (&[(":authority", "admin.example"), ("host", "www.example")], STATUS_400),
        (&[www, ("host", "www.example"), ("host", "www.example")], STATUS_400),
        (&[www, ("host", "")], STATUS_400),
        (&[("host", "www..example")], STATUS_400),
    ] {
        assert_eq!(http2(&site, fields).await, status, "{fields:?}");
        let reached = if status == STATUS_200 { &["/"][..] } else { &[] };
        assert_eq!(site.reached(), reached, "{fields:?}");
    }
}

#[tokio::test]
async fn the_problem_is_told() {
    let site = Site::start().await;
    site.client().get("www.example", "/").await;
    let layer = CallerLayer::new(site.live.clone()).with_connection(site.latest().clone());
    let admit = |request: http::request::Builder| {
        layer.admit(&request.body(()).unwrap().into_parts().0).map(drop)
    };
    let get = |uri: &str| http::Request::get(uri);
    for (request, expected) in [
        (get("/"), Err(Denied::Host(HostProblem::Missing))),
        (get("/").version(http::Version::HTTP_10), Ok(())),
        (get("/").version(http::Version::HTTP_2), Err(Denied::Host(HostProblem::Missing))),
        (get("/").header("host", "a.example").header("host", "a.example"), {
            Err(Denied::Host(HostProblem::Repeated))
        }),
        (get("/").header("host", "a:b"), Err(Denied::Host(HostProblem::Malformed))),
        (get("https://a.example/").header("host", "b.example"), {
            Err(Denied::Host(HostProblem::Contradictory))
        }),
        (get("https://admin.example/"), Err(Denied::Misdirected)),
        (get("https://www.example/"), Ok(())),
        // Extended CONNECT, and the plain one (RFC 9110 section 9.3.6).
        (http::Request::connect("admin.example:443"), Err(Denied::Misdirected)),
        (http::Request::options("*").header("host", "www.example"), Ok(())),
    ] {
        assert_eq!(admit(request), expected);
    }
}
