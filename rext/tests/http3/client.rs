//! Clients of HTTP/3: one with h3, and one that sends any bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use h3::error::StreamError;
use h3_quinn::OpenStreams;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::{Buf, Bytes};
use quinn::Endpoint;
use rext_cli::{files, tls};
use rustls_ext::ClientAuthOffer;
use rustls_ext::quic::{HandshakeData, QuicClientConfig};
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};

use crate::common::{Files, Server};
use crate::upstream::Upstream;

/// A gateway with HTTP/3, and the server behind it.
pub struct Site {
    pub files: Files,
    pub gateway: Server,
    pub upstream: Upstream,
}

impl Site {
    /// Starts a gateway that requests certificates from clients that offer.
    pub async fn start(more: &[&str]) -> Self {
        let (files, upstream) = (Files::new(), Upstream::start().await);
        let url = upstream.url();
        let usual = ["--http3", "--client-ca", "client-ca.pem", "--policy", "offered"];
        let args = [&usual[..], &["--upstream", &url], more].concat();
        let gateway = files.start("gateway", &args, |command: &mut Command| {
            // So that no proxy of the environment is used.
            command.env_clear();
        });
        Self { files, gateway, upstream }
    }

    /// Connects a client, with the certificate of this name if there is one.
    pub async fn connect(&self, name: Option<&str>) -> Connection {
        connect(&self.files, &self.gateway, name).await
    }
}

pub fn config(files: &Files, protocol: &[u8], name: Option<&str>) -> ClientConfig {
    let roots = files::roots("--ca", &files.path("server-ca.pem")).unwrap();
    let path = |kind: &str| files.path(&format!("{}.{kind}", name.unwrap_or_default()));
    let identity = name.map(|_| files::identity(&path("pem"), &path("key")).unwrap());
    let offer = match name {
        Some(_) => ClientAuthOffer::flag(),
        None => ClientAuthOffer::default(),
    };
    tls::client_config(roots, identity, offer, DEFAULT_VERSIONS, &[protocol]).unwrap()
}

pub fn quic(config: ClientConfig) -> quinn::ClientConfig {
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()))
}

/// Begins a connection to this address.
pub fn connecting(config: ClientConfig, addr: SocketAddr) -> quinn::Connecting {
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    endpoint.connect_with(quic(config), addr, "localhost").unwrap()
}

/// Connects a client of QUIC.
pub async fn raw(files: &Files, server: &Server, name: Option<&str>) -> quinn::Connection {
    let addr = (Ipv4Addr::LOCALHOST, server.port).into();
    connecting(config(files, tls::H3, name), addr).await.unwrap()
}

/// Connects a client of HTTP/3.
pub async fn connect(files: &Files, server: &Server, name: Option<&str>) -> Connection {
    Connection::over(raw(files, server, name).await).await
}

pub type Stream = h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// A connection of h3.
pub struct Connection {
    pub quic: quinn::Connection,
    pub sender: h3::client::SendRequest<OpenStreams, Bytes>,
}

/// A response with its whole body and its trailers.
#[derive(Debug)]
pub struct ReceivedResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl ReceivedResponse {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Connection {
    pub async fn over(quic: quinn::Connection) -> Self {
        let transport = h3_quinn::Connection::new(quic.clone());
        let (mut driver, sender) = h3::client::new(transport).await.unwrap();
        tokio::spawn(async move { driver.wait_idle().await });
        Self { quic, sender }
    }

    pub fn handshake(&self) -> HandshakeData {
        HandshakeData::from_quinn(self.quic.handshake_data()).unwrap()
    }

    pub async fn get(&mut self, path: &str) -> ReceivedResponse {
        let mut stream = self.begin(request("GET", path, &[])).await;
        stream.finish().await.unwrap();
        receive(&mut stream).await.unwrap()
    }

    /// Sends the head of a request.
    pub async fn begin(&mut self, request: Request<()>) -> Stream {
        self.sender.send_request(request).await.unwrap()
    }
}

pub fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request<()> {
    let uri = format!("https://localhost{path}");
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// Receives a whole response.
pub async fn receive(stream: &mut Stream) -> Result<ReceivedResponse, StreamError> {
    let response: Response<()> = stream.recv_response().await?;
    let mut body = Vec::new();
    while let Some(mut data) = stream.recv_data().await? {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    let trailers = stream.recv_trailers().await?;
    let (parts, ()) = response.into_parts();
    Ok(ReceivedResponse { status: parts.status, headers: parts.headers, body, trailers })
}

/// A frame (RFC 9114 section 7.1) of this type.
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 0x80];
    frame.extend(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
    frame.extend(payload);
    frame
}

/// A HEADERS frame for `/hold` with this method (its index in QPACK's static table) and these
/// further fields, without Huffman codes and a dynamic table (RFC 9204 section 4.5).
pub fn head(method: u8, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    // :method, :scheme https, :authority localhost.
    let mut section = [&[0, 0, 0xc0 | method, 0xd7, 0x50, 9][..], b"localhost"].concat();
    for (name, value) in [(":path", path)].iter().chain(fields) {
        prefixed(&mut section, 0x20, 3, name);
        prefixed(&mut section, 0, 7, value);
    }
    frame(1, &section)
}

pub const GET: u8 = 17;
pub const POST: u8 = 20;

/// A string whose length is in the low bits of the first byte (RFC 7541 section 5.1).
fn prefixed(section: &mut Vec<u8>, flags: u8, bits: u32, text: &str) {
    let most = (1_usize << bits) - 1;
    let mut rest = text.len();
    if rest < most {
        section.push(flags | rest as u8);
    } else {
        section.push(flags | most as u8);
        rest -= most;
        while rest >= 128 {
            section.push(0x80 | (rest % 128) as u8);
            rest /= 128;
        }
        section.push(rest as u8);
    }
    section.extend(text.as_bytes());
}

/// Opens the control stream of a client, with empty SETTINGS.
pub async fn control(connection: &quinn::Connection) -> quinn::SendStream {
    let mut control = connection.open_uni().await.unwrap();
    control.write_all(&[0, 4, 0]).await.unwrap();
    control
}
