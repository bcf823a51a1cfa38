use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The length of the connection preface (RFC 9113 section 3.4), in bytes.
const PREFACE: usize = 24;
/// The length of a frame's header (RFC 9113 section 4.1), in bytes.
const HEADER: usize = 9;
/// The frame types HEADERS and CONTINUATION (RFC 9113 sections 6.2 and 6.10).
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
/// The flag END_HEADERS of both.
const END_HEADERS: u8 = 4;

/// A connection that lets the HTTP/2 library read one head at a time.
///
/// The library decodes all frames that have arrived before it passes on the first request. A head
/// can be sent in a few bytes that stand for thousands of fields (HPACK, RFC 7541 section 7.3), so
/// that a client could make the library hold many large heads before the first of them counts. Here
/// reading pauses after each head, until the library has passed it on.
#[derive(Debug)]
pub(super) struct Paced<IO> {
    io: IO,
    /// `None` for HTTP/1.1, which has one head at a time.
    reading: Option<Reading>,
    /// True if a head is complete, and the library has not been told to wait.
    pause: bool,
}

/// What the next bytes of a connection are.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// This many bytes of the preface.
    Preface(usize),
    /// The rest of a frame's header, of which this much has arrived.
    Header([u8; HEADER], usize),
    /// This many bytes of a frame; true if a head ends with it.
    Payload(usize, bool),
}

impl<IO> Paced<IO> {
    pub(super) fn new(io: IO, is_h2: bool) -> Self {
        Self { io, reading: is_h2.then_some(Reading::Preface(PREFACE)), pause: false }
    }
}

impl Reading {
    /// How many bytes may be read at once.
    fn wanted(self) -> usize {
        match self {
            Self::Preface(left) | Self::Payload(left, _) => left,
            Self::Header(_, have) => HEADER - have,
        }
    }

    /// Takes bytes, no more than wanted. Returns the next state, and true if a head is complete.
    fn take(self, bytes: &[u8]) -> (Self, bool) {
        let next = match self {
            Self::Preface(left) => match left - bytes.len() {
                0 => Self::Header([0; HEADER], 0),
                left => Self::Preface(left),
            },
            Self::Header(mut header, have) => {
                for (to, from) in header.iter_mut().skip(have).zip(bytes) {
                    *to = *from;
                }
                match have + bytes.len() {
                    HEADER => Self::payload(header),
                    have => Self::Header(header, have),
                }
            }
            Self::Payload(left, ends_head) => Self::Payload(left - bytes.len(), ends_head),
        };
        match next {
            Self::Payload(0, ends_head) => (Self::Header([0; HEADER], 0), ends_head),
            next => (next, false),
        }
    }

    fn payload([high, middle, low, kind, flags, ..]: [u8; HEADER]) -> Self {
        let len = u32::from_be_bytes([0, high, middle, low]) as usize;
        let ends_head = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0;
        Self::Payload(len, ends_head)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Paced<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(reading) = this.reading else {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        };
        if std::mem::take(&mut this.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let wanted = reading.wanted().min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(wanted));
        ready!(Pin::new(&mut this.io).poll_read(cx, &mut part))?;
        let (next, pause) = reading.take(part.filled());
        let read = part.filled().len();
        buf.advance(read);
        this.reading = Some(next);
        this.pause = pause;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Paced<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&len[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// What is read until each pause.
    async fn read(bytes: &[u8]) -> Vec<usize> {
        let (mut client, server) = duplex(1024 * 1024);
        client.write_all(bytes).await.unwrap();
        drop(client);
        let mut paced = Paced::new(server, true);
        let (mut parts, mut space) = (vec![0], [0; 100]);
        loop {
            let polled = poll_fn(|cx| {
                let mut buf = ReadBuf::new(&mut space);
                let polled = Pin::new(&mut paced).poll_read(cx, &mut buf);
                Poll::Ready(polled.map(|read| read.map(|()| buf.filled().len()).unwrap()))
            });
            match polled.await {
                Poll::Ready(0) => return parts,
                Poll::Ready(read) => *parts.last_mut().unwrap() += read,
                Poll::Pending => parts.push(0),
            }
        }
    }

    #[tokio::test]
    async fn reading_pauses_after_each_head_and_nowhere_else() {
        let preface = [b'p'; PREFACE];
        let settings = frame(4, 0, b"");
        let whole = frame(HEADERS, END_HEADERS | 1, &[7; 300]);
        let begun = frame(HEADERS, 1, b"abc");
        let ended = frame(CONTINUATION, END_HEADERS, b"");
        // The flag of the same number means nothing in DATA.
        let data = frame(0, END_HEADERS, &[0; 1000]);
        let bytes = [&preface[..], &settings, &whole, &begun, &ended, &data, &settings, &whole];
        let heads = PREFACE + settings.len() + whole.len();
        let second = begun.len() + ended.len();
        let third = data.len() + settings.len() + whole.len();
        assert_eq!(read(&bytes.concat()).await, [heads, second, third, 0]);
    }
}
