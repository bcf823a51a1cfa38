use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::{ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::{ConnectionInfo, HostPolicy};
use crate::Live;
use crate::authenticator::{Endpoint, Exporters};
use crate::http::secondary::{Http2Filter, ServerExchange, ServerOptions};

/// A server's TLS connection for an HTTP library, on which certificates can be requested while it is
/// open.
///
/// Give it to the library in place of the TLS stream. It adds the frames of
/// [`http::secondary`](crate::http::secondary) if the connection uses HTTP/2 and TLS 1.3, and if the
/// policy requests certificates on open connections; otherwise all data passes through unchanged.
///
/// ```
/// # use std::{convert::Infallible, net::SocketAddr};
/// # use rustls_ext::Live;
/// # use tokio::net::TcpStream;
/// # use tokio_rustls::server::TlsStream;
/// use rustls_ext::http::server::{CallerLayer, ServerStream};
///
/// # fn serve<S>(tls: TlsStream<TcpStream>, peer: SocketAddr, live: Live, reports: S) {
/// # use tower_layer::Layer;
/// let (stream, info) = ServerStream::new(tls, peer, &live);
/// let service = CallerLayer::new(live).with_connection(info).layer(reports);
/// // serve `service` on `stream`
/// # drop((stream, service));
/// # }
/// ```
///
/// The listener for `axum::serve` does this by itself.
#[derive(Debug)]
pub struct ServerStream<IO> {
    stream: Http2Filter<TlsStream<IO>>,
    info: ConnectionInfo,
    /// Certificates can be requested, and the exchange has no exporters yet.
    needs_exporters: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> ServerStream<IO> {
    /// Wraps a connection whose handshake is complete. Its requests are under the policy that is
    /// current at the time of each request.
    pub fn new<P: HostPolicy + 'static>(
        tls: TlsStream<IO>,
        peer: impl Into<Option<SocketAddr>>,
        live: &Live<P>,
    ) -> (Self, ConnectionInfo) {
        Self::with_options(tls, peer, live, &ServerOptions::default())
    }

    /// The same with these options.
    pub fn with_options<P: HostPolicy + 'static>(
        tls: TlsStream<IO>,
        peer: impl Into<Option<SocketAddr>>,
        live: &Live<P>,
        options: &ServerOptions,
    ) -> (Self, ConnectionInfo) {
        let setup = live.current();
        Self::with_hosts(tls, peer, setup.config(), live.as_hosts(), options)
    }

    /// The same without a [`Live`]. `config` is the connection's, for its clock and its random
    /// numbers.
    pub fn with_hosts(
        tls: TlsStream<IO>,
        peer: impl Into<Option<SocketAddr>>,
        config: &Arc<ServerConfig>,
        hosts: Arc<dyn HostPolicy>,
        options: &ServerOptions,
    ) -> (Self, ConnectionInfo) {
        let connection = tls.get_ref().1;
        let info = ConnectionInfo::from_tls(connection, peer);
        let fits = connection.alpn_protocol() == Some(&b"h2"[..])
            && connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && !connection.is_handshaking()
            && hosts.has_post_handshake();
        let stream = if fits {
            let points = options.code_points();
            let exchange = ServerExchange::without_exporters(&info, config, hosts, options.clone());
            let outbox = exchange.outbox().clone();
            Http2Filter::new(tls, Endpoint::Server, points, exchange, outbox)
        } else {
            Http2Filter::passing(tls)
        };
        (Self { stream, info: info.clone(), needs_exporters: fits }, info)
    }

    /// Takes the exporters if a certificate was requested. Most connections never need them.
    fn take_exporters(&mut self) {
        let Some(exchange) = self.info.exchange().filter(|exchange| exchange.outbox().has_sent())
        else {
            return;
        };
        self.needs_exporters = false;
        let connection = self.stream.get_ref().get_ref().1;
        // It does not fail after the handshake of TLS 1.3. Without exporters, no answer is valid.
        if let Ok(exporters) = Exporters::for_sender(connection, Endpoint::Client) {
            exchange.set_exporters(exporters);
        }
    }
}

impl<IO> ServerStream<IO> {
    /// Returns the facts about the connection.
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for ServerStream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Here, since an answer is read after its request was written.
        if this.needs_exporters {
            this.take_exporters();
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ServerStream<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
