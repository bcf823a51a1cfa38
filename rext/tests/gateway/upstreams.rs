//! The servers behind: https with a client certificate, HTTP/2 with and without TLS, gRPC, several
//! servers, and retries only where nothing was sent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rext_cli::tls::{self, H2, HTTP1};
use rustls_ext::rustls::server::WebPkiClientVerifier;
use rustls_ext::rustls::{RootCertStore, ServerConfig};
use rustls_ext::subject_of;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::TlsAcceptor;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{ServiceExt, service_fn as tower_service};

use crate::client::{Connection, POLICY, Site, request, with_trailers};
use crate::common::Files;
use crate::raw::{RawServer, read_head};
use crate::upstream::{Upstream, lines};

/// A server of HTTP/1.1 and HTTP/2 that answers with its requests.
pub struct Behind {
    pub addr: SocketAddr,
    /// The subjects of clients' certificates, one for each connection.
    pub subjects: UnboundedReceiver<String>,
}

async fn echo(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/stream" {
        // The trailers of the request, too, and nobody announces them.
        return Ok(Response::new(Body::new(body)));
    }
    let Ok(body) = body.collect().await else {
        return Ok(Response::builder().status(400).body(Body::empty()).unwrap());
    };
    let trailers = body.trailers().map(lines).unwrap_or_default();
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let authority = parts.uri.authority().map(|it| it.to_string()).unwrap_or_default();
    let line = format!("{} {:?} {authority}", parts.method, parts.version);
    let text = format!("{}--\n{text}--\n{trailers}--\n{line}", lines(&parts.headers));
    Ok(Response::new(Body::from(text)))
}

impl Behind {
    async fn start(config: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, subjects) = unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (config, sender) = (config.clone(), sender.clone());
                tokio::spawn(async move {
                    let http = auto::Builder::new(TokioExecutor::new());
                    let Some(config) = config else {
                        let _ = http.serve_connection(TokioIo::new(tcp), service_fn(echo)).await;
                        return;
                    };
                    let Ok(stream) = TlsAcceptor::from(config).accept(tcp).await else { return };
                    let chain = stream.get_ref().1.peer_certificates();
                    let first = chain.and_then(|chain| chain.first());
                    let _ = sender.send(first.map(subject_of).unwrap_or_default());
                    let _ = http.serve_connection(TokioIo::new(stream), service_fn(echo)).await;
                });
            }
        });
        Self { addr, subjects }
    }

    /// With the certificate of `files` for localhost. It requires a client certificate.
    pub async fn with_tls(files: &Files, alpn: &[&[u8]]) -> Self {
        let key = rext_cli::files::identity(&files.path("server.pem"), &files.path("server.key"))
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(files.clients.der().clone()).unwrap();
        let provider = tls::provider();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_cert_resolver(Arc::new(rustls_ext::rustls::sign::SingleCertAndKey::from(key)));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Self::start(Some(Arc::new(config))).await
    }
}

/// A gateway with these files and this table.
pub async fn gateway(files: Files, table: &str) -> Site {
    files.write("policy.toml", format!("{POLICY}{table}"));
    let gateway = files.start("gateway", &["--policy-file", "policy.toml"], |command| {
        command.env_clear();
    });
    Site { files, gateway, upstream: Upstream::start().await }
}

#[tokio::test]
async fn an_https_server_behind_is_verified_and_gets_the_gateways_own_certificate() {
    for (protocol_behind, alpn, version) in
        [("http1", &[HTTP1][..], "HTTP/1.1"), ("http2", &[HTTP1, H2], "HTTP/2.0")]
    {
        let files = Files::new();
        let mut server = Behind::with_tls(&files, alpn).await;
        let port = server.addr.port();
        let table = format!(
            "[[gateway.routes]]\nprotocol = '{protocol_behind}'\nca = 'server-ca.pem'\n\
             cert = 'client.pem'\nkey = 'client.key'\nserver_name = 'localhost'\n\
             upstream = 'https://127.0.0.1:{port}'\n"
        );
        let site = gateway(files, &table).await;
        for protocol in [H2, HTTP1] {
            let response = site.connect(protocol).await.get("/x").await;
            let authority = if protocol_behind == "http2" { "localhost" } else { "" };
            let line = format!("--\nGET {version} {authority}");
            assert!(response.text.ends_with(&line), "{response:?}");
        }
        // Both requests used one connection.
        assert_eq!(server.subjects.recv().await.unwrap(), "CN=client-1");
        assert!(server.subjects.try_recv().is_err());
    }
}

