use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often something was received on a connection over HTTP/2, and whether it is in doubt that
/// something will be again.
///
/// A connection whose packets are lost looks like one whose server is slow. When a request is given
/// up on which nothing was received since it was waited for, no other goes there until something
/// is: a response, the answer to a ping, or anything else.
#[derive(Debug, Default)]
pub(super) struct Heard {
    count: AtomicU64,
    /// What the count was, and one, when a request was given up in vain.
    doubted: AtomicU64,
}

impl Heard {
    /// Returns true if a request was given up, and nothing was received since.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubted.load(Ordering::Acquire) == self.now() + 1
    }

    fn now(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

/// Whoever has this waits for something on a connection. Dropped before it is over, it puts the
/// connection in doubt if nothing was received meanwhile.
#[derive(Debug)]
pub(super) struct Waiting {
    heard: Arc<Heard>,
    since: Option<u64>,
}

impl Waiting {
    pub(super) fn begin(heard: &Arc<Heard>) -> Self {
        Self { heard: heard.clone(), since: Some(heard.now()) }
    }

    /// Begins to wait, unless it does so already.
    pub(super) fn again(&mut self) {
        self.since.get_or_insert_with(|| self.heard.now());
    }

    /// What was waited for is there, or will never be.
    pub(super) fn is_over(&mut self) {
        self.since = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(since) = self.since.filter(|since| *since == self.heard.now()) {
            self.heard.doubted.store(since + 1, Ordering::Release);
        }
    }
}

/// Counts how often something is received.
#[derive(Debug)]
pub(super) struct Listening<IO> {
    io: IO,
    heard: Arc<Heard>,
}

impl<IO> Listening<IO> {
    pub(super) fn new(io: IO, heard: &Arc<Heard>) -> Self {
        Self { io, heard: heard.clone() }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Listening<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard.count.fetch_add(1, Ordering::AcqRel);
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Listening<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
