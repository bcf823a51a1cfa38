//! Responds as requests order it, right or wrong.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::head::{Framing, Head};
use super::reader::{BodyState, Reader};
use super::{NUMBER, Place, Records, TRAILER};
use crate::soak::gateway::pattern::{Comparison, Direction, Pattern};
use crate::soak::gateway::request::Answer;

/// The size of the parts of a body, in bytes.
const PART: usize = 16 * 1024;

type Receiver = Reader<tokio::net::tcp::OwnedReadHalf>;

/// Serves one connection.
pub(super) async fn serve(tcp: TcpStream, records: Arc<Records>) {
    let (reader, writer) = tcp.into_split();
    let mut connection = Connection { reader: Reader::new(reader), writer, records };
    // A gateway ends its connections as it likes, but it must not send malformed requests.
    match connection.run().await {
        Err(err) if err.kind() == io::ErrorKind::InvalidData => {
            connection.records.add_stray(err.to_string());
        }
        _ => {}
    }
}

struct Connection {
    reader: Receiver,
    writer: OwnedWriteHalf,
    records: Arc<Records>,
}

impl Connection {
    async fn run(&mut self) -> io::Result<()> {
        while let Some(head) = self.reader.head().await? {
            let head = match Head::parse(&head, &self.records) {
                Ok(head) => head,
                Err(text) => {
                    self.records.add_stray(text);
                    return Ok(());
                }
            };
            let place = self.records.add(head.order.number, head.seen.clone());
            if !self.respond(&head, place).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Responds to a request. Returns false if the connection ends with it.
    async fn respond(&mut self, head: &Head, place: Place) -> io::Result<bool> {
        let mut body = BodyState::new(head.framing);
        match head.order.answer {
            Answer::Reset => {
                let _ = self.writer.as_ref().set_zero_linger();
                return Ok(false);
            }
            Answer::Echo => return self.echo(&mut body, place).await,
            Answer::Upgrade => return self.tunnel(head, place).await,
            Answer::Early => {
                self.whole(head, place, "413 Content Too Large").await?;
                self.receive(&mut body, place).await?;
                return Ok(true);
            }
            _ => self.receive(&mut body, place).await?,
        }
        let (number, down) = (place.number, head.order.down);
        let first = format!("HTTP/1.1 200 OK\r\n{NUMBER}: {number}\r\n");
        match head.order.answer {
            Answer::Length | Answer::Early | Answer::Echo | Answer::Upgrade => {
                self.whole(head, place, "200 OK").await?;
            }
            Answer::CloseAfter => {
                self.whole(head, place, "200 OK").await?;
                return self.close().await;
            }
            Answer::Chunked | Answer::Trailers => {
                let trailers = head.order.answer == Answer::Trailers;
                let announced = if trailers { "trailer: x-end\r\n" } else { "" };
                self.send(&format!("{first}{announced}transfer-encoding: chunked\r\n\r\n")).await?;
                self.chunks(number, down).await?;
                let (name, value) = TRAILER;
                let line = if trailers { format!("{name}: {value}\r\n") } else { String::new() };
                self.send(&format!("0\r\n{line}\r\n")).await?;
            }
            Answer::EqualLengths => {
                let line = format!("content-length: {down}\r\n");
                self.send(&format!("{first}{line}{line}\r\n")).await?;
                self.body(number, down).await?;
            }
            Answer::LengthAndChunked => {
                let wrong = down + 7;
                self.send(&format!(
                    "{first}content-length: {wrong}\r\ntransfer-encoding: chunked\r\n\r\n"
                ))
                .await?;
                self.chunks(number, down).await?;
                self.send("0\r\n\r\n").await?;
            }
            Answer::EarlyHints => {
                let hint = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
                self.send(&hint.repeat(3)).await?;
                self.whole(head, place, "200 OK").await?;
            }
            Answer::TwoResponses => {
                let mut bytes = format!("{first}content-length: {down}\r\n\r\n").into_bytes();
                bytes.extend(Pattern::new(number, Direction::Down).part(0, down));
                bytes.extend(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond");
                self.writer.write_all(&bytes).await?;
            }
            Answer::Long => {
                let mut bytes = format!("{first}content-length: {down}\r\n\r\n").into_bytes();
                bytes.extend(Pattern::new(number, Direction::Down).part(0, down + 100));
                self.writer.write_all(&bytes).await?;
            }
            Answer::Short => {
                self.send(&format!("{first}content-length: {}\r\n\r\n", down + 9)).await?;
                self.body(number, down).await?;
                return Ok(false);
            }
            Answer::TruncatedChunks => {
                self.send(&format!("{first}transfer-encoding: chunked\r\n\r\n")).await?;
                self.chunks(number, down).await?;
                return Ok(false);
            }
            Answer::BadChunk => {
                self.send(&format!("{first}transfer-encoding: chunked\r\n\r\n")).await?;
                self.chunks(number, down).await?;
                self.send("xyz\r\nabc\r\n0\r\n\r\n").await?;
                return Ok(false);
            }
            Answer::StallInBody => {
                self.send(&format!("{first}content-length: {}\r\n\r\n", down + 9)).await?;
                self.body(number, down).await?;
                return self.stall().await;
            }
            Answer::Stall => return self.stall().await,
            Answer::Close | Answer::Reset => return Ok(false),
            Answer::Unsolicited101 => {
                self.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx")
                    .await?;
                return self.stall().await;
            }
            Answer::Garbage => {
                self.send("\u{1}garbage, and no response\r\n\r\n").await?;
                return Ok(false);
            }
            Answer::HugeHead => {
                let line = format!("x-large: {}\r\n", "x".repeat(1000));
                let head = format!("{first}{}content-length: 0\r\n\r\n", line.repeat(1100));
                // The gateway may end the connection before it has read all.
                let _ = self.send(&head).await;
                return Ok(false);
            }
            Answer::DifferentLengths => {
                let lines = format!("content-length: {down}\r\ncontent-length: {}\r\n", down + 1);
                self.send(&format!("{first}{lines}\r\n")).await?;
                self.body(number, down + 1).await?;
            }
        }
        Ok(true)
    }

    /// Closes the connection unannounced. The gateway may have sent another request meanwhile, and then
    /// cannot know whether it was processed.
    async fn close(&mut self) -> io::Result<bool> {
        self.writer.shutdown().await?;
        if let Some(head) = self.reader.head().await? {
            if let Ok(head) = Head::parse(&head, &self.records) {
                self.records.cut_off(head.order.number);
            }
        }
        Ok(false)
    }

    /// Waits until the gateway ends the connection.
    async fn stall(&mut self) -> io::Result<bool> {
        while self.reader.head().await?.is_some() {
            self.records.add_stray("a request after one without a response".into());
        }
        Ok(false)
    }

    /// Sends a response with its right length, or its head if only that was requested.
    async fn whole(&mut self, head: &Head, place: Place, status: &str) -> io::Result<()> {
        let (number, down) = (place.number, head.order.down);
        let fields = format!("{NUMBER}: {number}\r\ncontent-length: {down}\r\n");
        self.send(&format!("HTTP/1.1 {status}\r\n{fields}\r\n")).await?;
        if head.method == "HEAD" {
            return Ok(());
        }
        self.body(number, down).await
    }

    /// Sends back a body while it arrives.
    async fn echo(&mut self, body: &mut BodyState, place: Place) -> io::Result<bool> {
        let number = place.number;
        let fields = "trailer: x-end\r\ntransfer-encoding: chunked\r\n";
        self.send(&format!("HTTP/1.1 200 OK\r\n{NUMBER}: {number}\r\n{fields}\r\n")).await?;
        let mut comparison = Comparison::new(number, Direction::Up);
        let pattern = Pattern::new(number, Direction::Down);
        while let Some(part) = self.reader.part(body).await? {
            let at = comparison.bytes;
            self.record(&mut comparison, &part, place);
            let part = pattern.part(at, part.len());
            self.send(&format!("{:x}\r\n", part.len())).await?;
            self.writer.write_all(&part).await?;
            self.send("\r\n").await?;
        }
        self.complete(body, place);
        self.send(&format!("0\r\n{}: {}\r\n\r\n", TRAILER.0, TRAILER.1)).await?;
        Ok(true)
    }

    /// Switches to WebSocket, and sends back what arrives until the client has sent all.
    async fn tunnel(&mut self, head: &Head, place: Place) -> io::Result<bool> {
        let Some(key) = &head.key else {
            self.records.add_stray(format!("an upgrade without its fields: {head:?}"));
            return Ok(false);
        };
        // RFC 6455 section 4.2.2.
        let joined = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, joined.as_bytes()));
        let number = place.number;
        self.send(&format!(
            "HTTP/1.1 101 Switching Protocols\r\n{NUMBER}: {number}\r\nupgrade: websocket\r\n\
             connection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        ))
        .await?;
        let mut body = BodyState::new(Framing::Length(head.order.down));
        let mut comparison = Comparison::new(number, Direction::Up);
        let pattern = Pattern::new(number, Direction::Down);
        while let Some(part) = self.reader.part(&mut body).await? {
            let at = comparison.bytes;
            self.record(&mut comparison, &part, place);
            if comparison.bytes == head.order.down {
                self.complete(&body, place);
            }
            self.writer.write_all(&pattern.part(at, part.len())).await?;
        }
        Ok(false)
    }

    /// Receives a body.
    async fn receive(&mut self, body: &mut BodyState, place: Place) -> io::Result<()> {
        let mut comparison = Comparison::new(place.number, Direction::Up);
        while let Some(part) = self.reader.part(body).await? {
            self.record(&mut comparison, &part, place);
        }
        self.complete(body, place);
        Ok(())
    }

    fn record(&self, comparison: &mut Comparison, part: &[u8], place: Place) {
        comparison.add(part);
        self.records.received(place, comparison);
    }

    fn complete(&self, body: &BodyState, place: Place) {
        self.records.completed(place, body.has_trailers);
    }

    async fn body(&mut self, number: u32, length: usize) -> io::Result<()> {
        let pattern = Pattern::new(number, Direction::Down);
        for at in (0..length).step_by(PART) {
            self.writer.write_all(&pattern.part(at, PART.min(length - at))).await?;
        }
        Ok(())
    }

    async fn chunks(&mut self, number: u32, length: usize) -> io::Result<()> {
        let pattern = Pattern::new(number, Direction::Down);
        for at in (0..length).step_by(PART) {
            let part = pattern.part(at, PART.min(length - at));
            self.send(&format!("{:x}\r\n", part.len())).await?;
            self.writer.write_all(&part).await?;
            self.send("\r\n").await?;
        }
        Ok(())
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes()).await
    }
}
