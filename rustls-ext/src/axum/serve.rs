//! Implements the traits that `axum::serve` needs for a listener and for connection information.

use std::io;
use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::http::server::ConnectionInfo;
use crate::tokio::{AsyncPolicy, Listener};

impl<P: AsyncPolicy + 'static> axum::serve::Listener for Listener<P> {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        Self::accept(self).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl<P: AsyncPolicy + 'static> Connected<IncomingStream<'_, Listener<P>>> for ConnectionInfo {
    fn connect_info(stream: IncomingStream<'_, Listener<P>>) -> Self {
        Self::from_tls(stream.io().get_ref().1, *stream.remote_addr())
    }
}
