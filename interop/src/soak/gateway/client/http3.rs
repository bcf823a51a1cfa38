//! Connections over QUIC, and requests on them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use h3::error::{Code, StreamError};
use h3::quic::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest, header};
use hyper::body::{Buf, Bytes};
use quinn::{ConnectionError, Endpoint, TransportErrorCode};
use rustls_ext::quic::{HandshakeData, QuicClientConfig, alert_received};
use rustls_ext::rustls::{ClientConfig, HandshakeKind};
use rustls_ext::with_causes;
use tokio::time::{sleep, timeout};

use super::{ConnectError, DIALOGUE_PART, Unavailable};
use crate::soak::gateway::backend::{NUMBER, TRAILER};
use crate::soak::gateway::outcome::{BodyEnd, Outcome, Received};
use crate::soak::gateway::pattern::{Comparison, Direction, Pattern};
use crate::soak::gateway::plan::Host;
use crate::soak::gateway::request::{Action, Request};

/// The size of the parts of a body, in bytes.
const PART: usize = 16 * 1024;
/// How long the client waits for a handshake before it uses TCP. The gateway of the run has as
/// much time to close its UDP socket and to open it again.
const UNANSWERED: Duration = Duration::from_secs(10);

type Sending = h3::client::RequestStream<
    <h3_quinn::BidiStream<Bytes> as h3::quic::BidiStream<Bytes>>::SendStream,
    Bytes,
>;
type Receiving = h3::client::RequestStream<
    <h3_quinn::BidiStream<Bytes> as h3::quic::BidiStream<Bytes>>::RecvStream,
    Bytes,
>;

/// A connection over QUIC.
#[derive(Clone)]
pub(super) struct Http3 {
    sender: h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>,
    connection: quinn::Connection,
    /// The connection needs it.
    _endpoint: Endpoint,
}

impl std::fmt::Debug for Http3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http3").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Http3 {
    /// Connects, and returns whether the session was resumed, too.
    pub(super) async fn open(
        config: ClientConfig,
        host: Host,
        from: IpAddr,
        to: SocketAddr,
    ) -> Result<(Self, bool), ConnectError> {
        let failed = |err: &dyn std::fmt::Display| ConnectError::Failed(err.to_string());
        let crypto = QuicClientConfig::try_from(config).map_err(|err| failed(&err))?;
        let config = quinn::ClientConfig::new(Arc::new(crypto));
        let endpoint = Endpoint::client(SocketAddr::from((from, 0))).map_err(|err| failed(&err))?;
        let connecting =
            endpoint.connect_with(config, to, host.name()).map_err(|err| failed(&err))?;
        let connected = timeout(UNANSWERED, connecting).await;
        let connection =
            connected.unwrap_or(Err(ConnectionError::TimedOut)).map_err(connect_error)?;
        let handshake = HandshakeData::from_quinn(connection.handshake_data());
        let resumed = handshake.is_some_and(|data| data.kind == Some(HandshakeKind::Resumed));
        let transport = h3_quinn::Connection::new(connection.clone());
        let made = h3::client::new(transport).await;
        let (mut driver, sender) = match made {
            Ok(made) => made,
            Err(err) => {
                let reason = connection.close_reason().map(connect_error);
                return Err(reason.unwrap_or_else(|| failed(&with_causes(&err))));
            }
        };
        tokio::spawn(async move { driver.wait_idle().await });
        Ok((Self { sender, connection, _endpoint: endpoint }, resumed))
    }

    /// Returns true if the connection can be used for another request.
    pub(super) fn is_usable(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// Sends a request, and reads the response as its plan says.
    pub(super) async fn exchange(&self, message: HttpRequest<()>, request: &Request) -> Outcome {
        match self.try_exchange(message, request).await {
            Ok(received) => Outcome::Response(received),
            Err(err) => self.without_response(&err),
        }
    }

    /// The outcome of a request whose response did not begin.
    fn without_response(&self, err: &StreamError) -> Outcome {
        let reason = with_causes(err);
        let is_rejected = match err {
            StreamError::RemoteTerminate { code, .. } => *code == Code::H3_REQUEST_REJECTED,
            // A connection that the gateway ends without an error has no request that it accepted.
            StreamError::ConnectionError { 0: err, .. } => err.is_h3_no_error(),
            // It was not sent, since there was GOAWAY.
            StreamError::RemoteClosing { .. } => true,
            _ => false,
        };
        let closed = self.connection.close_reason();
        if closed.is_some_and(|closed| alert_received(&closed).is_some()) {
            return Outcome::Refused;
        }
        if is_rejected { Outcome::Rejected(reason) } else { Outcome::NoResponse(reason) }
    }

    async fn try_exchange(
        &self,
        mut message: HttpRequest<()>,
        request: &Request,
    ) -> Result<Received, StreamError> {
        let announces = match request.action {
            Action::Post => true,
            Action::AbortUpload => request.number % 2 == 0,
            _ => false,
        };
        if announces {
            message.headers_mut().insert(header::CONTENT_LENGTH, request.up.into());
        }
        let mut sender = self.sender.clone();
        let stream = sender.send_request(message).await?;
        let (mut sending, mut receiving) = stream.split();
        if request.action == Action::Dialogue {
            return talk(&mut sending, &mut receiving, request).await;
        }
        // A server may respond before it has read all, and stop reading.
        let (_, received) =
            tokio::join!(send(&mut sending, request), receive(&mut receiving, request));
        received
    }
}

