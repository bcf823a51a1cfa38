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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::http::secondary::{Exchange, HttpCodePoints, Outbox};

    #[derive(Debug, PartialEq, Eq)]
    enum Call {
        Setting(Option<u64>),
        Head(Frame, bool, u64),
        Frame(Frame, Vec<u8>),
    }

    #[derive(Default)]
    struct Calls(Mutex<Vec<Call>>);

    impl Calls {
        fn add(&self, call: Call) -> Result<(), ConnectionError> {
            self.0.lock().unwrap().push(call);
            Ok(())
        }
    }

    impl Exchange for Calls {
        fn announces(&self) -> u32 {
            1
        }

        fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError> {
            self.add(Call::Setting(value))
        }

        fn head(&self, frame: Frame, on_control: bool, length: u64) -> Result<(), ConnectionError> {
            self.add(Call::Head(frame, on_control, length))
        }

        fn frame(&self, frame: Frame, payload: Vec<u8>) -> Result<(), ConnectionError> {
            self.add(Call::Frame(frame, payload))
        }

        fn closed(&self) {}
    }

    /// What h3 and the exchange get from a stream that arrives in these pieces.
    fn read<'a>(
        mut content: Content,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<u8>, Vec<Call>) {
        let calls = Arc::new(Calls::default());
        let exchange: Arc<dyn Exchange> = calls.clone();
        let close = Box::new(|_, _: &[u8]| panic!("closed"));
        let link = Link::new(HttpCodePoints::DEFAULT, exchange, Outbox::new(), close);
        let mut for_h3 = Vec::new();
        for piece in pieces {
            for_h3.extend(content.read(Bytes::copy_from_slice(piece), &link).unwrap());
        }
        let calls = std::mem::take(&mut *calls.0.lock().unwrap());
        (for_h3, calls)
    }

    /// A control stream with its type, SETTINGS of two entries and further frames; and the part of
    /// it that is for h3.
    fn control() -> (Vec<u8>, Vec<u8>) {
        let first = [0x40, 0x00, 0x04, 0x07, 0x06, 0x01, 0x80, 0x00, 0xff, 0x10, 0x05];
        let certificate = *b"\x40\xf1\x05first";
        let unknown = *b"\x21\x03xyz";
        let requests = *b"\x80\x00\x00\xf0\x40\x03all";
        let empty = *b"\xc0\x00\x00\x00\x00\x00\x00\xf1\x00";
        let goaway = [0x07, 0x01, 0x00];
        let stream =
            [&first[..], &certificate, &unknown, &requests, &empty, &goaway, &certificate].concat();
        (stream, [&first[..], &unknown, &goaway].concat())
    }

    #[test]
    fn the_two_frames_are_taken_out_of_the_control_stream_in_any_split() {
        let (stream, expected) = control();
        let calls = || {
            use Frame::{AuthenticatorRequests, Certificate};
            vec![
                Call::Setting(Some(5)),
                Call::Head(Certificate, true, 5),
                Call::Frame(Certificate, b"first".to_vec()),
                Call::Head(AuthenticatorRequests, true, 3),
                Call::Frame(AuthenticatorRequests, b"all".to_vec()),
                Call::Head(Certificate, true, 0),
                Call::Frame(Certificate, Vec::new()),
                Call::Head(Certificate, true, 5),
                Call::Frame(Certificate, b"first".to_vec()),
            ]
        };
        let unknown = || Content::Unknown(Varint::START);
        for piece in 1..=stream.len() {
            let read = read(unknown(), stream.chunks(piece));
            assert_eq!(read, (expected.clone(), calls()), "in pieces of {piece} bytes");
        }
        for at in 0..stream.len() {
            let (first, second) = stream.split_at(at);
            assert_eq!(read(unknown(), [first, second]), (expected.clone(), calls()), "at {at}");
        }
    }

    #[test]
    fn a_stream_of_a_request_is_passed_on_and_its_heads_are_read() {
        let stream = b"\x01\x03\x00\x00\xd1\x00\x02\x40\xf1\x40\xf1\x40\x64certificate";
        let head = vec![Call::Head(Frame::Certificate, false, 100)];
        for piece in 1..=stream.len() {
            let (for_h3, calls) = read(Content::Request(Frames::new()), stream.chunks(piece));
            assert_eq!((&for_h3[..], &calls), (&stream[..], &head), "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn other_unidirectional_streams_are_passed_on_unread() {
        // QPACK's encoder stream, and one of a type that begins with a zero byte in a longer form.
        for kind in [&[0x02][..], &[0x40, 0x54], &[0x80, 0, 0, 0x21]] {
            let stream = [kind, b"\x04\x00\x40\xf1\x00"].concat();
            for piece in 1..=stream.len() {
                let read = read(Content::Unknown(Varint::START), stream.chunks(piece));
                assert_eq!(read, (stream.clone(), Vec::new()));
            }
        }
    }

    #[test]
    fn settings_without_the_setting_are_reported_at_their_end() {
        let calls = |stream: &[u8]| read(Content::Unknown(Varint::START), [stream]).1;
        let stream = [0x00, 0x04, 0x05, 0x06, 0x01, 0x40, 0xf1, 0x07];
        assert_eq!(calls(&stream), [Call::Setting(None)]);
        assert_eq!(calls(&stream[..stream.len() - 1]), []);
        assert_eq!(calls(&[0x00, 0x04, 0x00]), [Call::Setting(None)]);
    }
}
