use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream as Inner;

use super::watched::Watched;
use crate::client_auth::{ClientAuth, identity};

/// An accepted TLS connection, and the outcome of client authentication.
#[derive(Debug)]
pub struct TlsStream<IO> {
    tls: Inner<Watched<IO>>,
    auth: ClientAuth,
}

impl<IO> TlsStream<IO> {
    pub(super) fn new(tls: Inner<Watched<IO>>, auth: ClientAuth) -> Self {
        Self { tls, auth }
    }

    /// Returns the client's offer, and the decision with the scope.
    pub fn client_auth(&self) -> &ClientAuth {
        &self.auth
    }

    /// Returns the chain with which the client authenticated in `scope`, its own certificate first;
    /// `None` if it did not, or did so in another scope.
    pub fn identity(&self, scope: &str) -> Option<&[CertificateDer<'static>]> {
        identity(self.connection(), &self.auth, scope)
    }

    /// Returns true if the session is an earlier one. Its client authenticated in the connection that
    /// made the session.
    pub fn is_resumed(&self) -> bool {
        self.connection().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Returns the connection of rustls.
    pub fn connection(&self) -> &ServerConnection {
        self.tls.get_ref().1
    }

    /// Returns the transport and the connection of rustls.
    pub fn get_ref(&self) -> (&IO, &ServerConnection) {
        let (watched, connection) = self.tls.get_ref();
        (watched.get_ref(), connection)
    }

    /// Returns the transport and the connection of rustls, for example to read 0-RTT data.
    pub fn get_mut(&mut self) -> (&mut IO, &mut ServerConnection) {
        let (watched, connection) = self.tls.get_mut();
        (watched.get_mut(), connection)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_read(cx, buf)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tls).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tls).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_shutdown(cx)
    }
}
