//! Connections of clients, and requests on them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use command_line::{Failure, with_causes};
use http::{HeaderValue, Request as HttpRequest, Version, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rext_cli::tls;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS, HandshakeKind};
use rustls_ext::tokio::{ConnectionOutcome, Connector, End, LikelyRefusal, Refusal};
use tokio::net::TcpSocket;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use super::backend::{FORGED, NUMBER, TRAILER};
use super::body::SentBody;
use super::outcome::{BodyEnd, Outcome, Received};
use super::pattern::{Comparison, Direction};
use super::plan::{Host, Job, Protocol};
use super::request::{Action, Request};
use super::site::Site;

mod http3;
mod websocket;

use http3::Http3;

/// The time limit for a handshake, and for a request with its response.
const LIMIT: Duration = Duration::from_secs(90);
/// The client address of the first job; lower ones are the gateways'.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([127, 0, 1, 0]);
/// The length of the parts of a dialogue, in bytes.
const DIALOGUE_PART: usize = 7000;

/// A connection, whose handshake is complete for the client.
#[derive(Clone, Debug)]
pub struct Connection {
    sender: Sender,
    /// How it ended, over TCP.
    outcome: Option<ConnectionOutcome>,
    /// True if the session was resumed.
    pub resumed: bool,
}

#[derive(Clone, Debug)]
enum Sender {
    Http1(Arc<tokio::sync::Mutex<http1::SendRequest<SentBody>>>),
    Http2(http2::SendRequest<SentBody>),
    Http3(Http3),
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub enum ConnectError {
    /// The gateway refused the client.
    Refused,
    /// The gateway does not serve this version of HTTP now.
    Unavailable(Unavailable),
    /// The connection failed.
    Failed(String),
}

/// Why a gateway does not serve HTTP/3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// It refused the connection (`CONNECTION_REFUSED`), or ended it before there was a request.
    Refused,
    /// It sent nothing.
    Unanswered,
}

/// The address of the client of a job.
pub fn address(job: &Job) -> IpAddr {
    Ipv4Addr::from(FIRST_ADDRESS.saturating_add(job.first)).into()
}

/// The config of a client, which keeps its sessions.
///
/// # Errors
/// If a certificate cannot be used.
pub fn config(job: &Job, site: &Site) -> Result<ClientConfig, Failure> {
    let key = site.key(job.certificate).cloned();
    let none = ClientAuthOffer::default();
    let alpn = [alpn(job.protocol)];
    Ok(tls::client_config(site.roots.clone(), key, none, DEFAULT_VERSIONS, &alpn)?)
}

/// The protocol in ALPN of a version of HTTP.
pub fn alpn(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Http1 => tls::HTTP1,
        Protocol::Http2 => tls::H2,
        Protocol::Http3 => tls::H3,
    }
}

impl Connection {
    /// Connects from this address.
    ///
    /// # Errors
    /// If the gateway refuses the client or does not serve HTTP/3, or the connection fails.
    pub async fn open(
        config: ClientConfig,
        host: Host,
        from: IpAddr,
        to: SocketAddr,
    ) -> Result<Self, ConnectError> {
        let failed = |err: &dyn std::fmt::Display| ConnectError::Failed(err.to_string());
        let is_h2 = config.alpn_protocols.iter().any(|name| name == tls::H2);
        let is_h3 = config.alpn_protocols.iter().any(|name| name == tls::H3);
        let connecting = async {
            if is_h3 {
                let (connection, resumed) = Http3::open(config, host, from, to).await?;
                return Ok(Self { sender: Sender::Http3(connection), outcome: None, resumed });
            }
            let socket = TcpSocket::new_v4().map_err(|err| failed(&err))?;
            socket.bind(SocketAddr::from((from, 0))).map_err(|err| failed(&err))?;
            let tcp = socket.connect(to).await.map_err(|err| failed(&err))?;
            let _ = tcp.set_nodelay(true);
            let name = ServerName::try_from(host.name()).map_err(|err| failed(&err))?;
            let stream = Connector::new(Arc::new(config)).connect(name, tcp).await;
            let stream = stream.map_err(|err| {
                let refused =
                    Refusal::in_chain(&err).is_some() || LikelyRefusal::in_chain(&err).is_some();
                if refused { ConnectError::Refused } else { failed(&err) }
            })?;
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            let (outcome, io) = (stream.outcome(), TokioIo::new(stream));
            let sender = if is_h2 {
                let made = http2::handshake(TokioExecutor::new(), io).await;
                let (sender, connection) = made.map_err(|err| failed(&with_causes(&err)))?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            } else {
                let made = http1::handshake(io).await;
                let (sender, connection) = made.map_err(|err| failed(&with_causes(&err)))?;
                tokio::spawn(connection.with_upgrades());
                Sender::Http1(Arc::new(sender.into()))
            };
            Ok(Self { sender, outcome: Some(outcome), resumed })
        };
        timeout(LIMIT, connecting).await.unwrap_or_else(|_| Err(failed(&"no end of the handshake")))
    }

    /// Returns true if the connection can be used for another request.
    pub async fn is_usable(&self) -> bool {
        match &self.sender {
            Sender::Http2(sender) => !sender.is_closed(),
            Sender::Http3(connection) => connection.is_usable(),
            Sender::Http1(sender) => {
                let mut sender = sender.lock().await;
                timeout(LIMIT, sender.ready()).await.is_ok_and(|ready| ready.is_ok())
            }
        }
    }

