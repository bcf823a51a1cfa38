//! The frames of a stream (RFC 9114 section 7.1), seen before h3 sees them.
//!
//! h3 keeps all frames except DATA in memory until they are complete, whatever their length; it
//! takes a DATA frame of length 0 for the end of the body; and it does not notice a stream that ends
//! inside a DATA frame. So this filter limits, removes and notices these.

use std::collections::VecDeque;

use h3::error::Code;
use hyper::body::Bytes;

/// Frame types (RFC 9114 section 7.2).
const DATA: u64 = 0x0;
const HEADERS: u64 = 0x1;
/// The type of h3 for streams of WebTransport, which has no length.
const WEBTRANSPORT: u64 = 0x41;
/// The type of control streams (RFC 9114 section 6.2.1).
const CONTROL: u64 = 0x0;

/// The maximum length of a HEADERS frame, in bytes. A field section may be 64 KiB long, as counted by
/// RFC 9114 section 4.2.2; its longest encoding with Huffman codes is larger.
const MAX_HEADERS: u64 = 128 * 1024;
/// The maximum length of other frames, in bytes: that of an authenticator (SCC-12).
const MAX_OTHER: u64 = 16 * 1024;

/// Why a stream cannot be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The connection must be closed with this code, for this reason.
    Connection(Code, &'static str),
    /// There is no memory for the head of this request. The client may send it again.
    NoMemory,
}

/// A filter for one stream of the client.
#[derive(Debug)]
pub(super) struct Filter {
    state: State,
    is_request: bool,
    /// The bytes of a frame's type and length that arrived before the current chunk.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The type of a unidirectional stream.
    Stream(Varint),
    /// The type of a frame.
    Kind(Varint),
    /// The length of a frame of this type.
    Length(u64, Varint),
    /// The payload of a frame of this type, of which so many bytes are missing.
    Payload(u64, u64),
    /// All further bytes are passed on.
    Unframed,
}

impl State {
    const FRAME: Self = Self::Kind(Varint::START);
}

/// What to do with a frame.
enum Decision {
    Keep,
    Remove,
}

impl Filter {
    pub(super) fn request() -> Self {
        Self { state: State::FRAME, is_request: true, held: Vec::new() }
    }

    pub(super) fn unidirectional() -> Self {
        Self { state: State::Stream(Varint::START), is_request: false, held: Vec::new() }
    }

    /// Reads a chunk of the stream, and adds the bytes for h3 to `ready`. `reserve` is called with
    /// the length of each HEADERS frame of a request, and returns false if there is no memory for
    /// it.
    pub(super) fn read(
        &mut self,
        chunk: &Bytes,
        ready: &mut VecDeque<Bytes>,
        mut reserve: impl FnMut(u64) -> bool,
    ) -> Result<(), Problem> {
        // Where the bytes begin that are not passed on yet, and where the current head begins.
        let (mut from, mut head) = (0, 0);
        let mut at = 0;
        while let Some(byte) = chunk.get(at).copied() {
            if let State::Payload(kind, left) = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len() - at);
                at += here;
                let left = left - here as u64;
                self.state = if left == 0 { State::FRAME } else { State::Payload(kind, left) };
                head = at;
                continue;
            }
            at += 1;
            match &mut self.state {
                State::Stream(kind) => match kind.push(byte) {
                    None => {}
                    Some(CONTROL) => (self.state, head) = (State::FRAME, at),
                    Some(_) => self.state = State::Unframed,
                },
                State::Kind(kind) => {
                    if let Some(kind) = kind.push(byte) {
                        self.state = State::Length(kind, Varint::START);
                    }
                }
                State::Length(kind, length) => {
                    let kind = *kind;
                    let Some(length) = length.push(byte) else { continue };
                    match self.decide(kind, length, &mut reserve)? {
                        Decision::Remove => {
                            pass_on(chunk, from, head, ready);
                            from = at;
                        }
                        Decision::Keep if self.held.is_empty() => {}
                        Decision::Keep => {
                            let held = std::mem::take(&mut self.held);
                            ready.push_back(held.into());
                        }
                    }
                    self.held.clear();
                    head = at;
                    self.state = match (kind, length) {
                        (WEBTRANSPORT, _) => State::Unframed,
                        (_, 0) => State::FRAME,
                        _ => State::Payload(kind, length),
                    };
                }
                State::Unframed | State::Payload(..) => break,
            }
        }
        if matches!(self.state, State::Kind(_) | State::Length(..)) {
            pass_on(chunk, from, head, ready);
            self.held.extend(chunk.iter().skip(head));
        } else {
            pass_on(chunk, from, chunk.len(), ready);
        }
        Ok(())
    }

    fn decide(
        &self,
        kind: u64,
        length: u64,
        reserve: &mut impl FnMut(u64) -> bool,
    ) -> Result<Decision, Problem> {
        let excessive = |reason| Err(Problem::Connection(Code::H3_EXCESSIVE_LOAD, reason));
        match (kind, length) {
            (DATA, 0) if self.is_request => Ok(Decision::Remove),
            (DATA, _) if self.is_request => Ok(Decision::Keep),
            (HEADERS, _) if self.is_request && length > MAX_HEADERS => {
                excessive("a HEADERS frame is too long")
            }
            (HEADERS, _) if self.is_request => {
                if reserve(length) {
                    Ok(Decision::Keep)
                } else {
                    Err(Problem::NoMemory)
                }
            }
            // h3 refuses it, and it has no length.
            (WEBTRANSPORT, _) => Ok(Decision::Keep),
            _ if length > MAX_OTHER => excessive("a frame is too long"),
            _ => Ok(Decision::Keep),
        }
    }

    /// Checks that the stream may end here. h3 finds the end inside of other frames by itself.
    pub(super) fn end(&self) -> Result<(), Problem> {
        match self.state {
            State::Payload(DATA, _) => {
                Err(Problem::Connection(Code::H3_FRAME_ERROR, "the stream ends in a DATA frame"))
            }
            State::Kind(_) | State::Length(..) if !self.held.is_empty() => {
                Err(Problem::Connection(Code::H3_FRAME_ERROR, "the stream ends in a frame's head"))
            }
            _ => Ok(()),
        }
    }
}

