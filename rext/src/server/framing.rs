//! Finds HTTP/1.1 requests that state their length twice: with `Content-Length` and with
//! `Transfer-Encoding`. They must be refused (RFC 9112 section 6.3), since a server in front may have
//! used the other one. hyper uses the coding and removes the length, so its requests do not show it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode, header};
use rustls_ext::http::server::read_unread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of a line is kept. Longer lines are not those of a length or a coding, or are wrong.
const MAX_LINE: usize = 1024;

/// Counts the requests of a connection, and knows which one states its length twice.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    /// The number of the first such request, or `usize::MAX`. The connection ends with it.
    twice: Arc<AtomicUsize>,
    next: Arc<AtomicUsize>,
}

impl Heads {
    /// Takes the next request in the order in which they arrive. Returns true if it states its
    /// length twice.
    pub(super) fn next_is_ambiguous(&self) -> bool {
        self.next.fetch_add(1, Ordering::Relaxed) == self.twice.load(Ordering::Relaxed)
    }
}

/// Among the extensions of a request that states its length twice.
#[derive(Clone, Copy, Debug)]
pub(super) struct LengthTwice;

/// Responds to a request that states its length twice. hyper closes the connection after it.
pub(super) async fn refuse(request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    read_unread(&parts.headers, body).await;
    let reason = "a request may not have both Content-Length and Transfer-Encoding\n";
    (StatusCode::BAD_REQUEST, [(header::CONNECTION, "close")], reason).into_response()
}

/// A stream of HTTP/1.1 requests that is watched.
#[derive(Debug)]
pub(super) struct Framing<IO> {
    io: IO,
    scanner: Option<Scanner>,
}

impl<IO> Framing<IO> {
    /// Watches a stream, if it is one of HTTP/1.1.
    pub(super) fn new(io: IO, is_http1: bool) -> (Self, Heads) {
        let heads = Heads { twice: Arc::new(AtomicUsize::new(usize::MAX)), next: Arc::default() };
        let scanner = is_http1.then(|| Scanner::new(heads.twice.clone()));
        (Self { io, scanner }, heads)
    }
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A line of a head; true if it is the first one.
    Head(bool),
    /// Data of this length.
    Data(u64),
    /// A chunk's size.
    Size,
    /// A chunk of this length.
    Chunk(u64),
    /// The end of a chunk.
    ChunkEnd,
    /// A line of the trailers.
    Trailers,
    /// Not watched any more: the request is wrong, and the connection ends with it.
    Off,
}

#[derive(Debug)]
struct Scanner {
    part: Part,
    line: Vec<u8>,
    is_long: bool,
    length: Option<u64>,
    has_length: bool,
    has_coding: bool,
    heads: usize,
    twice: Arc<AtomicUsize>,
}

impl Scanner {
    fn new(twice: Arc<AtomicUsize>) -> Self {
        Self {
            part: Part::Head(true),
            line: Vec::new(),
            is_long: false,
            length: None,
            has_length: false,
            has_coding: false,
            heads: 0,
            twice,
        }
    }

    fn scan(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.part != Part::Off {
            bytes = match self.part {
                Part::Data(left) => self.skip(bytes, left, Part::Data, Part::Head(true)),
                Part::Chunk(left) => self.skip(bytes, left, Part::Chunk, Part::ChunkEnd),
                _ => self.read_line(bytes),
            };
        }
    }

