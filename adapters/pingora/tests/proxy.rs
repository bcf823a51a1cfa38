//! Clients that offer and that do not, through the proxy to a server behind it that shows what it
//! received.

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use adapter_pingora::{Gateway, serve};
use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderName, Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use rustls_ext::http::client::{ClientIdentity, Credentials, Report};
use rustls_ext::http::client_cert::client_cert;
use rustls_ext::http::hyper::{Client, Once};
use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::sign::SingleCertAndKey;
use rustls_ext::rustls::{self, AlertDescription, ClientConfig, HandshakeKind, ServerConfig};
use rustls_ext::{Anchors, ClientAuthOffer, Live, Policy, Rule, Setup, Verdict, tls_error};
use test_pki::{Authority, IssuedCertificate};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Responds with the fields, the body's length and the trailers of a request.
async fn show(request: Request<Body>) -> Result<impl IntoResponse, String> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|err| err.to_string())?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in &parts.headers {
        let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    let _ = writeln!(text, "{} bytes, {} trailers", body.to_bytes().len(), trailers.len());
    // Of unknown length, so that it is in chunks.
    let body = Full::from(text).map_frame(|frame| frame);
    Ok(([("connection", "x-hop"), ("x-hop", "1")], Body::new(body)))
}

struct World {
    servers: Authority,
    agents: Authority,
    staff: Authority,
    server: ServerConfig,
    live: Live,
    upstream: SocketAddr,
    address: SocketAddr,
    /// The proxy stops when it is dropped.
    shutdown: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

fn policy(agents: &Authority, staff: &Authority) -> Result<Policy> {
    Ok(Policy::builder()
        .provider(Arc::new(ring::default_provider()))
        .scope("agents", Anchors::from_roots(agents.roots()?))
        .scope("staff", Anchors::from_roots(staff.roots()?))
        .rule(Rule::when().server_name("staff.test").offered(true).request("staff"))
        .rule(Rule::when().offered(true).request("agents"))
        .otherwise(Verdict::None)
        .build()?)
}

impl World {
    /// Starts the server behind and the proxy, for which `/` is public.
    async fn new() -> Result<Self> {
        let [servers, agents, staff] = ["Servers", "Agents", "Staff"].map(Authority::new);
        let (servers, agents, staff) = (servers?, agents?, staff?);
        let certificate = servers.server(&["localhost", "staff.test"])?.certified_key()?;
        let mut server = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
        server.alpn_protocols = ["h2", "http/1.1"].map(|name| name.as_bytes().to_vec()).into();
        let live: Live = Setup::new(server.clone(), policy(&agents, &staff)?).into();

        let tcp = TcpListener::bind("127.0.0.1:0").await?;
        let upstream = tcp.local_addr()?;
        let app = axum::Router::new().fallback(show);
        tokio::spawn(async { axum::serve(tcp, app).await });

        let tcp = TcpListener::bind("127.0.0.1:0").await?;
        let address = tcp.local_addr()?;
        let gateway = Gateway::new(upstream, "agents").public("/");
        let proxy = Arc::new(http_proxy(&Arc::new(ServerConf::default()), gateway));
        let (shutdown, watch) = watch::channel(false);
        let serving = tokio::spawn(serve(tcp, live.clone(), proxy, watch));
        Ok(Self { servers, agents, staff, server, live, upstream, address, shutdown, serving })
    }

    fn client_config(&self, offer: Option<&IssuedCertificate>) -> Result<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.servers.roots()?)
            .with_no_client_auth();
        if let Some(certificate) = offer {
            let key = SingleCertAndKey::from(certificate.certified_key()?);
            config.client_auth_cert_resolver = Arc::new(key);
            config.client_auth_offer = ClientAuthOffer::flag();
        }
        Ok(config)
    }

    async fn connect(
        &self,
        name: &'static str,
        config: ClientConfig,
    ) -> Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.address).await?;
        Ok(TlsConnector::from(Arc::new(config)).connect(name.try_into()?, tcp).await?)
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// Sends a request as it is, on a connection of its own to the server name `name`. Returns the
    /// response.
    async fn send(
        &self,
        name: &'static str,
        offer: Option<&IssuedCertificate>,
        request: &str,
    ) -> Result<String> {
        exchange(self.connect(name, self.client_config(offer)?).await?, request).await
    }
}

