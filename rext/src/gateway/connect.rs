//! Opening connections to a server behind, over TCP and TLS, in HTTP/1.1 or HTTP/2.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_ext::rustls::ClientConfig;
use rustls_ext::rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::debug;

use super::body::RequestBody;
use super::config::Protocol;
use crate::tls;

/// The size of the receive buffer of an HTTP/1.1 connection, in bytes, and so of the largest head
/// of a response.
const MAX_BUFFER: usize = 16 * 1024;
/// How much an HTTP/2 server may send for one request before it is read, in bytes.
const STREAM_WINDOW: u32 = 32 * 1024;
/// How many requests one HTTP/2 connection carries at the same time at most. Servers should allow at
/// least this number (RFC 9113 section 6.5.2).
pub(super) const MAX_STREAMS: u32 = 100;
/// The same for all requests of a connection: a client that does not read holds up no other one.
const CONNECTION_WINDOW: u32 = MAX_STREAMS * STREAM_WINDOW;
/// How much of a request's body is buffered for an HTTP/2 server, in bytes.
const SEND_BUFFER: usize = 32 * 1024;
/// The size of the largest head of a response in HTTP/2, in bytes, as HPACK counts it.
const MAX_HEAD: u32 = 32 * 1024;
/// How often an HTTP/2 server is pinged, and how soon it must respond.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How to connect to a server behind.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The time limit for TCP, TLS and the start of HTTP.
    pub(super) timeout: Duration,
}

/// The sender of a new connection.
pub(super) enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// TCP or TLS failed.
    Io(io::Error),
    /// HTTP failed.
    Http(hyper::Error),
    /// The server does not support HTTP/2.
    NoHttp2,
    /// It took longer than this.
    TimedOut(Duration),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) | Self::Http(_) => f.write_str("cannot connect to the server behind"),
            Self::NoHttp2 => f.write_str("the server behind did not select h2 by ALPN"),
            Self::TimedOut(limit) => {
                write!(f, "no connection to the server behind within {limit:?}")
            }
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(err) => Some(err),
            Self::Http(err) => Some(err),
            Self::NoHttp2 | Self::TimedOut(_) => None,
        }
    }
}

impl Connector {
    /// Opens a connection, and serves it on a task of its own.
    pub(super) async fn connect(&self) -> Result<Sender, ConnectError> {
        match timeout(self.timeout, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(ConnectError::TimedOut(self.timeout)),
        }
    }

    async fn open(&self) -> Result<Sender, ConnectError> {
        let address = (self.host.as_str(), self.port);
        let tcp = TcpStream::connect(address).await.map_err(ConnectError::Io)?;
        let _ = tcp.set_nodelay(true);
        let Some((config, name)) = &self.tls else {
            return self.handshake(TokioIo::new(tcp)).await.map_err(ConnectError::Http);
        };
        let connecting = TlsConnector::from(config.clone()).connect(name.clone(), tcp);
        let stream = connecting.await.map_err(ConnectError::Io)?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(tls::H2);
        if self.protocol == Protocol::Http2 && !is_h2 {
            return Err(ConnectError::NoHttp2);
        }
        self.handshake(TokioIo::new(stream)).await.map_err(ConnectError::Http)
    }

    async fn handshake<T>(&self, io: T) -> Result<Sender, hyper::Error>
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        match self.protocol {
            Protocol::Http1 => {
                let mut builder = http1::Builder::new();
                builder.max_buf_size(MAX_BUFFER);
                let (sender, connection) = builder.handshake(io).await?;
                tokio::spawn(async move {
                    if let Err(err) = connection.with_upgrades().await {
                        debug!(%err, "connection to a server behind failed");
                    }
                });
                Ok(Sender::Http1(sender))
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .initial_stream_window_size(STREAM_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW)
                    .max_send_buf_size(SEND_BUFFER)
                    .max_header_list_size(MAX_HEAD)
                    .keep_alive_interval(KEEP_ALIVE)
                    .keep_alive_timeout(KEEP_ALIVE)
                    .handshake(io)
                    .await?;
                tokio::spawn(async move {
                    if let Err(err) = connection.await {
                        debug!(%err, "connection to a server behind failed");
                    }
                });
                Ok(Sender::Http2(sender))
            }
        }
    }
}