    fn skip<'a>(
        &mut self,
        bytes: &'a [u8],
        left: u64,
        more: fn(u64) -> Part,
        next: Part,
    ) -> &'a [u8] {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
        self.part = if left == 0 { next } else { more(left) };
        bytes.get(length..).unwrap_or_default()
    }

    /// Reads up to the end of a line, and takes the line if it is complete.
    fn read_line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (text, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.is_long |= text.len() > room;
        self.line.extend_from_slice(text.get(..room).unwrap_or(text));
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            self.take_line(line.trim_ascii_end());
            self.is_long = false;
            self.line = line;
            self.line.clear();
        }
        rest
    }

    fn take_line(&mut self, line: &[u8]) {
        self.part = match (self.part, line.is_empty()) {
            // Empty lines before a request are ignored (RFC 9112 section 2.2).
            (Part::Head(true), is_empty) => Part::Head(is_empty),
            (Part::Head(false), true) => self.end_of_head(),
            (Part::Head(false), false) => {
                self.take_field(line);
                Part::Head(false)
            }
            (Part::Size, _) => match size_of(line) {
                Some(0) => Part::Trailers,
                Some(size) => Part::Chunk(size),
                None => Part::Off,
            },
            (Part::ChunkEnd, true) => Part::Size,
            (Part::Trailers, true) => Part::Head(true),
            (Part::Trailers, false) => Part::Trailers,
            _ => Part::Off,
        };
    }

    fn take_field(&mut self, line: &[u8]) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.has_coding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.has_length = true;
            let text = std::str::from_utf8(value.trim_ascii()).ok().filter(|_| !self.is_long);
            self.length = text.and_then(|text| text.parse().ok());
        }
    }

    fn end_of_head(&mut self) -> Part {
        let (number, length) = (self.heads, self.length.take());
        let (has_length, has_coding) = (self.has_length, self.has_coding);
        self.heads += 1;
        (self.has_length, self.has_coding) = (false, false);
        match (has_length, has_coding, length) {
            (true, true, _) => {
                self.twice.store(number, Ordering::Relaxed);
                Part::Off
            }
            (false, true, _) => Part::Size,
            (false, false, _) | (true, false, Some(0)) => Part::Head(true),
            (true, false, Some(length)) => Part::Data(length),
            // hyper refuses it.
            (true, false, None) => Part::Off,
        }
    }
}

/// Returns the size of a chunk from its line, which may have extensions (RFC 9112 section 7.1.1).
fn size_of(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = std::str::from_utf8(line.get(..digits)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

impl<IO: AsyncRead + Unpin> AsyncRead for Framing<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if let Some(scanner) = &mut this.scanner {
            scanner.scan(buf.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Framing<IO> {
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
        bufs: &[io::IoSlice<'_>],
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
    use super::*;

    /// The number of the first ambiguous request, for all ways to split these bytes in two.
    fn first(bytes: &str) -> Option<usize> {
        let found = |cut: usize| {
            let twice = Arc::new(AtomicUsize::new(usize::MAX));
            let mut scanner = Scanner::new(twice.clone());
            let (one, two) = bytes.as_bytes().split_at(cut);
            scanner.scan(one);
            scanner.scan(two);
            Some(twice.load(Ordering::Relaxed)).filter(|number| *number < usize::MAX)
        };
        let all: Vec<_> = (0..=bytes.len()).map(found).collect();
        assert!(all.windows(2).all(|two| two[0] == two[1]), "{bytes}: {all:?}");
        all[0]
    }

    #[test]
    fn a_request_with_a_length_and_a_coding_is_found_in_either_order() {
        let plain = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\r\n\r\nxPOST / HTTP/1.1\r\n\r\n";
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\n\r\nz\r\n0\r\nx: y\r\n\r\n";
        let one =
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let other = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH:5\r\n\r\n";
        assert_eq!(first(one), Some(0));
        assert_eq!(first(other), Some(0));
        assert_eq!(first(&format!("{plain}{chunked}\r\n{one}")), Some(3));
        assert_eq!(first(&format!("{chunked}{plain}{other}")), Some(3));
        assert_eq!(first(&one.replace("\r\n", "\n")), Some(0));
        assert_eq!(first(&format!("{plain}{chunked}{plain}")), None);
    }

    #[test]
    fn bytes_of_a_body_are_no_head() {
        let evil = "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = evil.len();
        let body = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{evil}");
        assert_eq!(first(&body), None);
        let chunk = format!(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{evil}\r\n"
        );
        assert_eq!(first(&chunk), None);
    }

    #[test]
    fn a_long_line_does_not_hide_a_length() {
        let padding = " ".repeat(MAX_LINE);
        let head = format!(
            "POST / HTTP/1.1\r\nContent-Length:{padding}5\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        assert_eq!(first(&head), Some(0));
        let line = "x".repeat(3 * MAX_LINE);
        let head = format!(
            "POST / HTTP/1.1\r\n{line}: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        assert_eq!(first(&head), Some(0));
    }
}
