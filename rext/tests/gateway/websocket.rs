//! WebSocket through the gateway: over HTTP/1.1, and over HTTP/2 by extended CONNECT (RFC 8441).

use std::net::SocketAddr;

use axum::body::Body;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::client::{ReceivedResponse, Site};
use crate::common::TIMEOUT;
use crate::upstream::Upstream;

/// A server that switches protocols, in ways that depend on the path.
struct Switching {
    addr: SocketAddr,
    /// The heads of requests, and "end" when a stream of `/raw` has ended.
    seen: UnboundedReceiver<String>,
}

impl Switching {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, seen) = unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(switch(tcp, sender.clone()));
            }
        });
        Self { addr, seen }
    }

    fn heads(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }

    async fn wait_for(&mut self, line: &str) {
        let found = async { while self.seen.recv().await.unwrap() != line {} };
        timeout(TIMEOUT, found).await.unwrap();
    }
}

async fn switch(mut tcp: TcpStream, seen: UnboundedSender<String>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tcp.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    let path = head.split(' ').nth(1).unwrap().to_owned();
    seen.send(head).unwrap();
    let switched = |upgrade: &str, accept: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\nX-Kept: 1\r\n\r\n"
        )
    };
    let response = match &*path {
        "/ws" | "/raw" | "/deaf" => switched("WebSocket", &accept),
        "/other" => switched("other", &accept),
        "/accept" => switched("websocket", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        "/quiet" => "HTTP/1.1 101 Switching Protocols\r\n\r\n".into(),
        "/ok" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into(),
        _ => "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".into(),
    };
    tcp.write_all(response.as_bytes()).await.unwrap();
    match &*path {
        "/ws" => {
            let mut socket = WebSocketStream::from_raw_socket(tcp, Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await.unwrap();
                }
            }
        }
        // Responds after the client has ended its direction.
        "/raw" => {
            let mut received = Vec::new();
            let _ = tcp.read_to_end(&mut received).await;
            let _ = seen.send("end".into());
            let _ = tcp.write_all(&received).await;
            let _ = tcp.shutdown().await;
        }
        // Reads nothing.
        "/deaf" => std::future::pending().await,
        _ => {}
    }
}

async fn site(more: &[&str]) -> (Site, Switching) {
    let server = Switching::start().await;
    let url = format!("http://{}", server.addr);
    let more = [&["--require", "/ws=clients"][..], more].concat();
    (Site::with(Upstream::start().await, &url, &more), server)
}

/// What a client gets when it asks for WebSocket.
enum Opened {
    Switched(http::response::Parts, TokioIo<Upgraded>),
    Refused(ReceivedResponse),
}

impl Opened {
    async fn of(mut response: Response<Incoming>, success: StatusCode) -> Self {
        if response.status() == success {
            let upgraded = hyper::upgrade::on(&mut response).await.unwrap();
            Self::Switched(response.into_parts().0, TokioIo::new(upgraded))
        } else {
            Self::Refused(ReceivedResponse::of(response).await.unwrap())
        }
    }

    #[track_caller]
    fn stream(self) -> TokioIo<Upgraded> {
        match self {
            Self::Switched(_, stream) => stream,
            Self::Refused(response) => panic!("{response:?}"),
        }
    }

