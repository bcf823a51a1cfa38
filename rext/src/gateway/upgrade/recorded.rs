//! A stream whose traffic is recorded, for the limits of its tunnel and for the metrics.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::observe::{TUNNEL_BYTES, Tally};
use crate::server::{Tunnel, TunnelEnd};

/// The traffic of a tunnel.
#[derive(Debug)]
pub(super) struct Traffic {
    tunnel: Tunnel,
    last: Mutex<Instant>,
}

impl Traffic {
    pub(super) fn new(tunnel: Tunnel) -> Self {
        Self { tunnel, last: Mutex::new(Instant::now()) }
    }

    /// Waits until the tunnel must end.
    pub(super) async fn must_end(&self) -> TunnelEnd {
        // Nothing can panic while this is locked.
        self.tunnel.must_end(|| *self.last.lock().unwrap_or_else(PoisonError::into_inner)).await
    }

    fn record(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.tunnel.record_data();
    }
}

/// One of the streams of a tunnel.
#[derive(Debug)]
pub(super) struct Recorded<'a, S> {
    stream: S,
    traffic: &'a Traffic,
    /// Counts what is written to the stream.
    written: Tally,
}

impl<'a, S> Recorded<'a, S> {
    /// What is written to the stream is counted in this direction.
    pub(super) fn new(stream: S, traffic: &'a Traffic, direction: &'static str) -> Self {
        Self { stream, traffic, written: Tally::new(&TUNNEL_BYTES, direction) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.traffic.record();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(bytes @ 1..)) = written {
            self.traffic.record();
            self.written.add(bytes);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
