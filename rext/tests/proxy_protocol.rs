//! Servers behind a load balancer that sends the PROXY protocol.

mod common;

use std::sync::Arc;

use common::{Files, Server, TIMEOUT};
use rext_cli::{files, tls};
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.9 1234 443\r\n";
/// The same addresses.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x09\x04\xd2\x01\xbb";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn config(files: &Files, name: Option<&str>) -> Arc<ClientConfig> {
    let roots = files::roots("--ca", &files.path("server-ca.pem")).unwrap();
    let path = |kind: &str| files.path(&format!("{}.{kind}", name.unwrap_or_default()));
    let identity = name.map(|_| files::identity(&path("pem"), &path("key")).unwrap());
    let offer = name.map(|_| ClientAuthOffer::flag()).unwrap_or_default();
    tls::client_config(roots, identity, offer, DEFAULT_VERSIONS, &[tls::HTTP1]).unwrap().into()
}

/// Connects, sends this header, and then a request over TLS in the same connection. Returns the body
/// of the response, or `None` if the server closed the connection.
async fn get(files: &Files, port: u16, header: &[u8], path: &str) -> Option<String> {
    get_as(&config(files, None), port, header, path).await
}

async fn get_as(
    config: &Arc<ClientConfig>,
    port: u16,
    header: &[u8],
    path: &str,
) -> Option<String> {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.write_all(header).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let handshake = TlsConnector::from(config.clone()).connect(name, tcp);
    let mut stream = tokio::time::timeout(TIMEOUT, handshake).await.unwrap().ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.ok()?;
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    Some(body.to_owned())
}

async fn debug(files: &Files, port: u16, header: &[u8]) -> Option<Value> {
    let body = get(files, port, header, "/debug").await?;
    Some(serde_json::from_str(&body).unwrap())
}

const FROM: [&str; 2] = ["--proxy-protocol-from", "127.0.0.0/8"];

fn serve(files: &Files, args: &[&str]) -> Server {
    files.serve(&[&["--policy", "offered"], args].concat())
}

