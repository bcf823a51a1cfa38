use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::AcceptError;
use super::other_protocol::OtherProtocol;

/// A connection, and the first bytes that its client sent.
#[derive(Debug)]
pub(super) struct Beginning<IO> {
    io: IO,
    first: Vec<u8>,
}

impl<IO> Beginning<IO> {
    /// Enough bytes to distinguish protocols.
    const LENGTH: usize = 12;

    pub(super) fn of(io: IO) -> Self {
        Self { io, first: Vec::new() }
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }

    /// Replaces the error for a client that sent no ClientHello by a more precise one.
    pub(super) fn explain(&self, error: AcceptError) -> AcceptError {
        match error {
            AcceptError::Io(_) if self.first.is_empty() => AcceptError::Closed,
            AcceptError::Tls(error) => match OtherProtocol::of(&self.first) {
                Some(protocol) => AcceptError::OtherProtocol(protocol, error),
                None => AcceptError::Tls(error),
            },
            other => other,
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Beginning<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.io).poll_read(cx, buf);
        let new = buf.filled().iter().skip(before);
        let missing = Self::LENGTH.saturating_sub(self.first.len());
        self.first.extend(new.take(missing));
        outcome
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Beginning<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
