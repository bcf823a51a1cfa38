//! The gateway, the server behind it, and clients.

use std::process::Command;
use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rext_cli::{files, tls};
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::common::{Files, Server};
use crate::upstream::Upstream;

/// A policy that requests certificates from clients that offer. It has six lines.
pub const POLICY: &str = "otherwise = { ask = 'nothing' }
[scopes.clients]
anchors = ['client-ca.pem']
[[rules]]
offered = true
request = 'clients'
";

/// A gateway and the server behind it.
pub struct Site {
    pub files: Files,
    pub gateway: Server,
    pub upstream: Upstream,
}

impl Site {
    /// Starts a gateway that requests certificates from clients that offer, and its server.
    pub async fn start(more: &[&str]) -> Self {
        let upstream = Upstream::start().await;
        let url = upstream.url();
        Self::with(upstream, &url, more)
    }

    pub fn with(upstream: Upstream, url: &str, more: &[&str]) -> Self {
        Self::with_files(Files::new(), upstream, url, more)
    }

    /// The same with these files.
    pub fn with_files(files: Files, upstream: Upstream, url: &str, more: &[&str]) -> Self {
        let usual = ["--client-ca", "client-ca.pem", "--policy", "offered", "--upstream", url];
        let prepare = |command: &mut Command| {
            // So that no proxy of the environment is used.
            command.env_clear();
        };
        let gateway = files.start("gateway", &[&usual, more].concat(), prepare);
        Self { files, gateway, upstream }
    }

    /// Starts a gateway with this table [gateway] behind [`POLICY`].
    pub fn with_routes(upstream: Upstream, table: &str) -> Self {
        let files = Files::new();
        files.write("policy.toml", format!("{POLICY}{table}"));
        let gateway = files.start("gateway", &["--policy-file", "policy.toml"], |command| {
            command.env_clear();
        });
        Self { files, gateway, upstream }
    }

    /// Connects a client without a certificate.
    pub async fn connect(&self, protocol: &'static [u8]) -> Connection {
        Connection::over(self.tls(protocol, None).await, protocol == tls::H2).await
    }

    /// Connects a client that offers, with the certificate of this name.
    pub async fn connect_as(&self, protocol: &'static [u8], name: &str) -> Connection {
        Connection::over(self.tls(protocol, Some(name)).await, protocol == tls::H2).await
    }

    pub async fn tls(&self, protocol: &[u8], name: Option<&str>) -> TlsStream<TcpStream> {
        self.tls_by(&self.config(protocol, name)).await
    }

    pub fn config(&self, protocol: &[u8], name: Option<&str>) -> Arc<ClientConfig> {
        let roots = files::roots("--ca", &self.files.path("server-ca.pem")).unwrap();
        let path = |kind: &str| self.files.path(&format!("{}.{kind}", name.unwrap_or_default()));
        let identity = name.map(|_| files::identity(&path("pem"), &path("key")).unwrap());
        let offer = match name {
            Some(_) => ClientAuthOffer::flag(),
            None => ClientAuthOffer::default(),
        };
        tls::client_config(roots, identity, offer, DEFAULT_VERSIONS, &[protocol]).unwrap().into()
    }

    pub async fn tls_by(&self, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(("127.0.0.1", self.gateway.port)).await.unwrap();
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(config.clone()).connect(name, tcp).await.unwrap()
    }
}

pub enum Connection {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// A response with its whole body and its trailers.
#[derive(Debug)]
pub struct ReceivedResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub trailers: HeaderMap,
}

impl Connection {
    pub async fn over(stream: TlsStream<TcpStream>, is_h2: bool) -> Self {
        let io = TokioIo::new(stream);
        if is_h2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Self::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            Self::Http1(sender)
        }
    }

    pub async fn get(&mut self, path: &str) -> ReceivedResponse {
        self.send(get(path)).await
    }

    pub async fn send(&mut self, request: Request<Body>) -> ReceivedResponse {
        ReceivedResponse::of(self.begin(request).await.unwrap()).await.unwrap()
    }

    /// Sends a request, and waits for the head of the response.
    pub async fn begin(
        &mut self,
        mut request: Request<Body>,
    ) -> hyper::Result<http::Response<Incoming>> {
        match self {
            Self::Http2(sender) => {
                sender.ready().await?;
                *request.version_mut() = Version::HTTP_2;
                sender.send_request(request).await
            }
            Self::Http1(sender) => {
                sender.ready().await?;
                let host = HeaderValue::from_static("localhost");
                request.headers_mut().entry(header::HOST).or_insert(host);
                *request.uri_mut() =
                    request.uri().path_and_query().unwrap().as_str().parse().unwrap();
                sender.send_request(request).await
            }
        }
    }
}

impl ReceivedResponse {
    pub async fn of(response: http::Response<Incoming>) -> hyper::Result<Self> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        Ok(Self { status: parts.status, headers: parts.headers, text, trailers })
    }

    /// Splits the response of `/echo` into the fields, the body and the trailers of the request.
    #[track_caller]
    pub fn echo(&self) -> (Vec<&str>, &str, Vec<&str>) {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        let mut parts = self.text.split("--\n");
        let mut next = || parts.next().unwrap();
        (next().lines().collect(), next().trim_end(), next().lines().collect())
    }
}

pub fn get(path: &str) -> Request<Body> {
    request("GET", path, &[], Body::empty())
}

pub fn request(method: &str, path: &str, fields: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
    request.headers_mut().unwrap().extend(map(fields));
    request.body(body).unwrap()
}

pub fn map(fields: &[(&str, &str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap())
        })
        .fold(HeaderMap::new(), |mut map, (name, value): (HeaderName, HeaderValue)| {
            map.append(name, value);
            map
        })
}

/// A body of unknown length, followed by these trailers.
pub fn with_trailers(text: &'static str, trailers: &[(&str, &str)]) -> Body {
    let trailers = map(trailers);
    let body = Full::from(text).with_trailers(async move { Some(Ok(trailers)) });
    Body::new(body.map_frame(|frame| frame))
}
