//! Counts the round trips of an HTTP/2 client.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use rustls_ext::http::secondary::HttpCodePoints;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A client's stream of HTTP/2 frames, below its HTTP library and above TLS, that counts how often
/// the client waits for an answer.
///
/// Requests, responses and the frames of secondary certificates count. SETTINGS, WINDOW_UPDATE, PING
/// and all other frames do not: no request waits for them, and the order in which they cross is not
/// always the same.
#[derive(Debug)]
pub(super) struct FrameCount<IO> {
    io: IO,
    outgoing: Frames,
    incoming: Frames,
    counter: RoundTripCounter,
}

/// The count of a [`FrameCount`].
#[derive(Clone, Debug, Default)]
pub(super) struct RoundTripCounter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    round_trips: u32,
    /// True if the client has sent something since the last answer.
    waiting: bool,
}

impl RoundTripCounter {
    /// The count so far.
    pub(super) fn so_far(&self) -> u32 {
        self.lock().round_trips
    }

    fn sent(&self) {
        self.lock().waiting = true;
    }

    fn received(&self) {
        let mut state = self.lock();
        if std::mem::take(&mut state.waiting) {
            state.round_trips += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The position in the frames of one direction.
#[derive(Debug, Default)]
struct Frames {
    /// How many bytes of the preface or of a payload are left.
    skip: usize,
    head: Vec<u8>,
}

impl Frames {
    /// The length of a client's preface (RFC 9113 section 3.4).
    const PREFACE: usize = 24;
    const HEAD: usize = 9;

    /// Passes these bytes. Returns true if the head of a frame that counts ends in them.
    fn pass(&mut self, bytes: &[u8]) -> bool {
        let mut counts = false;
        let mut left = bytes;
        while !left.is_empty() {
            let wanted = if self.skip > 0 { self.skip } else { Self::HEAD - self.head.len() };
            let (part, rest) = left.split_at(wanted.min(left.len()));
            left = rest;
            if self.skip > 0 {
                self.skip -= part.len();
                continue;
            }
            self.head.extend_from_slice(part);
            if let [a, b, c, kind, ..] = self.head[..] {
                if self.head.len() == Self::HEAD {
                    self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                    self.head.clear();
                    counts |= Self::counts(kind);
                }
            }
        }
        counts
    }

    /// Whether frames of this type count: DATA, HEADERS and CONTINUATION, and those of secondary
    /// certificates.
    fn counts(kind: u8) -> bool {
        let points = HttpCodePoints::DEFAULT;
        let secondary = [points.authenticator_requests(), points.certificate()];
        matches!(kind, 0x0 | 0x1 | 0x9) || secondary.contains(&kind)
    }
}

impl<IO> FrameCount<IO> {
    /// Counts the frames on `io`, on which nothing has been sent or received after the TLS handshake.
    pub(super) fn new(io: IO) -> (Self, RoundTripCounter) {
        let counter = RoundTripCounter::default();
        let outgoing = Frames { skip: Frames::PREFACE, ..Frames::default() };
        let this = Self { io, outgoing, incoming: Frames::default(), counter: counter.clone() };
        (this, counter)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for FrameCount<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.io).poll_read(cx, buf);
        if this.incoming.pass(buf.filled().split_at(before).1) {
            this.counter.received();
        }
        outcome
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for FrameCount<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let outcome = Pin::new(&mut this.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = outcome {
            if this.outgoing.pass(buf.split_at(written).0) {
                this.counter.sent();
            }
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let [.., a, b, c] = payload.len().to_be_bytes();
        [&[a, b, c, kind, 0, 0, 0, 0, 0][..], payload].concat()
    }

    #[tokio::test]
    async fn a_round_trip_is_a_request_and_its_answer_and_settings_do_not_count() {
        let (near, mut far) = duplex(1024);
        let (mut near, counter) = FrameCount::new(near);
        let mut buf = [0; 512];
        near.write_all(&[&[b'*'; 24][..], &frame(4, &[0; 6])].concat()).await.unwrap();
        far.write_all(&frame(4, &[])).await.unwrap();
        assert_eq!(near.read(&mut buf).await.unwrap(), 9);
        assert_eq!(counter.so_far(), 0);

        // The request, the server's request for a certificate, the answer, the response.
        near.write_all(&frame(1, &[1; 20])).await.unwrap();
        far.write_all(&frame(0xf0, &[0; 40])).await.unwrap();
        near.read_exact(&mut buf[..49]).await.unwrap();
        assert_eq!(counter.so_far(), 1);
        near.write_all(&frame(4, &[])).await.unwrap();
        near.write_all(&frame(0xf1, &[1; 100])).await.unwrap();
        assert_eq!(counter.so_far(), 1);
        far.write_all(&[frame(1, &[1; 5]), frame(0, b"hello")].concat()).await.unwrap();
        near.read_exact(&mut buf[..28]).await.unwrap();
        assert_eq!(counter.so_far(), 2);
        // Nothing was sent since then.
        far.write_all(&frame(0, b"hello")).await.unwrap();
        near.read_exact(&mut buf[..14]).await.unwrap();
        assert_eq!(counter.so_far(), 2);
    }

    #[test]
    fn a_frame_counts_once_however_its_bytes_are_split() {
        let bytes = [frame(4, &[1; 6]), frame(0, &[0xf0; 30]), frame(0xf1, &[1; 3])].concat();
        let mut frames = Frames::default();
        let counted = bytes.iter().filter(|byte| frames.pass(&[**byte])).count();
        assert_eq!(counted, 2);
    }
}