#[tokio::test]
async fn an_https_server_behind_that_cannot_be_verified_is_a_502() {
    for (more, reason) in [
        // The address is not in the certificate.
        ("ca = 'server-ca.pem'\ncert = 'client.pem'\nkey = 'client.key'", "not valid for name"),
        ("ca = 'client-ca.pem'\nserver_name = 'localhost'", "UnknownIssuer"),
        // It requires a certificate.
        ("ca = 'server-ca.pem'\nserver_name = 'localhost'", "ertificate"),
        // It selects no protocol.
        (
            "protocol = 'http2'\nca = 'server-ca.pem'\nserver_name = 'localhost'\n\
             cert = 'client.pem'\nkey = 'client.key'",
            "did not select h2 by ALPN",
        ),
    ] {
        let files = Files::new();
        let server = Behind::with_tls(&files, &[]).await;
        let table = format!("[[gateway.routes]]\n{more}\nupstream = 'https://{}'\n", server.addr);
        let site = gateway(files, &table).await;
        let response = site.connect(H2).await.get("/x").await;
        assert_eq!(response.status, StatusCode::BAD_GATEWAY, "{more}");
        site.gateway.wait_for_log(&["WARN", "no response", "status=502", reason]);
    }
}

#[tokio::test]
async fn trailers_and_cookies_pass_to_and_from_an_http_2_server_as_they_are() {
    let server = Behind::start(None).await;
    let table =
        format!("[[gateway.routes]]\nprotocol = 'http2'\nupstream = 'http://{}'\n", server.addr);
    let site = gateway(Files::new(), &table).await;
    let mut connection = site.connect(H2).await;
    let fields = [("te", "trailers"), ("cookie", "a=1"), ("cookie", "b=2"), ("connection-x", "1")];
    let body = with_trailers("text", &[("x-sum", "7")]);
    let response = connection.send(request("POST", "/echo", &fields, body)).await;
    let (fields, body, trailers) = response.echo();
    assert_eq!((body, &*trailers), ("text", &["x-sum: 7"][..]));
    for line in ["te: trailers", "cookie: a=1", "cookie: b=2", "connection-x: 1", "via: 2 rext"] {
        assert!(fields.contains(&line), "{line}: {fields:?}");
    }
    assert!(!fields.iter().any(|line| line.starts_with("host:")), "{fields:?}");
    assert!(response.text.ends_with("--\nPOST HTTP/2.0 localhost"));
    // Streamed, with trailers in the response that nobody announces.
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    sender.send_data(Bytes::from("0")).await.unwrap();
    let request = request("POST", "/stream", &[("te", "trailers")], Body::new(body));
    let mut answer = connection.begin(request).await.unwrap().into_body();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "0");
    sender.send_trailers(crate::client::map(&[("x-end", "1")])).await.unwrap();
    drop(sender);
    let rest = answer.collect().await.unwrap();
    assert_eq!(rest.trailers().unwrap()["x-end"], "1");
}