    #[track_caller]
    fn refused(self) -> ReceivedResponse {
        match self {
            Self::Switched(parts, _) => panic!("{parts:?}"),
            Self::Refused(response) => response,
        }
    }
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Asks for WebSocket at this path, by the means of the protocol.
async fn open(site: &Site, protocol: &'static [u8], name: Option<&str>, path: &str) -> Opened {
    let fields = [
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
        ("x_ssl_cert", "forged"),
    ];
    if protocol == H2 {
        let connect = request("CONNECT", path, &fields, Some("websocket"));
        Opened::of(http2(site, name, connect).await, StatusCode::OK).await
    } else {
        let more =
            [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", KEY)];
        let get = request("GET", path, &[&fields[..], &more].concat(), None);
        Opened::of(http1(site, name, get).await, StatusCode::SWITCHING_PROTOCOLS).await
    }
}

fn request(
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    protocol: Option<&'static str>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(Protocol::from_static(protocol));
    }
    request
}

async fn http1(site: &Site, name: Option<&str>, mut request: Request<Body>) -> Response<Incoming> {
    let stream = TokioIo::new(site.tls(HTTP1, name).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    *request.uri_mut() = request.uri().path().parse().unwrap();
    sender.send_request(request).await.unwrap()
}

async fn http2(site: &Site, name: Option<&str>, mut request: Request<Body>) -> Response<Incoming> {
    let stream = TokioIo::new(site.tls(H2, name).await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    // The first response comes after the server's SETTINGS, which allow extended CONNECT.
    let first = self::request("GET", "/first", &[], None);
    assert_eq!(sender.send_request(first).await.unwrap().status(), 403);
    *request.version_mut() = Version::HTTP_2;
    let response = sender.send_request(request).await.unwrap();
    // Otherwise the connection ends with its last sender.
    tokio::spawn(async move {
        let _open = sender;
        std::future::pending::<()>().await;
    });
    response
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    message: Message,
) {
    socket.send(message.clone()).await.unwrap();
    assert_eq!(timeout(TIMEOUT, socket.next()).await.unwrap().unwrap().unwrap(), message);
}

#[tokio::test]
async fn rfc_6455_and_rfc_8441_messages_pass_in_both_directions_and_a_path_requires_a_certificate()
{
    let (site, mut server) = site(&[]).await;
    for protocol in [HTTP1, H2] {
        let denied = open(&site, protocol, None, "/ws").await.refused();
        assert_eq!(denied.status, 401);
        assert!(
            denied.headers["www-authenticate"].to_str().unwrap().starts_with("ClientCertificate")
        );
        for path in ["/%77s", "/WS", "//ws"] {
            assert_eq!(open(&site, protocol, None, path).await.refused().status, 401, "{path}");
        }
        let first = |head: &String| head.starts_with("GET /first");
        let heads = server.heads();
        assert!(heads.iter().all(first), "{heads:?}");

        let opened = open(&site, protocol, Some("client"), "/ws").await;
        let Opened::Switched(parts, stream) = opened else { panic!("refused") };
        assert_eq!(parts.headers["sec-websocket-protocol"], "chat");
        assert_eq!(parts.headers["x-kept"], "1");
        let accept = parts.headers.get("sec-websocket-accept").map(|value| value.to_str().unwrap());
        assert_eq!(accept, (protocol == HTTP1).then_some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        echo(&mut socket, Message::text("some text")).await;
        echo(&mut socket, Message::binary(Bytes::from(vec![7; 1 << 20]))).await;
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}

        let heads: Vec<_> = server.heads().into_iter().filter(|head| !first(head)).collect();
        let [head] = &heads[..] else { panic!("{heads:?}") };
        let mut lines: Vec<_> = head.trim_end().lines().collect();
        assert_eq!(lines.remove(0), "GET /ws HTTP/1.1");
        lines.retain(|line| !line.starts_with("forwarded: ") && !line.starts_with("x-forwarded-"));
        lines.sort_unstable();
        let key = lines.iter().position(|line| line.starts_with("sec-websocket-key: ")).unwrap();
        let key = lines.remove(key);
        assert!(key.len() == "sec-websocket-key: ".len() + 24, "{key}");
        assert_eq!(key.ends_with(KEY), protocol == HTTP1);
        assert_eq!(
            lines,
            [
                "connection: upgrade",
                "host: localhost",
                "sec-websocket-protocol: chat",
                "sec-websocket-version: 13",
                "upgrade: websocket",
                if protocol == H2 { "via: 2 rext" } else { "via: 1.1 rext" },
            ]
        );
    }
}

#[tokio::test]
async fn a_refusal_by_the_server_behind_is_passed_on_and_a_false_switch_is_a_502() {
    let (site, _server) = site(&[]).await;
    for (path, over_http1, over_http2) in [
        ("/no", 403, 403),
        // A success would mean that the tunnel is open (RFC 8441 section 5).
        ("/ok", 200, 502),
        ("/other", 502, 502),
        ("/accept", 502, 502),
        ("/quiet", 502, 502),
    ] {
        for (protocol, status) in [(HTTP1, over_http1), (H2, over_http2)] {
            let refused = open(&site, protocol, None, path).await.refused();
            assert_eq!(refused.status, status, "{path}");
            let text = match status {
                403 => "no",
                200 => "ok",
                _ => "the server behind ",
            };
            assert!(refused.text.starts_with(text), "{path}: {refused:?}");
            if status == 502 {
                site.gateway.wait_for_log(&["WARN", "no response", path, "status=502"]);
            }
        }
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_a_502() {
    let (site, mut server) = site(&[]).await;
    for path in ["/raw", "/quiet"] {
        let plain = || request("GET", path, &[], None);
        assert_eq!(http1(&site, None, plain()).await.status(), 502);
        assert_eq!(http2(&site, None, plain()).await.status(), 502);
    }
    assert_eq!(server.heads().iter().filter(|head| head.contains("upgrade:")).count(), 0);
}

#[tokio::test]
async fn rfc_9110_7_8_other_upgrades_are_passed_on_without_an_upgrade() {
    let (site, mut server) = site(&[]).await;
    let key = ("sec-websocket-key", KEY);
    for fields in [
        &[
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
        ][..],
        &[("connection", "Upgrade"), ("upgrade", "websockets"), key],
        &[("connection", "Upgrade"), ("upgrade", "TLS/1.3"), key],
        &[("connection", "keep-alive"), ("upgrade", "websocket"), key],
        &[("connection", "Upgrade"), ("upgrade", "websocket")],
        &[("connection", "Upgrade"), ("upgrade", "websocket"), key, key],
    ] {
        let response = http1(&site, None, request("GET", "/no", fields, None)).await;
        assert_eq!(response.status(), 403);
        let heads = server.heads();
        let [head] = &heads[..] else { panic!("{heads:?}") };
        assert!(!head.contains("upgrade") && !head.contains("http2-settings"), "{head}");
    }
    // With a body.
    let fields = [("connection", "Upgrade"), ("upgrade", "websocket"), key];
    let request = request("GET", "/no", &fields, None).map(|_| Body::from("text"));
    assert_eq!(http1(&site, None, request).await.status(), 403);
    assert!(!server.heads()[0].contains("upgrade"));
}

#[tokio::test]
async fn other_kinds_of_connect_are_refused() {
    let (site, mut server) = site(&[]).await;
    for protocol in ["connect-udp", "webtransport", "WebSocket"] {
        let response = http2(&site, None, request("CONNECT", "/ws", &[], Some(protocol))).await;
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED, "{protocol}");
    }
    let mut plain = request("CONNECT", "/", &[], None);
    *plain.uri_mut() = "localhost:443".parse().unwrap();
    assert_eq!(http2(&site, None, plain).await.status(), StatusCode::NOT_IMPLEMENTED);
    let mut stream = site.tls(HTTP1, None).await;
    stream
        .write_all(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
        .await
        .unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 501");
    assert!(server.heads().iter().all(|head| head.starts_with("GET /first")));
}

#[tokio::test]
async fn the_end_of_one_direction_is_passed_on_and_the_other_one_continues() {
    let (site, _server) = site(&[]).await;
    for protocol in [HTTP1, H2] {
        let mut stream = open(&site, protocol, None, "/raw").await.stream();
        stream.write_all(b"last words").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut received = String::new();
        timeout(TIMEOUT, stream.read_to_string(&mut received)).await.unwrap().unwrap();
        assert_eq!(received, "last words");
    }
}

#[tokio::test]
async fn an_idle_tunnel_ends_at_both_sides() {
    let (site, mut server) = site(&["--idle-timeout", "0.5"]).await;
    for protocol in [HTTP1, H2] {
        let mut stream = open(&site, protocol, None, "/raw").await.stream();
        let mut received = Vec::new();
        let _ = timeout(TIMEOUT, stream.read_to_end(&mut received)).await.unwrap();
        assert_eq!(received, b"");
        server.wait_for("end").await;
    }
}

#[tokio::test]
async fn a_tunnel_ends_when_its_connection_reaches_its_maximum_age() {
    let (site, mut server) = site(&["--max-connection-age", "1"]).await;
    for protocol in [HTTP1, H2] {
        let mut stream = open(&site, protocol, None, "/raw").await.stream();
        let mut received = Vec::new();
        let _ = timeout(TIMEOUT, stream.read_to_end(&mut received)).await.unwrap();
        server.wait_for("end").await;
    }
}

#[tokio::test]
async fn a_tunnel_is_read_no_faster_than_the_other_side_reads() {
    const ALL: usize = 256 << 20;
    // A tunnel that is stuck is idle.
    let (site, _server) = site(&["--idle-timeout", "1"]).await;
    for protocol in [HTTP1, H2] {
        let mut stream = open(&site, protocol, None, "/deaf").await.stream();
        let part = vec![0; 64 * 1024];
        let mut sent = 0;
        while sent < ALL && stream.write_all(&part).await.is_ok() {
            sent += part.len();
        }
        assert!(sent < ALL / 4, "{sent}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn open_tunnels_continue_while_the_gateway_stops() {
    for protocol in [HTTP1, H2] {
        let (mut site, _server) = site(&["--drain-timeout", "60"]).await;
        let stream = open(&site, protocol, Some("client"), "/ws").await.stream();
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        echo(&mut socket, Message::text("before")).await;
        let pid = site.gateway.child.id().to_string();
        assert!(
            std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success()
        );
        site.gateway.wait_for_log(&["stopping", "connections=1"]);
        echo(&mut socket, Message::text("after")).await;
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        drop(socket);
        let status = tokio::task::spawn_blocking(move || site.gateway.child.wait().unwrap());
        assert!(timeout(TIMEOUT, status).await.unwrap().unwrap().success());
    }
}

#[tokio::test]
async fn a_route_allows_other_protocols_or_none() {
    let server = Switching::start().await;
    for (upgrades, websocket, other) in
        [("['other']", 403, 101), ("[]", 403, 403), ("['WebSocket']", 101, 403)]
    {
        let table = format!(
            "[[gateway.routes]]\nupstream = 'http://{}'\nupgrades = {upgrades}\n",
            server.addr
        );
        let site = Site::with_scopes(&table).await;
        for (path, protocol, status) in
            [("/raw", "websocket", websocket), ("/other", "other", other)]
        {
            // Without an upgrade, the server's switch is a 502.
            let status = if status == 403 { 502 } else { status };
            let fields =
                [("connection", "upgrade"), ("upgrade", protocol), ("sec-websocket-key", KEY)];
            let response = http1(&site, None, request("GET", path, &fields, None)).await;
            assert_eq!(response.status(), status, "{upgrades} {path}");
        }
    }
}