    /// Sends a request, and reads the response as its plan says.
    pub async fn exchange(&self, request: &Request, host: Host) -> Outcome {
        if let Sender::Http3(connection) = &self.sender {
            let outcome = async {
                match message(request, host, (), true) {
                    Ok(message) => connection.exchange(message, request).await,
                    Err(reason) => Outcome::NoResponse(reason),
                }
            };
            return timeout(LIMIT, outcome).await.unwrap_or(Outcome::Hung);
        }
        let (permits, receiver) = match request.action {
            Action::Dialogue => {
                let (sender, receiver) = unbounded_channel();
                (Some(sender), Some(receiver))
            }
            _ => (None, None),
        };
        let body = SentBody::new(request, receiver);
        let outcome = timeout(LIMIT, async {
            match self.send(request, host, body, permits.as_ref()).await {
                Ok(response) if request.action == Action::WebSocket => {
                    Outcome::Response(match websocket::accepts(&response) {
                        true => websocket::talk(response, request).await,
                        false => read(response, request, None).await,
                    })
                }
                Ok(response) => Outcome::Response(read(response, request, permits).await),
                Err(reason) => match self.outcome.as_ref().and_then(ConnectionOutcome::get) {
                    Some(End::Refused(_) | End::LikelyRefused(_)) => Outcome::Refused,
                    _ => Outcome::NoResponse(reason),
                },
            }
        });
        outcome.await.unwrap_or(Outcome::Hung)
    }

    async fn send(
        &self,
        request: &Request,
        host: Host,
        body: SentBody,
        permits: Option<&UnboundedSender<usize>>,
    ) -> Result<http::Response<Incoming>, String> {
        let is_h2 = matches!(self.sender, Sender::Http2(_));
        let mut message = message(request, host, body, is_h2)?;
        if let Some(permits) = permits {
            let _ = permits.send(DIALOGUE_PART);
        }
        if request.action == Action::WebSocket {
            websocket::prepare(&mut message, is_h2);
        }
        let failed = |err: hyper::Error| with_causes(&err);
        match &self.sender {
            Sender::Http2(sender) => {
                *message.version_mut() = Version::HTTP_2;
                let mut sender = sender.clone();
                sender.ready().await.map_err(failed)?;
                sender.send_request(message).await.map_err(failed)
            }
            Sender::Http3(_) => Err("not over TCP".into()),
            Sender::Http1(sender) => {
                let host = host_of(request, host);
                let fields = message.headers_mut();
                fields.insert(header::HOST, HeaderValue::from_static(host));
                let options = if request.action == Action::WebSocket { "upgrade" } else { "te" };
                fields.insert(header::CONNECTION, HeaderValue::from_static(options));
                let mut sender = sender.lock().await;
                sender.ready().await.map_err(failed)?;
                let response = sender.send_request(message);
                response.await.map_err(failed)
            }
        }
    }
}

/// The host that a request is for.
fn host_of(request: &Request, host: Host) -> &'static str {
    if request.misdirected { Host::Admin } else { host }.name()
}

/// The head of a request, with this body.
fn message<B>(
    request: &Request,
    host: Host,
    body: B,
    is_absolute: bool,
) -> Result<HttpRequest<B>, String> {
    let (host, target) = (host_of(request, host), request.target());
    let uri = if is_absolute { format!("https://{host}{target}") } else { target };
    let mut message = HttpRequest::new(body);
    *message.method_mut() = request.action.method();
    *message.uri_mut() = uri.parse().map_err(|err: http::uri::InvalidUri| err.to_string())?;
    let fields = message.headers_mut();
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    if request.action == Action::Trailers {
        fields.insert(header::TRAILER, HeaderValue::from_static(TRAILER.0));
    }
    if request.forged {
        for name in ["client-cert", "client_cert", "x-forwarded-for", "forwarded", "x-real-ip"] {
            fields.append(name, HeaderValue::from_static(FORGED));
        }
    }
    Ok(message)
}

/// Reads a response as the plan says.
async fn read(
    response: http::Response<Incoming>,
    request: &Request,
    permits: Option<UnboundedSender<usize>>,
) -> Received {
    let (parts, mut body) = response.into_parts();
    let number = parts.headers.get(NUMBER);
    let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
    let mut comparison = Comparison::new(request.number, Direction::Down);
    let mut own = Vec::new();
    let mut has_trailers = false;
    let end = loop {
        let frame = match body.frame().await {
            None => break BodyEnd::Whole,
            Some(Err(_)) => break BodyEnd::Broken,
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(data) if number.is_none() => own.extend(data),
            Ok(data) => comparison.add(&data),
            Err(frame) => {
                let value = frame.trailers_ref().and_then(|trailers| trailers.get(TRAILER.0));
                has_trailers |= value.is_some_and(|value| value == TRAILER.1);
            }
        }
        if let Some(permits) = &permits {
            if comparison.bytes % DIALOGUE_PART == 0 {
                let _ = permits.send(DIALOGUE_PART);
            }
        }
        match request.action {
            Action::AbortDownload if comparison.bytes > request.down / 4 => break BodyEnd::Left,
            Action::ReadSlowly => sleep(Duration::from_millis(5)).await,
            _ => {}
        }
    };
    // The gateway's own responses are short texts, or empty.
    let is_right = match number {
        Some(number) => number == request.number && comparison.is_right,
        None => own.len() < 200 && own.is_ascii(),
    };
    Received {
        status: parts.status.as_u16(),
        number,
        bytes: comparison.bytes,
        is_right,
        end,
        has_trailers,
    }
}
