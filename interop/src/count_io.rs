//! Counts the bytes and flights of a handshake on a socket, with any peer.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes and flights of a handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The bytes of TLS records, headers included, in both directions.
    pub bytes: u64,
    /// The number of flights: the changes of direction, plus 1.
    pub flights: u32,
}

/// A stream that counts its bytes until [`Counter::stop`], or until it is shut down.
///
/// While it counts, it gives its reader one TLS record (RFC 8446 section 5.1) at a time, and returns
/// `Pending` once between two records. So a reader that reads as much as it can, such as
/// tokio-rustls, first checks the state of the handshake; data that a client sends after its
/// Finished, even in the same segment, is not read or counted before the handshake ends.
#[derive(Debug)]
pub struct CountIo<IO> {
    io: IO,
    counter: Counter,
    record: Record,
    pause: bool,
}

impl<IO> CountIo<IO> {
    /// Counts the bytes of `io` from now on.
    pub fn new(io: IO) -> (Self, Counter) {
        let counter = Counter(Arc::default());
        let this = Self { io, counter: counter.clone(), record: Record::default(), pause: false };
        (this, counter)
    }
}

/// The count of a [`CountIo`].
#[derive(Clone, Debug)]
pub struct Counter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    count: Count,
    last: Option<Direction>,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

impl Counter {
    /// Stops counting; data still passes.
    pub fn stop(&self) -> Count {
        let mut state = self.lock();
        state.stopped = true;
        state.count
    }

    /// The count so far.
    pub fn so_far(&self) -> Count {
        self.lock().count
    }

    fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    fn add(&self, direction: Direction, bytes: usize) {
        let mut state = self.lock();
        if state.stopped || bytes == 0 {
            return;
        }
        state.count.bytes += bytes as u64;
        if state.last.replace(direction) != Some(direction) {
            state.count.flights += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The position in the current record.
#[derive(Debug, Default)]
struct Record {
    header: Vec<u8>,
    body_left: usize,
}

impl Record {
    const HEADER: usize = 5;

    /// How many bytes of the header or the body are missing; never 0.
    fn wants(&self) -> usize {
        match self.body_left {
            0 => Self::HEADER - self.header.len(),
            left => left,
        }
    }

    /// Adds these bytes, at most as many as are missing. Returns true at the end of a record.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.body_left > 0 {
            self.body_left = self.body_left.saturating_sub(bytes.len());
            return self.body_left == 0;
        }
        self.header.extend_from_slice(bytes);
        match self.header[..] {
            [_, _, _, high, low] => {
                self.body_left = usize::from(u16::from_be_bytes([high, low]));
                self.header.clear();
                self.body_left == 0
            }
            _ => false,
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for CountIo<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.counter.is_stopped() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        if std::mem::take(&mut this.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let limit = this.record.wants().min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(limit));
        let outcome = Pin::new(&mut this.io).poll_read(cx, &mut part);
        let bytes = part.filled();
        this.counter.add(Direction::In, bytes.len());
        this.pause = this.record.feed(bytes);
        let read = bytes.len();
        buf.advance(read);
        outcome
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for CountIo<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = outcome {
            self.counter.add(Direction::Out, written);
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.counter.stop();
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const HELLO: &[u8] = &[22, 3, 1, 0, 2, 1, 2];
    const EMPTY: &[u8] = &[23, 3, 3, 0, 0];

    #[tokio::test]
    async fn bytes_and_flights_are_counted_until_stopped() {
        let (mut far, near) = duplex(1024);
        let (mut near, counter) = CountIo::new(near);
        let mut buf = [0; 64];
        far.write_all(&[HELLO, EMPTY, HELLO].concat()).await.unwrap();

        near.read_exact(&mut buf[..7]).await.unwrap();
        assert_eq!(&buf[..7], HELLO);
        assert_eq!(counter.lock().count, Count { bytes: 7, flights: 1 });
        near.write_all(b"answer").await.unwrap();
        near.write_all(b"more").await.unwrap();
        assert_eq!(counter.lock().count, Count { bytes: 17, flights: 2 });
        near.read_exact(&mut buf[..5]).await.unwrap();
        assert_eq!(&buf[..5], EMPTY);

        let all = Count { bytes: 22, flights: 3 };
        assert_eq!(counter.stop(), all);
        assert_eq!(near.read(&mut buf).await.unwrap(), 7);
        near.write_all(b"answer").await.unwrap();
        assert_eq!(counter.stop(), all);
    }

    #[tokio::test]
    async fn a_read_never_goes_beyond_a_record_and_pauses_after_it() {
        let (mut far, near) = duplex(1024);
        let (mut near, counter) = CountIo::new(near);
        far.write_all(&[HELLO, HELLO].concat()).await.unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut bytes = [0; 64];
        let mut read = || {
            let mut buf = ReadBuf::new(&mut bytes);
            Pin::new(&mut near).poll_read(&mut cx, &mut buf).map(|outcome| {
                outcome.unwrap();
                buf.filled().len()
            })
        };
        assert_eq!(read(), Poll::Ready(5));
        assert_eq!(read(), Poll::Ready(2));
        assert_eq!(read(), Poll::Pending);
        assert_eq!(read(), Poll::Ready(5));
        assert_eq!(counter.stop(), Count { bytes: 12, flights: 1 });
    }

    #[tokio::test]
    async fn a_shutdown_ends_the_count() {
        let (_far, near) = duplex(1024);
        let (mut near, counter) = CountIo::new(near);
        near.write_all(b"alert").await.unwrap();
        near.shutdown().await.unwrap();
        assert!(counter.is_stopped());
        assert_eq!(counter.stop(), Count { bytes: 5, flights: 1 });
    }
}
