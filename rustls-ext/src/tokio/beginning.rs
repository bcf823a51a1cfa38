use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::AcceptError;
use super::other_protocol::OtherProtocol;

/// Enough bytes to distinguish protocols.
const LENGTH: usize = 12;

/// A connection, and the first bytes that its client sent.
#[derive(Debug)]
pub(super) struct Beginning<IO> {
    io: IO,
    first: [u8; LENGTH],
    /// How many of these have arrived.
    have: usize,
}

impl<IO> Beginning<IO> {
    pub(super) fn of(io: IO) -> Self {
        Self { io, first: [0; LENGTH], have: 0 }
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }

    /// Replaces the error for a client that sent no ClientHello by a more precise one.
    pub(super) fn explain(&self, error: AcceptError) -> AcceptError {
        match error {
            AcceptError::Io(_) if self.have == 0 => AcceptError::Closed,
            AcceptError::Tls(error) => {
                match OtherProtocol::of(self.first.get(..self.have).unwrap_or_default()) {
                    Some(protocol) => AcceptError::OtherProtocol(protocol, error),
                    None => AcceptError::Tls(error),
                }
            }
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
        let new = buf.filled().get(before..).unwrap_or_default();
        let this = &mut *self;
        for (to, from) in this.first.iter_mut().skip(this.have).zip(new) {
            *to = *from;
            this.have += 1;
        }
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