#[tokio::test]
async fn the_client_s_address_is_that_of_the_header() {
    let files = Files::new();
    let server = serve(&files, &FROM);
    for header in [V1, V2] {
        let debug = debug(&files, server.port, header).await.unwrap();
        assert_eq!(debug["peer"], "192.0.2.1:1234");
        server.wait_for_log(&["INFO", "connected", "peer=192.0.2.1:1234"]);
    }
    let header = b"PROXY TCP6 2001:db8::1 2001:db8::9 1234 443\r\n";
    assert_eq!(debug(&files, server.port, header).await.unwrap()["peer"], "[2001:db8::1]:1234");
    // Connections of the load balancer itself, and of clients without an IP address.
    for header in [LOCAL, b"PROXY UNKNOWN\r\n"] {
        let debug = debug(&files, server.port, header).await.unwrap();
        assert!(debug["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{debug}");
    }
}

#[tokio::test]
async fn from_these_addresses_a_well_formed_header_is_required() {
    let files = Files::new();
    let server = serve(&files, &[&FROM[..], &["--handshake-timeout", "1"]].concat());
    let refused = |reason: &str| {
        let line = server.wait_for_log(&["WARN", "refused: PROXY protocol"]);
        assert!(line.contains(reason), "{line}");
        assert!(line.contains("peer=127.0.0.1:"), "{line}");
    };
    for (header, reason) in [
        (
            &b""[..],
            "the connection does not begin with a PROXY header, which --proxy-protocol-from",
        ),
        (b"PROXY TCP4 192.0.2.1 192.0.2.9 1234\r\n", "the PROXY header is malformed"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "the PROXY header is longer than 4112 bytes"),
        (&[b"PROXY ", &[b'1'; 101][..]].concat(), "the PROXY header is longer than 107 bytes"),
    ] {
        assert_eq!(debug(&files, server.port, header).await, None);
        refused(reason);
    }
    // A client that sends only a part of a header.
    let mut tcp = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    tcp.write_all(b"PROXY ").await.unwrap();
    assert_eq!(tcp.read(&mut [0]).await.unwrap(), 0);
    refused("no complete PROXY header within 1s");
    // A second header is not TLS.
    assert_eq!(debug(&files, server.port, &[V1, V2].concat()).await, None);
    let line = server.wait_for_log(&["WARN", "handshake failed"]);
    assert!(line.contains("peer=192.0.2.1:1234"), "{line}");
    // No client is admitted in the meantime.
    assert!(!server.log_so_far().iter().any(|line| line.contains("connected")));
}

#[tokio::test]
async fn from_other_addresses_a_header_is_an_error() {
    let files = Files::new();
    let server = serve(&files, &["--proxy-protocol-from", "192.0.2.0/24,2001:db8::1"]);
    for header in [V1, V2] {
        assert_eq!(debug(&files, server.port, header).await, None);
        server.wait_for_log(&["handshake failed", "the connection begins with the PROXY protocol"]);
    }
    assert_eq!(files.connect(&server, None, &[]).code, Some(0));
}

#[tokio::test]
async fn rules_on_addresses_see_the_client_s_address() {
    let files = Files::new();
    files.write(
        "policy.toml",
        "[scopes.clients]\nanchors = ['client-ca.pem']\n\
         [[rules]]\npeer = '192.0.2.0/24'\nrequest = 'clients'\n\
         [otherwise]\nask = 'nothing'\n",
    );
    let server =
        files.serve_without_ca(&[&["--policy-file", "policy.toml"], &FROM[..]].concat(), |_| {});
    let config = config(&files, Some("client"));
    for (header, status) in [
        (V1, "authenticated"),
        (V2, "authenticated"),
        (b"PROXY TCP4 198.51.100.1 192.0.2.9 1234 443\r\n", "not_asked"),
        (LOCAL, "not_asked"),
    ] {
        let body = get_as(&config, server.port, header, "/debug").await.unwrap();
        let debug: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(debug["status"], status, "{}", header.escape_ascii());
    }
}

#[tokio::test]
async fn connections_are_counted_for_the_client_s_address() {
    let files = Files::new();
    let server = serve(&files, &[&FROM[..], &["--max-connections-per-address", "1"]].concat());
    let tcp = || async { TcpStream::connect(("127.0.0.1", server.port)).await.unwrap() };
    let mut first = tcp().await;
    first.write_all(V1).await.unwrap();
    // It is counted when the server answers.
    first.write_all(include_bytes!("../../rustls-ext-wire/corpus/curl+flag.bin")).await.unwrap();
    assert_eq!(first.read(&mut [0]).await.unwrap(), 1);
    let mut second = tcp().await;
    second.write_all(V2).await.unwrap();
    assert_eq!(second.read(&mut [0]).await.unwrap(), 0);
    server.wait_for_log(&["connections closed", "addr=192.0.2.1 max_connections_per_address=1"]);
    // Other clients of the same load balancer are served.
    let header = b"PROXY TCP4 192.0.2.2 192.0.2.9 1234 443\r\n";
    assert_eq!(debug(&files, server.port, header).await.unwrap()["peer"], "192.0.2.2:1234");
    drop(first);
}

#[tokio::test]
async fn the_server_behind_a_gateway_gets_the_client_s_address() {
    let files = Files::new();
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let usual = ["--policy", "never", "--upstream", &url];
    let gateway = files.start("gateway", &[&usual[..], &FROM].concat(), |_| {});
    let answered = tokio::spawn(async move {
        let (mut tcp, _) = upstream.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_ne!(tcp.read_buf(&mut head).await.unwrap(), 0);
        }
        tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await.unwrap();
        String::from_utf8(head).unwrap().to_lowercase()
    });
    assert_eq!(get(&files, gateway.port, V2, "/").await.unwrap(), "fine");
    let head = answered.await.unwrap();
    assert!(head.contains("\r\nx-forwarded-for: 192.0.2.1\r\n"), "{head}");
    assert!(head.contains("\r\nforwarded: for=") && head.contains("192.0.2.1"), "{head}");
}

#[test]
fn unusable_networks_are_errors_of_the_option() {
    let files = Files::new();
    for (network, reason) in [
        ("10.0.0.1/8", "bits are set after the prefix; the network is 10.0.0.0/8"),
        ("lb.example.com", "not an address such as 10.0.0.1 or 2001:db8::1"),
        ("10.0.0.0/33", "not an address such as 10.0.0.1 or 2001:db8::1"),
    ] {
        let args = ["serve", "--listen", "127.0.0.1:0", "--proxy-protocol-from", network];
        let output = files.rext(&args).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text.contains("--proxy-protocol-from") && text.contains(reason), "{text}");
    }
}