/// Adds the bytes of the chunk from `from` to `to` to `ready`.
fn pass_on(chunk: &Bytes, from: usize, to: usize, ready: &mut VecDeque<Bytes>) {
    if from < to && to <= chunk.len() {
        ready.push_back(chunk.slice(from..to));
    }
}

/// An integer of QUIC that arrives byte by byte (RFC 9000 section 16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Varint {
    value: u64,
    /// How many bytes are missing; `None` before the first one.
    missing: Option<u8>,
}

impl Varint {
    const START: Self = Self { value: 0, missing: None };

    /// Returns the value with its last byte.
    fn push(&mut self, byte: u8) -> Option<u64> {
        let (value, missing) = match self.missing {
            None => (u64::from(byte & 0x3f), (1 << (byte >> 6)) - 1),
            Some(missing) => (self.value << 8 | u64::from(byte), missing.saturating_sub(1)),
        };
        *self = Self { value, missing: Some(missing) };
        (missing == 0).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<Vec<u8>, Problem>;

    /// The bytes for h3 of a stream that arrives in pieces of this length, and then ends.
    fn read(mut filter: Filter, stream: &[u8], piece: usize, memory: u64) -> Read {
        let (mut for_h3, mut used) = (Vec::new(), 0);
        for piece in stream.chunks(piece) {
            let mut ready = VecDeque::new();
            let reserve = |length| {
                used += length;
                used <= memory
            };
            filter.read(&Bytes::copy_from_slice(piece), &mut ready, reserve)?;
            assert!(ready.iter().all(|bytes| !bytes.is_empty()));
            for_h3.extend(ready.into_iter().flatten());
        }
        filter.end().map(|()| for_h3)
    }

    #[track_caller]
    fn assert_read(filter: fn() -> Filter, stream: &[u8], expected: &Read) {
        for piece in 1..=stream.len() {
            assert_eq!(&read(filter(), stream, piece, 10), expected, "pieces of {piece}");
        }
    }

    fn excessive(reason: &'static str) -> Read {
        Err(Problem::Connection(Code::H3_EXCESSIVE_LOAD, reason))
    }

    #[test]
    fn empty_data_frames_are_removed_and_all_else_is_passed_on() {
        let stream =
            b"\x01\x02hd\x00\x00\x00\x03abc\x40\x00\x40\x00\x21\x01x\x00\x01d\x00\x80\0\0\0\x01\x01t";
        let expected = b"\x01\x02hd\x00\x03abc\x21\x01x\x00\x01d\x01\x01t".to_vec();
        assert_read(Filter::request, stream, &Ok(expected));
    }

    #[test]
    fn control_streams_keep_empty_data_frames_which_h3_refuses() {
        let stream = b"\x00\x04\x00\x00\x00\x07\x01\x00";
        assert_read(Filter::unidirectional, stream, &Ok(stream.to_vec()));
    }

    #[test]
    fn other_streams_are_passed_on_unread() {
        let stream = b"\x02\x01\xc0\xff\xff\xff\xff\xff\xff\xff\x00\x00";
        assert_read(Filter::unidirectional, stream, &Ok(stream.to_vec()));
        let stream = b"\x40\x41\xc0\xff\x00\x00";
        assert_read(Filter::request, stream, &Ok(stream.to_vec()));
    }

    #[test]
    fn frames_that_h3_would_keep_are_limited() {
        // 131,073 bytes, 16,385 bytes and 2^62 - 1 bytes.
        for stream in [&b"\x01\x80\x02\x00\x01"[..], b"\x01\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_read(Filter::request, stream, &excessive("a HEADERS frame is too long"));
        }
        for stream in [&b"\x21\x80\x00\x40\x01"[..], b"\x04\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_read(Filter::request, stream, &excessive("a frame is too long"));
            let stream = [b"\x00", stream].concat();
            assert_read(Filter::unidirectional, &stream, &excessive("a frame is too long"));
        }
        // The memory for heads is 10 bytes.
        assert_read(Filter::request, b"\x01\x06123456\x01\x056", &Err(Problem::NoMemory));
    }

    #[test]
    fn a_stream_must_not_end_in_a_data_frame_or_in_a_head() {
        let error = |reason| Err(Problem::Connection(Code::H3_FRAME_ERROR, reason));
        for stream in [&b"\x01\x01h\x00\x03ab"[..], b"\x01\x01h\x00\x01"] {
            assert_read(Filter::request, stream, &error("the stream ends in a DATA frame"));
        }
        for stream in [&b"\x01\x01h\x00"[..], b"\x01\x01h\x40", b"\x01\x01h\x00\x80\x00"] {
            assert_read(Filter::request, stream, &error("the stream ends in a frame's head"));
        }
    }
}
