use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use async_trait::async_trait;
use http::response::Response;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use rustls_ext::http::server::CallerLayer;
use rustls_ext::rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A TLS connection in the form that Pingora serves, with the layer that knows its client.
///
/// Pingora copies a few facts of its own about a connection into each session. The only one with
/// room for a value of another crate is the `user_data` of [`ProxyDigest`], which otherwise
/// describes a CONNECT proxy.
#[derive(Debug)]
pub struct Connection {
    tls: TlsStream<TcpStream>,
    alpn: ALPN,
    ssl: Arc<SslDigest>,
    proxy: Arc<ProxyDigest>,
    socket: Arc<SocketDigest>,
    timing: TimingDigest,
}

impl Connection {
    /// Wraps a connection whose handshake is complete. `callers` is the layer for this connection.
    pub fn new(tls: TlsStream<TcpStream>, callers: CallerLayer) -> Self {
        let (tcp, state) = tls.get_ref();
        let (parts, ()) = Response::new(()).into_parts();
        Self {
            alpn: if state.alpn_protocol() == Some(b"h2") { ALPN::H2 } else { ALPN::H1 },
            ssl: Arc::new(ssl_digest(state)),
            proxy: Arc::new(ProxyDigest::new(Box::new(parts.into()), Some(Box::new(callers)))),
            socket: Arc::new(SocketDigest::from_raw_fd(tcp.as_raw_fd())),
            timing: TimingDigest { established_ts: SystemTime::now(), ..TimingDigest::default() },
            tls,
        }
    }

    fn tls(self: Pin<&mut Self>) -> Pin<&mut TlsStream<TcpStream>> {
        Pin::new(&mut self.get_mut().tls)
    }
}

/// The cipher suite and the version, for logs. The certificate is in the caller's identity.
fn ssl_digest(state: &ServerConnection) -> SslDigest {
    let cipher = state.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let version = state.protocol_version().and_then(|version| version.as_str());
    SslDigest::new(cipher.unwrap_or_default(), version.unwrap_or_default(), None, None, Vec::new())
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.tls().poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tls().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls().poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Connection {
    async fn shutdown(&mut self) {
        // The client may have closed the connection already.
        let _ = self.tls.shutdown().await;
    }
}

impl UniqueID for Connection {
    fn id(&self) -> UniqueIDType {
        let fd: RawFd = self.tls.get_ref().0.as_raw_fd();
        fd
    }
}

impl Ssl for Connection {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        Some(self.ssl.clone())
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(self.alpn.clone())
    }
}

impl GetProxyDigest for Connection {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.proxy.clone())
    }
}

impl GetSocketDigest for Connection {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.socket.clone())
    }
}

impl GetTimingDigest for Connection {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        vec![Some(self.timing.clone())]
    }
}

impl Peek for Connection {}
