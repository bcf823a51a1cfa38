use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The transport of a client's TLS, in which a failed write does not hide an alert.
///
/// If a write fails because the peer is gone, the data that the peer sent before can still be read.
/// So the failure is kept, later writes are discarded, and TLS continues to read, to the end or
/// until the deadline; only then does a read return the failure to TLS.
#[derive(Debug)]
pub(super) struct Transport<IO> {
    io: IO,
    alert_timeout: Duration,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    error: io::Error,
    /// Starts with the first read that has to wait.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Failure {
    /// Returns a copy of the error, as far as an error can be copied.
    fn tell(&mut self) -> io::Error {
        let again = match self.error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.error.kind(), self.error.to_string()),
        };
        std::mem::replace(&mut self.error, again)
    }
}

impl<IO> Transport<IO> {
    pub(super) fn new(io: IO, alert_timeout: Duration) -> Self {
        Self { io, alert_timeout, failure: None }
    }

    pub(super) fn get_ref(&self) -> &IO {
        &self.io
    }

    pub(super) fn get_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Returns true if nothing more can be written.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Why nothing more can be written.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failure.as_mut().map(Failure::tell)
    }

    /// If `outcome` is an error of a peer that is gone, records it and returns `instead`.
    fn note<T>(&mut self, outcome: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(Err(error)) if is_gone(error.kind()) => {
                self.failure = Some(Failure { error, deadline: None });
                Poll::Ready(Ok(instead))
            }
            outcome => outcome,
        }
    }
}

/// Returns true for errors of a connection whose peer is gone.
pub(super) fn is_gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
    )
}

impl<IO: AsyncRead + Unpin> AsyncRead for Transport<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(failure) = &mut this.failure else {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        };
        let before = buf.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() > before => return Poll::Ready(Ok(())),
            Poll::Ready(_) => {}
            Poll::Pending => {
                let alert_timeout = this.alert_timeout;
                let deadline =
                    failure.deadline.get_or_insert_with(|| Box::pin(sleep(alert_timeout)));
                ready!(deadline.as_mut().poll(cx));
            }
        }
        Poll::Ready(Err(failure.tell()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Transport<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(buf.len()));
        }
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note(outcome, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        if self.failure.is_some() {
            return Poll::Ready(Ok(all));
        }
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note(outcome, all)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(()));
        }
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        self.note(outcome, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(cx);
        match &outcome {
            // That is not a failure of a shutdown, and tokio-rustls handles it.
            Poll::Ready(Err(err)) if err.kind() == ErrorKind::NotConnected => outcome,
            // The peer is gone, so the result of the shutdown does not matter.
            _ if self.failure.is_some() => outcome.map(|_| Ok(())),
            _ => self.note(outcome, ()),
        }
    }
}