#[tokio::test]
async fn grpc_passes_with_its_trailers_and_streams() {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("reports", ServingStatus::Serving).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let health = health.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                health.clone().oneshot(request.map(tonic::body::Body::new))
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(http.serve_connection(TokioIo::new(tcp), service));
        }
    });
    let table = format!("[[gateway.routes]]\nprotocol = 'http2'\nupstream = 'http://{addr}'\n");
    let site = gateway(Files::new(), &table).await;
    let io = TokioIo::new(site.tls(H2, None).await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let channel = tower_service(move |request: Request<tonic::body::Body>| {
        let mut sender = sender.clone();
        async move {
            sender.ready().await?;
            sender.send_request(request).await
        }
    });
    let mut client = HealthClient::with_origin(channel, "https://localhost".parse().unwrap());
    let of = |service: &str| HealthCheckRequest { service: service.into() };
    let response = client.check(of("reports")).await.unwrap().into_inner();
    assert_eq!(response.status, ServingStatus::Serving as i32);
    // An error is in the trailers.
    let err = client.check(of("other")).await.unwrap_err();
    assert_eq!(err.code(), tonic::Code::NotFound);
    // A stream of responses, each before the next.
    let mut stream = client.watch(of("reports")).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().status, ServingStatus::Serving as i32);
    reporter.set_service_status("reports", ServingStatus::NotServing).await;
    assert_eq!(stream.message().await.unwrap().unwrap().status, ServingStatus::NotServing as i32);
}

#[tokio::test]
async fn requests_go_to_several_servers_in_turn_and_past_one_that_is_not_running() {
    let (mut one, mut two) = (Upstream::start().await, Upstream::start().await);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let table = format!(
        "[[gateway.routes]]\nupstreams = ['{}', 'http://{gone}', '{}']\n",
        one.url(),
        two.url()
    );
    let site = gateway(Files::new(), &table).await;
    let mut connection = site.connect(H2).await;
    for number in 0..12 {
        let post = request("POST", &format!("/echo?{number}"), &[], Body::from("text"));
        assert_eq!(connection.send(post).await.echo().1, "text");
    }
    let (one, two) = (one.seen(), two.seen());
    assert_eq!(one.len() + two.len(), 12);
    assert!(one.len() >= 4 && two.len() >= 4, "{one:?} {two:?}");
    // It was tried once, and then avoided.
    let log = site.gateway.log_so_far();
    let avoided = log.iter().filter(|line| line.contains("another server behind is used")).count();
    assert_eq!(avoided, 1, "{log:?}");
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_request_whose_idle_connection_was_closed_is_sent_on_another_one() {
    // Closes each connection after its first response.
    let mut server = RawServer::answering(OK, true).await;
    let site = Site::with(Upstream::start().await, &server.url(), &[]);
    let mut connection = site.connect(H2).await;
    for number in 0..20 {
        let post = request("POST", "/", &[], Body::from("text"));
        let response = connection.send(post).await;
        // A connection that is closed while the request is written is no reason to send it again.
        assert!(matches!(response.status.as_u16(), 200 | 502), "{number}: {response:?}");
        let seen = server.so_far();
        assert!(seen.len() <= 1, "{number}: {seen:?}");
        assert!(
            response.status != 200
                || seen
                    == [format!(
                        "{} POST / HTTP/1.1",
                        seen.first().map_or("", |line| line.split(' ').next().unwrap())
                    )]
        );
    }
}

#[tokio::test]
async fn a_request_that_the_server_may_have_received_is_not_sent_again() {
    let mut server = RawServer::start(|mut tcp, number, seen| async move {
        let head = read_head(&mut tcp).await.unwrap();
        let _ = seen.send(format!("{number} {}", head.lines().next().unwrap()));
        if number == 0 {
            let _ = tcp.write_all(OK).await;
            // The second request of this connection gets no response.
            let head = read_head(&mut tcp).await.unwrap();
            let _ = seen.send(format!("{number} {}", head.lines().next().unwrap()));
        }
    })
    .await;
    let site = Site::with(Upstream::start().await, &server.url(), &[]);
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        if protocol == H2 {
            assert_eq!(connection.get("/first").await.status, 200);
        }
        for path in ["/second", "/third"] {
            assert_eq!(connection.get(path).await.status, StatusCode::BAD_GATEWAY);
        }
    }
    let expected =
        ["0 GET /first", "0 GET /second", "1 GET /third", "2 GET /second", "3 GET /third"];
    assert_eq!(server.so_far(), expected.map(|line| format!("{line} HTTP/1.1")));
}

