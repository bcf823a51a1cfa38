use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts received data on an HTTP/2 connection, and tracks whether the connection is in doubt.
///
/// A connection whose packets are lost looks like one with a slow server. If a request is given up
/// and nothing was received while it waited, the connection is in doubt: it gets no other requests
/// until something is received, such as a response or the answer to a ping.
#[derive(Debug, Default)]
pub(super) struct Activity {
    count: AtomicU64,
    /// The count plus one at the time when a request was given up; zero if none was.
    doubted: AtomicU64,
}

impl Activity {
    /// Returns true if a request was given up and nothing was received since.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubted.load(Ordering::Acquire) == self.now() + 1
    }

    fn now(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

/// A guard for waiting on a connection. If it is dropped before the wait is over, and nothing was
/// received meanwhile, the connection is in doubt.
#[derive(Debug)]
pub(super) struct Waiting {
    activity: Arc<Activity>,
    since: Option<u64>,
}

impl Waiting {
    pub(super) fn begin(activity: &Arc<Activity>) -> Self {
        Self { activity: activity.clone(), since: Some(activity.now()) }
    }

    /// Begins to wait, unless it is waiting already.
    pub(super) fn again(&mut self) {
        self.since.get_or_insert_with(|| self.activity.now());
    }

    /// Ends the wait: the awaited data has arrived, or never will.
    pub(super) fn is_over(&mut self) {
        self.since = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(since) = self.since.filter(|since| *since == self.activity.now()) {
            self.activity.doubted.store(since + 1, Ordering::Release);
        }
    }
}

/// A transport that counts how often something is received.
#[derive(Debug)]
pub(super) struct Monitored<IO> {
    io: IO,
    activity: Arc<Activity>,
}

impl<IO> Monitored<IO> {
    pub(super) fn new(io: IO, activity: &Arc<Activity>) -> Self {
        Self { io, activity: activity.clone() }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Monitored<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.count.fetch_add(1, Ordering::AcqRel);
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Monitored<IO> {
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