/// Why there is no connection.
fn connect_error(err: ConnectionError) -> ConnectError {
    let (refused, no_error) = (TransportErrorCode::CONNECTION_REFUSED, Code::H3_NO_ERROR.value());
    match &err {
        _ if alert_received(&err).is_some() => ConnectError::Refused,
        ConnectionError::ConnectionClosed(close) if close.error_code == refused => {
            ConnectError::Unavailable(Unavailable::Refused)
        }
        ConnectionError::ApplicationClosed(close) if close.error_code.into_inner() == no_error => {
            ConnectError::Unavailable(Unavailable::Refused)
        }
        ConnectionError::TimedOut => ConnectError::Unavailable(Unavailable::Unanswered),
        _ => ConnectError::Failed(with_causes(&err)),
    }
}

/// Sends a body as the plan says.
async fn send<S>(
    stream: &mut h3::client::RequestStream<S, Bytes>,
    request: &Request,
) -> Result<(), StreamError>
where
    S: SendStream<Bytes>,
{
    let pattern = Pattern::new(request.number, Direction::Up);
    let aborts = request.action == Action::AbortUpload;
    let length = if aborts { request.up / 2 } else { request.up };
    for at in (0..length).step_by(PART) {
        stream.send_data(pattern.part(at, PART.min(length - at))).await?;
    }
    if aborts {
        stream.stop_stream(Code::H3_REQUEST_CANCELLED);
        return Ok(());
    }
    if request.action == Action::Trailers {
        let (name, value) = TRAILER;
        let fields = [(HeaderName::from_static(name), HeaderValue::from_static(value))];
        stream.send_trailers(HeaderMap::from_iter(fields)).await?;
    }
    stream.finish().await
}

/// A response that is being received.
struct Incoming {
    status: u16,
    number: Option<u32>,
    comparison: Comparison,
    /// The gateway's own text.
    own: Vec<u8>,
}

impl Incoming {
    async fn head<S>(
        stream: &mut h3::client::RequestStream<S, Bytes>,
        request: &Request,
    ) -> Result<Self, StreamError>
    where
        S: RecvStream,
    {
        let response = stream.recv_response().await?;
        let number = response.headers().get(NUMBER);
        let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
        let comparison = Comparison::new(request.number, Direction::Down);
        Ok(Self { status: response.status().as_u16(), number, comparison, own: Vec::new() })
    }

    fn add(&mut self, mut part: impl Buf) {
        let part = part.copy_to_bytes(part.remaining());
        match self.number {
            Some(_) => self.comparison.add(&part),
            None => self.own.extend(part),
        }
    }

    fn end(self, request: &Request, end: BodyEnd, has_trailers: bool) -> Received {
        let is_right = match self.number {
            Some(number) => number == request.number && self.comparison.is_right,
            None => self.own.len() < 200 && self.own.is_ascii(),
        };
        let (status, number, bytes) = (self.status, self.number, self.comparison.bytes);
        Received { status, number, bytes, is_right, end, has_trailers }
    }
}

/// Reads a response as the plan says.
async fn receive<S>(
    stream: &mut h3::client::RequestStream<S, Bytes>,
    request: &Request,
) -> Result<Received, StreamError>
where
    S: RecvStream,
{
    let mut incoming = Incoming::head(stream, request).await?;
    loop {
        match stream.recv_data().await {
            Err(_) => return Ok(incoming.end(request, BodyEnd::Broken, false)),
            Ok(None) => break,
            Ok(Some(part)) => incoming.add(part),
        }
        match request.action {
            Action::AbortDownload if incoming.comparison.bytes > request.down / 4 => {
                // The stream is dropped, which stops it: h3-quinn panics in `stop_sending()`.
                return Ok(incoming.end(request, BodyEnd::Left, false));
            }
            Action::ReadSlowly => sleep(Duration::from_millis(5)).await,
            _ => {}
        }
    }
    Ok(match stream.recv_trailers().await {
        Err(_) => incoming.end(request, BodyEnd::Broken, false),
        Ok(trailers) => {
            let has_trailers = trailers.is_some_and(|trailers| {
                trailers.get(TRAILER.0).is_some_and(|value| value == TRAILER.1)
            });
            incoming.end(request, BodyEnd::Whole, has_trailers)
        }
    })
}

/// Sends each part of the body when the previous one was sent back.
async fn talk(
    sending: &mut Sending,
    receiving: &mut Receiving,
    request: &Request,
) -> Result<Received, StreamError> {
    let pattern = Pattern::new(request.number, Direction::Up);
    let part = |at: usize| pattern.part(at, DIALOGUE_PART.min(request.up - at));
    let first = part(0);
    let mut sent = first.len();
    let _ = sending.send_data(first).await;
    let mut incoming = Incoming::head(receiving, request).await?;
    loop {
        if sent == request.up {
            let _ = sending.finish().await;
        }
        while incoming.comparison.bytes < sent {
            match receiving.recv_data().await {
                Ok(Some(part)) => incoming.add(part),
                Ok(None) if incoming.number.is_none() => {
                    return Ok(incoming.end(request, BodyEnd::Whole, false));
                }
                Ok(None) | Err(_) => return Ok(incoming.end(request, BodyEnd::Broken, false)),
            }
        }
        if sent == request.up {
            break;
        }
        let next = part(sent);
        sent += next.len();
        let _ = sending.send_data(next).await;
    }
    let end = receiving.recv_data().await.map(|part| part.is_none());
    let trailers = receiving.recv_trailers().await.ok().flatten();
    let has_trailers =
        trailers.is_some_and(|fields| fields.get(TRAILER.0).is_some_and(|it| it == TRAILER.1));
    let end = if end.unwrap_or(false) { BodyEnd::Whole } else { BodyEnd::Broken };
    Ok(incoming.end(request, end, has_trailers))
}
