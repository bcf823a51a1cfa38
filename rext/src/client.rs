//! Sends one HTTPS request on one connection, and reports the outcome of the offer to authenticate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::quic::HandshakeData;
use rustls_ext::rustls::client::ClientAuthOfferStatus;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};
use rustls_ext::tokio::{ClientStream, Connector};
use rustls_ext::wire::Offer;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tls;

mod error;

pub use error::ClientError;

/// The time limit for the connection with its handshake, and then for the response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit for closing the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest body, in bytes.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// The request to send, and its destination.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address to connect to.
    pub addr: SocketAddr,
    /// The server name to send and to verify.
    pub name: ServerName<'static>,
    /// The request's URI, with its scheme and authority.
    pub uri: Uri,
}

/// The properties of a client's connection, as `rext connect` prints them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionSummary {
    /// `HTTP/3.0`, `HTTP/2.0` or `HTTP/1.1`.
    pub protocol: &'static str,
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: String,
    /// True if the session was resumed.
    pub resumed: bool,
    /// True if the server received an offer to authenticate.
    pub offered: bool,
    /// True if the server requested a certificate.
    pub asked: bool,
    /// True if the server acknowledged that it requested the certificate because of the offer.
    pub acknowledged: bool,
    /// True if the server declared that it understands an offer by CARE.
    pub care_echoed: bool,
    /// The status code of the response, if there was one.
    pub http_status: Option<u16>,
}

impl ConnectionSummary {
    fn new(connection: &ClientConnection, offer: Offer) -> Self {
        let is_h2 = connection.alpn_protocol() == Some(tls::H2);
        let protocol = if is_h2 { "HTTP/2.0" } else { "HTTP/1.1" };
        let offered = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => !offer.is_none(),
            // Older versions have no flags (FLAGS-9).
            _ => offer.has_care(),
        };
        Self {
            tls_version: tls::version_name(connection.protocol_version()).into_owned(),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            care_echoed: connection.client_auth_echoed(),
            ..Self::from_status(connection.client_auth_status(), offered, protocol)
        }
    }

    /// Returns the properties of a client's QUIC connection; `None` while its handshake is incomplete.
    pub fn over_quic(handshake: &HandshakeData, offer: Offer) -> Option<Self> {
        Some(Self {
            tls_version: tls::version_name(Some(ProtocolVersion::TLSv1_3)).into_owned(),
            resumed: handshake.kind == Some(HandshakeKind::Resumed),
            care_echoed: handshake.client_auth_echoed(),
            ..Self::from_status(handshake.client_auth_status()?, !offer.is_none(), "HTTP/3.0")
        })
    }

    fn from_status(status: ClientAuthOfferStatus, offers: bool, protocol: &'static str) -> Self {
        Self {
            protocol,
            tls_version: String::new(),
            resumed: false,
            offered: match status {
                ClientAuthOfferStatus::NotOffered => false,
                ClientAuthOfferStatus::Offered | ClientAuthOfferStatus::Acknowledged => true,
                // The other statuses do not tell whether the client made an offer.
                _ => offers,
            },
            asked: matches!(
                status,
                ClientAuthOfferStatus::Acknowledged
                    | ClientAuthOfferStatus::AskedWithoutAcknowledgement
            ),
            acknowledged: status == ClientAuthOfferStatus::Acknowledged,
            care_echoed: false,
            http_status: None,
        }
    }
}

/// The outcome of one connection.
#[derive(Debug)]
pub struct Attempt {
    /// The properties of the connection; `None` if the client's handshake did not complete. With TLS
    /// 1.3 the server may still refuse the client after that.
    pub summary: Option<ConnectionSummary>,
    /// The body of the response.
    pub body: Result<Bytes, ClientError>,
}

/// Connects, sends one GET request, and reads the response.
pub async fn get(config: &Arc<ClientConfig>, target: &Target) -> Attempt {
    let stream = match timeout(TIMEOUT, connect(config, target)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(err)) => return Attempt { summary: None, body: Err(err) },
        Err(_) => return Attempt { summary: None, body: Err(ClientError::Timeout(TIMEOUT)) },
    };
    let mut summary = ConnectionSummary::new(stream.get_ref().1, config.client_auth_offer.offer());
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(tls::H2);
    // An HTTP error does not contain the reason why a connection failed; the connection's outcome does.
    let outcome = stream.outcome();

    let response = timeout(TIMEOUT, exchange(stream, is_h2, &target.uri))
        .await
        .unwrap_or(Err(ClientError::Timeout(TIMEOUT)));
    let body = match response {
        Ok((status, body)) => {
            summary.http_status = Some(status.as_u16());
            Ok(body)
        }
        Err(err) => Err(outcome.get().and_then(ClientError::from_end).unwrap_or(err)),
    };
    Attempt { summary: Some(summary), body }
}

async fn connect(
    config: &Arc<ClientConfig>,
    target: &Target,
) -> Result<ClientStream<TcpStream>, ClientError> {
    let tcp = TcpStream::connect(target.addr)
        .await
        .map_err(|err| ClientError::Connect(target.addr, err))?;
    // A request should not wait for TCP acknowledgements.
    let _ = tcp.set_nodelay(true);
    Ok(Connector::new(config.clone()).connect(target.name.clone(), tcp).await?)
}

async fn exchange(
    stream: ClientStream<TcpStream>,
    is_h2: bool,
    uri: &Uri,
) -> Result<(StatusCode, Bytes), ClientError> {
    let io = TokioIo::new(stream);
    let empty = Empty::<Bytes>::new();
    let (response, driver) = if is_h2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        let driver = Driver(tokio::spawn(async move { connection.await.err() }));
        let request = Request::get(uri).body(empty)?;
        (sender.send_request(request).await, driver)
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        let driver = Driver(tokio::spawn(async move { connection.await.err() }));
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = Request::get(path)
            .header(header::HOST, authority)
            .header(header::CONNECTION, "close")
            .body(empty)?;
        (sender.send_request(request).await, driver)
    };
    let response = read(response?).await;
    driver.finish().await;
    response
}

async fn read(response: hyper::Response<Incoming>) -> Result<(StatusCode, Bytes), ClientError> {
    let status = response.status();
    match Limited::new(response.into_body(), LARGEST_BODY).collect().await {
        Ok(body) => Ok((status, body.to_bytes())),
        Err(err) => Err(match err.downcast::<hyper::Error>() {
            Ok(err) => ClientError::Http(*err),
            Err(_) => ClientError::BodyTooLarge,
        }),
    }
}

/// The task that drives a connection. Dropping it aborts the task.
struct Driver(tokio::task::JoinHandle<Option<hyper::Error>>);

impl Driver {
    /// Waits until the connection is closed, for [`CLOSE_TIMEOUT`] at most.
    async fn finish(mut self) {
        let _ = timeout(CLOSE_TIMEOUT, &mut self.0).await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