/// An HTTP/2 server: the first connection gives `fault` for its second request, and all others get
/// 200 after their bodies.
async fn faulty_http2(fault: Fault) -> RawServer {
    RawServer::start(move |tcp: TcpStream, connection, seen| async move {
        let mut h2 = h2::server::handshake(tcp).await.unwrap();
        let mut number = 0;
        while let Some(Ok((request, mut respond))) = h2.accept().await {
            number += 1;
            let path = request.uri().path().to_owned();
            let _ = seen.send(format!("{connection} {path}"));
            if connection == 0 && number == 2 {
                match fault {
                    Fault::Refuse => respond.send_reset(h2::Reason::REFUSED_STREAM),
                    Fault::Reset => respond.send_reset(h2::Reason::INTERNAL_ERROR),
                    Fault::Abort => return,
                }
                continue;
            }
            let ok = Response::builder().version(Version::HTTP_2).body(()).unwrap();
            let _ = respond.send_response(ok, true);
        }
    })
    .await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refuse,
    Reset,
    Abort,
}

#[tokio::test]
async fn rfc_9113_8_7_only_a_refused_stream_is_sent_again() {
    for (fault, status, expected) in [
        (Fault::Refuse, 200, &["0 /one", "0 /two", "0 /two"][..]),
        (Fault::Reset, 502, &["0 /one", "0 /two"]),
        (Fault::Abort, 502, &["0 /one", "0 /two"]),
    ] {
        let mut server = faulty_http2(fault).await;
        let table =
            format!("[[gateway.routes]]\nprotocol = 'http2'\nupstream = '{}'\n", server.url());
        let site = gateway(Files::new(), &table).await;
        let mut connection = site.connect(H2).await;
        assert_eq!(connection.get("/one").await.status, 200);
        assert_eq!(connection.get("/two").await.status, status, "{fault:?}");
        assert_eq!(server.so_far(), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refused_stream_whose_body_has_begun_is_not_sent_again() {
    let mut server = RawServer::start(|tcp: TcpStream, connection, seen| async move {
        let mut h2 = h2::server::handshake(tcp).await.unwrap();
        while let Some(Ok((mut request, mut respond))) = h2.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                let data = request.body_mut().data().await.unwrap().unwrap();
                let _ = seen.send(format!("{connection} {}", String::from_utf8_lossy(&data)));
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            });
        }
    })
    .await;
    let table = format!("[[gateway.routes]]\nprotocol = 'http2'\nupstream = '{}'\n", server.url());
    let site = gateway(Files::new(), &table).await;
    let post = request("POST", "/", &[], Body::from("text"));
    assert_eq!(site.connect(H2).await.send(post).await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(server.so_far(), ["0 text"]);
}

#[tokio::test]
async fn after_a_goaway_requests_use_another_connection() {
    let mut server = RawServer::start(|tcp: TcpStream, connection, seen| async move {
        let mut h2 = h2::server::handshake(tcp).await.unwrap();
        while let Some(Ok((request, mut respond))) = h2.accept().await {
            let _ = seen.send(format!("{connection} {}", request.uri().path()));
            let ok = Response::builder().version(Version::HTTP_2).body(()).unwrap();
            let _ = respond.send_response(ok, true);
            h2.graceful_shutdown();
        }
    })
    .await;
    let table = format!("[[gateway.routes]]\nprotocol = 'http2'\nupstream = '{}'\n", server.url());
    let site = gateway(Files::new(), &table).await;
    let mut connection: Connection = site.connect(H2).await;
    for path in ["/0", "/1", "/2", "/3"] {
        assert_eq!(connection.get(path).await.status, 200, "{path}");
    }
    let seen = server.so_far();
    let paths: Vec<_> = seen.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(paths, ["/0", "/1", "/2", "/3"], "{seen:?}");
    assert!(!seen.last().unwrap().starts_with('0'), "{seen:?}");
}
