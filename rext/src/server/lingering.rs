//! The end of an HTTP/2 connection without a loss of data.
//!
//! If a socket is closed before all data from the peer was read, or if more arrives then, the system resets the
//! connection (RFC 1122 section 4.2.2.13), and the peer loses what it has not read yet. An HTTP/2 client
//! sends WINDOW_UPDATE frames while it reads the last responses. So after the server has ended its
//! direction, it reads on until the client ends the other one (RFC 9112 section 9.6 has this for
//! HTTP/1.1).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// How long the client may send nothing, after the last data of a response or of its own.
const QUIET: Duration = Duration::from_secs(5);
/// How long the server reads on at most.
const LONGEST: Duration = Duration::from_secs(60);

/// A stream that is not closed when the HTTP library drops it, but given to [`Dropped`].
#[derive(Debug)]
pub(super) struct Lingering<IO> {
    /// `None` only while this is being dropped.
    io: Option<IO>,
    to: Option<oneshot::Sender<IO>>,
}

/// The receiver of a stream that the HTTP library has dropped.
#[derive(Debug)]
pub(super) struct Dropped<IO>(Option<oneshot::Receiver<IO>>);

impl<IO> Lingering<IO> {
    /// Without `lingers`, the stream is closed when it is dropped.
    pub(super) fn new(io: IO, lingers: bool) -> (Self, Dropped<IO>) {
        let (to, from) = lingers.then(oneshot::channel).unzip();
        (Self { io: Some(io), to }, Dropped(from))
    }

    fn io(&mut self) -> io::Result<&mut IO> {
        self.io.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<IO> Drop for Lingering<IO> {
    fn drop(&mut self) {
        if let (Some(io), Some(to)) = (self.io.take(), self.to.take()) {
            // Without a receiver, the stream is closed here.
            let _ = to.send(io);
        }
    }
}

impl<IO: AsyncRead + Unpin> Dropped<IO> {
    /// Reads until the client ends its direction, or has received everything as far as can be known.
    /// `last` is the time of the last data of a response.
    pub(super) async fn read_to_end(self, last: Instant) {
        let Some(Ok(mut io)) = self.0.map(|mut from| from.try_recv()) else { return };
        let end = Instant::now() + LONGEST;
        let (mut deadline, mut unwanted) = (last + QUIET, [0; 1024]);
        while let Ok(Ok(1..)) = timeout_at(deadline.min(end), io.read(&mut unwanted)).await {
            deadline = Instant::now() + QUIET;
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Lingering<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().io()?).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Lingering<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().io()?).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().io()?).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().io()?).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().io()?).poll_shutdown(cx)
    }
}
