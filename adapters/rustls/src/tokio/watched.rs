//! A transport whose bytes pass a gate.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gate::{Gate, SecondHello, Waits};

/// The transport below rustls.
#[derive(Debug)]
pub(super) struct Watched<IO> {
    io: IO,
    gate: Gate,
    /// The task that waits for rustls' answer before it reads on.
    reader: Option<Waker>,
    refused: Option<SecondHello>,
}

impl<IO> Watched<IO> {
    pub(super) fn new(io: IO, gate: Gate) -> Self {
        Self { io, gate, reader: None, refused: None }
    }

    pub(super) fn get_ref(&self) -> &IO {
        &self.io
    }

    pub(super) fn get_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Returns the transport, and why the second ClientHello was refused, if it was.
    pub(super) fn into_parts(self) -> (IO, Option<SecondHello>) {
        (self.io, self.refused)
    }

    fn refuse(&mut self, refused: SecondHello) -> io::Error {
        self.refused = Some(refused);
        io::Error::new(io::ErrorKind::InvalidData, refused)
    }

    /// Records what rustls has sent. An error is for its next read.
    fn sent(&mut self, bytes: &[u8]) {
        match self.gate.sent(bytes) {
            Ok(false) => return,
            Ok(true) => {}
            Err(refused) => self.refused = Some(refused),
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if let Some(refused) = this.refused {
                return Poll::Ready(Err(this.refuse(refused)));
            }
            let free = this.gate.free();
            if !free.is_empty() {
                let count = free.len().min(buf.remaining());
                buf.put_slice(free.get(..count).unwrap_or_default());
                this.gate.read(count);
                return Poll::Ready(Ok(()));
            }
            match this.gate.waits() {
                Waits::No => return Pin::new(&mut this.io).poll_read(cx, buf),
                Waits::ForServer => {
                    this.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Waits::ForClient => {
                    let mut chunk = [0; 2048];
                    let mut chunk = ReadBuf::new(&mut chunk);
                    ready!(Pin::new(&mut this.io).poll_read(cx, &mut chunk))?;
                    if chunk.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    if let Err(refused) = this.gate.received(chunk.filled()) {
                        return Poll::Ready(Err(this.refuse(refused)));
                    }
                }
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        if this.gate.waits() == Waits::ForServer {
            this.sent(buf.get(..count).unwrap_or_default());
        }
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))?;
        let mut rest = count;
        for buf in bufs {
            if this.gate.waits() != Waits::ForServer {
                break;
            }
            let sent = buf.get(..rest.min(buf.len())).unwrap_or_default();
            rest -= sent.len();
            this.sent(sent);
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
