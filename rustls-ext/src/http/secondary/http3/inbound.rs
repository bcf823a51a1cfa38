use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::quic::{self, StreamErrorIncoming, StreamId, WriteBuf};

use super::frames::{Frames, Part, SETTINGS};
use super::link::{Link, of_stream};
use super::settings::{CONTROL, Settings};
use super::varint::Varint;
use crate::http::secondary::{ConnectionError, Frame};

/// A stream that this side receives: a unidirectional one of the peer, or a request's.
#[derive(Debug)]
pub struct Inbound<S> {
    stream: S,
    content: Content,
    link: Arc<Link>,
}

#[derive(Debug)]
enum Content {
    /// A unidirectional stream whose type has not arrived yet.
    Unknown(Varint),
    Control(Control),
    Request(Frames),
    /// All bytes are passed on unread.
    Other,
}

impl<S> Inbound<S> {
    pub(super) fn unidirectional(stream: S, link: Arc<Link>) -> Self {
        Self::new(stream, Content::Unknown(Varint::START), link)
    }

    pub(super) fn request(stream: S, link: Arc<Link>) -> Self {
        Self::new(stream, Content::Request(Frames::new()), link)
    }

    fn new(stream: S, content: Content, link: Arc<Link>) -> Self {
        let content = if link.announces().is_some() { content } else { Content::Other };
        Self { stream, content, link }
    }
}

impl Content {
    /// Reads bytes of the stream, and returns those that are for h3.
    fn read(&mut self, bytes: Bytes, link: &Link) -> Result<Bytes, ConnectionError> {
        match self {
            Self::Unknown(kind) => {
                let found =
                    bytes.iter().enumerate().find_map(|(at, byte)| Some((at, kind.push(*byte)?)));
                match found {
                    Some((at, CONTROL)) if link.is_first_control() => {
                        let (stream_type, rest) =
                            bytes.split_at_checked(at + 1).unwrap_or((&bytes, &[]));
                        let mut for_h3 = stream_type.to_vec();
                        let mut control = Control::new();
                        control.read(rest, link, &mut for_h3)?;
                        *self = Self::Control(control);
                        return Ok(for_h3.into());
                    }
                    Some(_) => *self = Self::Other,
                    None => {}
                }
                Ok(bytes)
            }
            Self::Control(control) => {
                let mut for_h3 = Vec::new();
                control.read(&bytes, link, &mut for_h3)?;
                Ok(for_h3.into())
            }
            Self::Request(frames) => {
                let mut rest = &bytes[..];
                while let Some(part) = frames.next(&mut rest) {
                    let Part::Head { kind, length, .. } = part else { continue };
                    if let Some(frame) = link.frame(kind) {
                        link.exchange().head(frame, false, length)?;
                    }
                }
                Ok(bytes)
            }
            Self::Other => Ok(bytes),
        }
    }
}

/// The peer's control stream, after its type.
#[derive(Debug)]
struct Control {
    frames: Frames,
    current: Current,
    has_settings: bool,
}

/// What the payload of the current frame is.
#[derive(Debug)]
enum Current {
    Settings(Settings),
    Ours(Frame, Vec<u8>),
    Other,
}

impl Control {
    const fn new() -> Self {
        Self { frames: Frames::new(), current: Current::Other, has_settings: false }
    }

    /// Reads SETTINGS, takes the two frames out, and adds everything else to `for_h3`.
    fn read(
        &mut self,
        mut bytes: &[u8],
        link: &Link,
        for_h3: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        while let Some(part) = self.frames.next(&mut bytes) {
            match part {
                Part::Head { kind, length, bytes: head } => {
                    if let Some(frame) = link.frame(kind) {
                        link.exchange().head(frame, true, length)?;
                        self.current = Current::Ours(frame, Vec::new());
                        continue;
                    }
                    for_h3.extend(head);
                    // h3 refuses further SETTINGS.
                    let is_first = kind == SETTINGS && !self.has_settings;
                    self.has_settings |= is_first;
                    self.current =
                        if is_first { Current::Settings(Settings::new()) } else { Current::Other };
                }
                Part::Payload { bytes, last } => match &mut self.current {
                    Current::Settings(settings) => {
                        settings.read(bytes, last, link)?;
                        for_h3.extend(bytes);
                    }
                    Current::Ours(frame, payload) => {
                        payload.extend(bytes);
                        if last {
                            link.exchange().frame(*frame, std::mem::take(payload))?;
                        }
                    }
                    Current::Other => for_h3.extend(bytes),
                },
            }
        }
        Ok(())
    }
}

impl<S: quic::RecvStream> quic::RecvStream for Inbound<S> {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.link.check_stream()?;
        loop {
            let data = ready!(self.stream.poll_data(cx));
            let Some(mut data) = data.map_err(|error| self.link.stream_ended(error))? else {
                return Poll::Ready(Ok(None));
            };
            let bytes = data.copy_to_bytes(data.remaining());
            let for_h3 = self
                .content
                .read(bytes, &self.link)
                .map_err(|error| of_stream(self.link.refuse(error)))?;
            if !for_h3.is_empty() {
                return Poll::Ready(Ok(Some(for_h3)));
            }
        }
    }

    fn stop_sending(&mut self, error_code: u64) {
        self.stream.stop_sending(error_code);
    }

    fn recv_id(&self) -> StreamId {
        self.stream.recv_id()
    }
}

impl<B: Buf, S: quic::SendStream<B>> quic::SendStream<B> for Inbound<S> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.link.check_stream()?;
        self.stream.poll_ready(cx).map_err(|error| self.link.stream_ended(error))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.stream.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.link.check_stream()?;
        self.stream.poll_finish(cx).map_err(|error| self.link.stream_ended(error))
    }

    fn reset(&mut self, reset_code: u64) {
        self.stream.reset(reset_code);
    }

    fn send_id(&self) -> StreamId {
        self.stream.send_id()
    }
}

impl<B: Buf, S: quic::BidiStream<B>> quic::BidiStream<B> for Inbound<S> {
    type SendStream = S::SendStream;
    type RecvStream = Inbound<S::RecvStream>;

    fn split(self) -> (Self::SendStream, Self::RecvStream) {
        let (send, stream) = self.stream.split();
        (send, Inbound { stream, content: self.content, link: self.link })
    }
}
