//! Reads requests from a connection.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::TRAILER;
use super::head::Framing;

/// How much of a body is read at once, in bytes.
const READ: usize = 64 * 1024;
/// The largest head that is read, in bytes.
const LARGEST_HEAD: usize = 1 << 20;

/// The receiving side of a connection.
#[derive(Debug)]
pub(super) struct Reader<R> {
    io: R,
    buffer: Vec<u8>,
}

/// The rest of a body.
#[derive(Debug)]
pub(super) struct BodyState {
    framing: Framing,
    /// What is left of the body or of a chunk, in bytes.
    left: usize,
    in_chunk: bool,
    has_ended: bool,
    pub(super) has_trailers: bool,
}

impl BodyState {
    pub(super) fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Self { framing, left, in_chunk: false, has_ended: false, has_trailers: false }
    }
}

fn malformed(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(io: R) -> Self {
        Self { io, buffer: Vec::new() }
    }

    /// Reads the next head, without its empty line; `None` if the connection has ended before.
    pub(super) async fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                let mut head = self.take(end + 4);
                head.truncate(end);
                return Ok(Some(head));
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(malformed("a head without an end"));
            }
            match self.io.read_buf(&mut self.buffer).await? {
                0 if self.buffer.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    /// Reads the next part of a body; `None` at its end.
    pub(super) async fn part(&mut self, body: &mut BodyState) -> io::Result<Option<Vec<u8>>> {
        loop {
            if body.left > 0 {
                if self.buffer.is_empty() {
                    self.buffer.reserve(READ);
                    if self.io.read_buf(&mut self.buffer).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                let length = body.left.min(self.buffer.len());
                body.left -= length;
                return Ok(Some(self.take(length)));
            }
            if body.has_ended || matches!(body.framing, Framing::Length(_)) {
                return Ok(None);
            }
            if std::mem::replace(&mut body.in_chunk, false) && !self.line().await?.is_empty() {
                return Err(malformed("a chunk without its end"));
            }
            let line = self.line().await?;
            body.left = usize::from_str_radix(&line, 16).map_err(|_| malformed("no chunk size"))?;
            body.in_chunk = true;
            if body.left == 0 {
                body.has_ended = true;
                loop {
                    let line = self.line().await?;
                    if line.is_empty() {
                        break;
                    }
                    body.has_trailers |= line == format!("{}: {}", TRAILER.0, TRAILER.1);
                }
            }
        }
    }

    /// Takes the first bytes of the buffer. Quick even without optimisation.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|part| part == b"\r\n") {
                let mut line = self.take(end + 2);
                line.truncate(end);
                return String::from_utf8(line).map_err(|_| malformed("a line that is not UTF-8"));
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(malformed("a line without an end"));
            }
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn heads_bodies_and_trailers_are_read() {
        let bytes = b"A / HTTP/1.1\r\nX: y\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nx-end: reached\r\n\r\nB\r\n\r\n12";
        let mut reader = Reader::new(&bytes[..]);
        assert_eq!(reader.head().await.unwrap().unwrap(), b"A / HTTP/1.1\r\nX: y");
        let mut body = BodyState::new(Framing::Chunked);
        let mut whole = Vec::new();
        while let Some(part) = reader.part(&mut body).await.unwrap() {
            whole.extend(part);
        }
        assert_eq!((&*whole, body.has_trailers), (&b"abcd"[..], true));
        assert_eq!(reader.head().await.unwrap().unwrap(), b"B");
        let mut body = BodyState::new(Framing::Length(3));
        assert_eq!(reader.part(&mut body).await.unwrap().unwrap(), b"12");
        assert!(reader.part(&mut body).await.is_err());
    }
}