const TRAILER: HeaderName = HeaderName::from_static("x-sum");

/// Sends a request, and returns everything that the server sends until it closes the connection.
async fn exchange(mut io: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<String> {
    io.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    io.read_to_string(&mut response).await?;
    Ok(response)
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or_default()
}

/// The values of a field that the server behind received, or that the response has.
fn values<'a>(response: &'a str, name: &str) -> Vec<&'a str> {
    let lines = response.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_offer_gets_public_pages_and_a_challenge_for_others() -> Result {
    let world = World::new().await?;
    // It would send its certificate if it were requested.
    let mut config = world.client_config(Some(&world.agents.client("agent-7")?))?;
    config.client_auth_offer = ClientAuthOffer::default();
    let tls = world.connect("localhost", config).await?;
    let page = exchange(tls, &get("localhost", "/")).await?;
    assert_eq!((status(&page), values(&page, "client-cert")), ("200", vec![]), "{page}");
    for path in ["/reports", "//", "/?/reports/..", "/%2e", "*"] {
        let page = world.send("localhost", None, &get("localhost", path)).await?;
        let expected = if path.starts_with("/?") { "200" } else { "401" };
        assert_eq!(status(&page), expected, "{path}: {page}");
    }
    let page = world.send("localhost", None, &get("localhost", "/reports")).await?;
    let [challenge] = values(&page, "www-authenticate")[..] else { panic!("{page}") };
    assert!(challenge.starts_with("ClientCertificate ") && challenge.contains("agents"), "{page}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_behind_gets_the_certificate_of_an_authenticated_client() -> Result {
    let world = World::new().await?;
    let agent = world.agents.client("agent-7")?;
    let expected = client_cert(agent.der()).ok_or("no value")?;
    let config = world.client_config(Some(&agent))?;
    for (path, handshake) in [("/", HandshakeKind::Full), ("/reports", HandshakeKind::Resumed)] {
        let mut tls = world.connect("localhost", config.clone()).await?;
        assert_eq!(tls.get_ref().1.handshake_kind(), Some(handshake));
        let page = exchange(&mut tls, &get("localhost", path)).await?;
        assert_eq!(status(&page), "200", "{page}");
        assert_eq!(values(&page, "client-cert"), [expected.to_str()?], "{page}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_set_or_remove_client_cert() -> Result {
    let world = World::new().await?;
    let agent = world.agents.client("agent-7")?;
    let expected = client_cert(agent.der()).ok_or("no value")?;
    let forged = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close, Client-Cert\r\n\
        Client-Cert: :AA==:\r\nclient_cert: :AA==:\r\nClient.Cert: x\r\n\
        CLIENT-CERT-CHAIN: :AA==:\r\n\r\n";
    for offer in [None, Some(&agent)] {
        let page = world.send("localhost", offer, forged).await?;
        assert_eq!(status(&page), "200", "{page}");
        let own = offer.map(|_| expected.to_str()).transpose()?;
        assert_eq!(values(&page, "client-cert"), Vec::from_iter(own), "{page}");
        for name in ["client_cert", "client.cert", "client-cert-chain"] {
            assert!(values(&page, name).is_empty(), "{page}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_scope_gets_403_another_host_421_and_an_ambiguous_host_400() -> Result {
    let world = World::new().await?;
    let (agent, staff) = (world.agents.client("agent-7")?, world.staff.client("staff-1")?);
    let page = world.send("staff.test", Some(&staff), &get("staff.test", "/reports")).await?;
    assert_eq!(status(&page), "403", "{page}");
    let page = world.send("staff.test", Some(&staff), &get("staff.test", "/")).await?;
    assert_eq!((status(&page), values(&page, "client-cert")), ("200", vec![]), "{page}");
    let page = world.send("localhost", Some(&agent), &get("staff.test", "/")).await?;
    assert_eq!(status(&page), "421", "{page}");
    let page =
        world.send("localhost", Some(&agent), &get("localhost", "https://staff.test/")).await?;
    assert_eq!(status(&page), "400", "{page}");
    let twice = get("localhost\r\nHost: staff.test", "/");
    let page = world.send("localhost", Some(&agent), &twice).await?;
    assert_eq!(status(&page), "400", "{page}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_http_2_answers_the_challenge() -> Result {
    let world = World::new().await?;
    let agent = world.agents.client("agent-7")?;
    let identity = ClientIdentity::new("agent-7", agent.certified_key()?)?.for_host("localhost")?;
    let credentials = Credentials::new().with(identity)?;
    let client = Client::builder(world.client_config(None)?, credentials).build();
    for sent in [2, 1] {
        let request = Request::get(world.url("/reports")).body(Empty::<Bytes>::new())?;
        let response = client.request(request).await?;
        assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
        assert_eq!(Report::of(response.extensions()).map(|report| report.sent), Some(sent));
        let body = response.into_body().collect().await?.to_bytes();
        assert_eq!(values(std::str::from_utf8(&body)?, "client-cert").len(), 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_a_large_body_receives_the_challenge() -> Result {
    let world = World::new().await?;
    for (path, expected) in [("/reports", "401"), ("/", "200")] {
        // This client reads nothing until it has sent everything.
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close");
        let request = format!("{head}\r\nContent-Length: 4194304\r\n\r\n{}", "x".repeat(4 << 20));
        let page = world.send("localhost", None, &request).await?;
        assert_eq!(status(&page), expected, "{page}");
        assert_eq!(page.contains("4194304 bytes"), expected == "200", "{page}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_counts_for_new_connections() -> Result {
    let world = World::new().await?;
    let (before, later) = (world.agents.client("agent-7")?, Authority::new("Later")?);
    let after = later.client("agent-8")?;
    let reports = get("localhost", "/reports");
    assert_eq!(status(&world.send("localhost", Some(&before), &reports).await?), "200");
    let policy = policy(&later, &world.staff)?;
    world.live.replace(Setup::new(world.server.clone(), policy));
    assert_eq!(status(&world.send("localhost", Some(&after), &reports).await?), "200");
    let refused = world.send("localhost", Some(&before), &reports).await.err().ok_or("accepted")?;
    let alert = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
    let refused = refused.downcast::<io::Error>()?;
    assert_eq!(tls_error(&refused), Some(&alert), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_the_accept_loop_and_idle_connections() -> Result {
    let world = World::new().await?;
    let mut idle = world.connect("localhost", world.client_config(None)?).await?;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n0\r\n\r\n") {
        assert_ne!(idle.read_buf(&mut response).await?, 0);
    }
    world.shutdown.send(true)?;
    world.serving.await?;
    // Pingora may close the connection without an alert.
    match idle.read_buf(&mut response).await {
        Ok(0) => {}
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => {}
        other => panic!("{other:?}"),
    }
    Ok(())
}

/// The README lists these.
#[tokio::test(flavor = "multi_thread")]
async fn pingora_loses_request_trailers_and_some_framing() -> Result {
    let world = World::new().await?;
    let trailers = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n";
    let page = exchange(TcpStream::connect(world.upstream).await?, trailers).await?;
    assert!(page.contains("1 bytes, 1 trailers"), "{page}");
    let page = world.send("localhost", None, trailers).await?;
    assert!(page.contains("1 bytes, 0 trailers"), "{page}");
    assert_eq!(values(&page, "x-hop"), ["1"], "{page}");
    let with_trailers = async { Some(Ok(HeaderMap::from_iter([(TRAILER, "1".parse().ok()?)]))) };
    let body = Full::<Bytes>::from("x").with_trailers(with_trailers);
    let client = Client::builder(world.client_config(None)?, Credentials::new()).build();
    let response =
        client.request(Request::post(world.url("/")).body(Once(Box::pin(body)))?).await?;
    assert_eq!(response.version(), Version::HTTP_2);
    let page = response.into_body().collect().await?.to_bytes();
    assert!(page.ends_with(b"1 bytes, 0 trailers\n"), "{page:?}");

    let page = world.send("localhost", None, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    assert_eq!(values(&page, "transfer-encoding"), ["chunked"], "{page}");
    Ok(())
}
