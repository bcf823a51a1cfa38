//! HTTP/2 (RFC 9113) on a connection of the raw peer: only what the cases about secondary
//! certificates need, and with frames that break rules.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use loona_hpack::Decoder;

use super::talk::{Line, QUIET, Talk};
use raw_peer::{Direction, Event, Peer};

/// The bytes in front of a client's frames (section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The limit of bytes to read: thousands of authenticators.
const MOST: usize = 16 * 1024 * 1024;
/// How long to wait for a reaction before PING is sent.
const SOON: Duration = Duration::from_millis(100);
/// SETTINGS_MAX_FRAME_SIZE of both sides, unless the peer announces another value.
pub const MAX_FRAME_SIZE: usize = 16_384;
/// SETTINGS_HEADER_TABLE_SIZE of both sides.
const HEADER_TABLE_SIZE: usize = 4096;
/// The number of SETTINGS_MAX_FRAME_SIZE.
const SETTINGS_MAX_FRAME_SIZE: u16 = 5;

/// Frame types (section 6).
#[allow(missing_docs)]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames (section 6).
#[allow(missing_docs)]
pub mod flag {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 0x20;
}

/// An error code (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

#[allow(missing_docs)]
impl Code {
    pub const NO_ERROR: Self = Self(0);
    pub const PROTOCOL_ERROR: Self = Self(1);
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    pub const ENHANCE_YOUR_CALM: Self = Self(11);
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        match usize::try_from(self.0).ok().and_then(|code| NAMES.get(code)) {
            Some(name) => f.write_str(name),
            None => write!(f, "error {}", self.0),
        }
    }
}

/// A frame (section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame without flags.
    pub fn new(kind: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags: 0, stream, payload: payload.into() }
    }

    /// The same, with these flags.
    pub fn with(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    /// The frame as bytes. Its length is wrong if the payload has 2^24 bytes or more.
    pub fn encode(&self) -> Vec<u8> {
        [&self.head(self.payload.len())[..], &self.payload].concat()
    }

    /// The head of this frame, for a payload of this length.
    pub fn head(&self, length: usize) -> [u8; 9] {
        let [.., a, b, c] = length.to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }

    /// A SETTINGS frame.
    pub fn settings(entries: &[(u16, u32)]) -> Self {
        let entry = |(number, value): &(u16, u32)| {
            [&number.to_be_bytes()[..], &value.to_be_bytes()].concat()
        };
        Self::new(kind::SETTINGS, 0, entries.iter().flat_map(entry).collect::<Vec<_>>())
    }

    /// A whole header block without a body.
    pub fn headers(stream: u32, block: impl Into<Vec<u8>>) -> Self {
        Self::new(kind::HEADERS, stream, block).with(flag::END_HEADERS | flag::END_STREAM)
    }

    /// Whether it has this flag.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The entries of a SETTINGS frame that is not an acknowledgement.
    pub fn entries(&self) -> Option<Vec<(u16, u32)>> {
        if self.kind != kind::SETTINGS || self.has(flag::ACK) {
            return None;
        }
        let entry = |entry: &[u8]| match entry {
            [a, b, c, d, e, f] => {
                Some((u16::from_be_bytes([*a, *b]), u32::from_be_bytes([*c, *d, *e, *f])))
            }
            _ => None,
        };
        Some(self.payload.chunks(6).filter_map(entry).collect())
    }

    /// Whether it ends a header block.
    pub fn ends_headers(&self) -> bool {
        matches!(self.kind, kind::HEADERS | kind::CONTINUATION) && self.has(flag::END_HEADERS)
    }

    /// The part of a HEADERS or CONTINUATION frame that belongs to the header block.
    fn fragment(&self) -> &[u8] {
        let mut fragment = self.payload.as_slice();
        if self.kind != kind::HEADERS {
            return fragment;
        }
        if let (true, Some((padding, rest))) = (self.has(flag::PADDED), fragment.split_first()) {
            fragment = rest.get(..rest.len().saturating_sub(usize::from(*padding))).unwrap_or(rest);
        }
        if self.has(flag::PRIORITY) { fragment.get(5..).unwrap_or_default() } else { fragment }
    }
}

/// The header block of a GET request: literals without indexing and without Huffman code.
pub fn get_block(authority: &str, path: &str) -> Vec<u8> {
    // :method GET and :scheme https, by their index; :authority and :path, by the index of the name.
    let mut block = vec![0x82, 0x87];
    literal(&mut block, 1, authority.as_bytes());
    literal(&mut block, 4, path.as_bytes());
    block
}

/// The header block of a response with this status.
pub fn status_block(status: u16) -> Vec<u8> {
    let mut block = Vec::new();
    literal(&mut block, 8, status.to_string().as_bytes());
    block
}

/// A literal field without indexing, with the name at this index (RFC 7541 section 6.2.2).
fn literal(block: &mut Vec<u8>, name: u8, value: &[u8]) {
    block.push(name);
    // RFC 7541 section 5.1, with a prefix of 7 bits.
    match u8::try_from(value.len()) {
        Ok(length) if length < 127 => block.push(length),
        _ => {
            block.push(127);
            let mut rest = value.len().saturating_sub(127);
            while rest >= 128 {
                block.push(u8::try_from(rest % 128).unwrap_or_default() | 128);
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap_or_default());
        }
    }
    block.extend_from_slice(value);
}

/// A received frame, and its surroundings.
#[derive(Clone, Debug)]
pub struct Received {
    /// The frame.
    pub frame: Frame,
    /// Whether it is between HEADERS and the end of its header block.
    pub inside_headers: bool,
}

/// The reaction of a peer to a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It ended the connection with GOAWAY.
    GoAway(Code),
    /// It closed the connection without GOAWAY.
    Closed,
    /// It answered a later PING, or the request.
    Continued,
    /// It sent nothing before the timeout.
    Silent,
    /// It sent bytes that are not HTTP/2: why.
    Malformed(String),
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GoAway(code) => write!(f, "it sent GOAWAY with {code}"),
            Self::Closed => f.write_str("it closed the connection without GOAWAY"),
            Self::Continued => f.write_str("it continued"),
            Self::Silent => f.write_str("it sent nothing before the timeout"),
            Self::Malformed(why) => write!(f, "it sent malformed HTTP/2: {why}"),
        }
    }
}

/// Header fields: names and values.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// An HTTP/2 connection over TLS whose handshake is complete.
pub struct Session {
    line: Line,
    /// How many events of the raw peer were read.
    events: usize,
    unread: Vec<u8>,
    /// Whether the client's preface is still to come.
    expects_preface: bool,
    block: Option<(u32, Vec<u8>)>,
    decoder: Decoder<'static>,
    frames: Vec<Received>,
    /// How many frames were taken by [`Session::next`].
    taken: usize,
    heads: BTreeMap<u32, Fields>,
    resets: BTreeMap<u32, Code>,
    goaways: Vec<Code>,
    pongs: u64,
    pings: u64,
    next_stream: u32,
    flaw: Option<String>,
    /// The longest payload to read.
    pub max_frame: usize,
    /// Whether a frame was longer.
    pub oversized: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl Session {
    /// Completes the handshake, and sends the preface and these SETTINGS.
    ///
    /// # Errors
    /// The connection, if there is no handshake.
    pub fn new(mut line: Line, settings: &[(u16, u32)]) -> Result<Self, Box<Talk>> {
        line.limit(MOST);
        let is_client = line.is_client();
        while !line.is_over() && line.peer().error().is_none() && !line.peer().is_complete() {
            line.step(None);
        }
        if !line.peer().is_complete() || line.peer().error().is_some() {
            return Err(Box::new(line.end()));
        }
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(HEADER_TABLE_SIZE);
        let mut session = Self {
            line,
            events: 0,
            unread: Vec::new(),
            expects_preface: !is_client,
            block: None,
            decoder,
            frames: Vec::new(),
            taken: 0,
            heads: BTreeMap::new(),
            resets: BTreeMap::new(),
            goaways: Vec::new(),
            pongs: 0,
            pings: 0,
            next_stream: 1,
            flaw: None,
            max_frame: MAX_FRAME_SIZE,
            oversized: false,
        };
        if is_client {
            session.send_bytes(PREFACE);
        }
        session.send(&Frame::settings(settings));
        session.read();
        Ok(session)
    }

    /// The raw peer.
    pub fn peer(&mut self) -> &mut Peer {
        self.line.peer()
    }

    /// Sends a frame with the next output.
    pub fn send(&mut self, frame: &Frame) {
        self.send_bytes(&frame.encode());
    }

    /// Sends bytes with the next output.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        // The handshake is complete, so there is a key.
        let _ = self.line.peer().send_data(bytes);
    }

    /// The number of the next stream of a client.
    pub fn open(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream = stream.saturating_add(2);
        stream
    }

    /// Sends a GET request, and returns its stream.
    pub fn get(&mut self, authority: &str, path: &str) -> u32 {
        let stream = self.open();
        self.send(&Frame::headers(stream, get_block(authority, path)));
        stream
    }

    /// Sends a response with a short body.
    pub fn respond(&mut self, stream: u32, status: u16) {
        let block = status_block(status);
        self.send(&Frame::new(kind::HEADERS, stream, block).with(flag::END_HEADERS));
        self.send(&Frame::new(kind::DATA, stream, *b"ok\n").with(flag::END_STREAM));
    }

    /// Sends GOAWAY.
    pub fn go_away(&mut self, code: Code) {
        let last = self.heads.keys().last().copied().unwrap_or_default();
        let payload = [last.to_be_bytes(), code.0.to_be_bytes()].concat();
        self.send(&Frame::new(kind::GOAWAY, 0, payload));
    }

    /// All frames so far.
    pub fn frames(&self) -> &[Received] {
        &self.frames
    }

    /// The header fields of a stream that were received last.
    pub fn fields(&self, stream: u32) -> Option<&Fields> {
        self.heads.get(&stream)
    }

    /// The value of a header field.
    pub fn field(&self, stream: u32, name: &str) -> Option<&[u8]> {
        let fields = self.fields(stream)?;
        let found = fields.iter().find(|(found, _)| found == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    /// The final status of a response.
    pub fn status(&self, stream: u32) -> Option<u16> {
        let status = std::str::from_utf8(self.field(stream, ":status")?).ok()?.parse().ok()?;
        (status >= 200).then_some(status)
    }

    /// The error code of a stream that the peer reset.
    pub fn reset(&self, stream: u32) -> Option<Code> {
        self.resets.get(&stream).copied()
    }

    /// The SETTINGS frames of the peer, in order.
    pub fn settings(&self) -> impl Iterator<Item = Vec<(u16, u32)>> {
        self.frames.iter().filter_map(|received| received.frame.entries())
    }

    /// The longest payload that the peer accepts.
    pub fn peer_max_frame(&self) -> usize {
        let values = self.settings().flatten();
        let last = values.filter(|(number, _)| *number == SETTINGS_MAX_FRAME_SIZE).last();
        last.and_then(|(_, value)| usize::try_from(value).ok()).unwrap_or(MAX_FRAME_SIZE)
    }

    /// Whether nothing more will arrive.
    pub fn is_over(&mut self) -> bool {
        self.line.is_over()
            || self.line.peer().error().is_some()
            || self.flaw.is_some()
            || self.oversized
            || self.goaways.iter().any(|code| *code != Code::NO_ERROR)
    }

    /// Reads until `found` returns something, for `limit` or the time of the connection.
    pub fn until<T>(
        &mut self,
        limit: Option<Duration>,
        mut found: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            if let Some(result) = found(self) {
                return Some(result);
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if self.is_over() || left == Some(Duration::ZERO) {
                return None;
            }
            self.line.step(left);
            self.read();
        }
    }

    /// The next frame that this function has not returned yet.
    pub fn next(&mut self, limit: Option<Duration>) -> Option<Received> {
        let received = self.until(limit, |session| session.frames.get(session.taken).cloned())?;
        self.taken += 1;
        Some(received)
    }

    /// The next frame of this type; frames before it are passed over.
    pub fn next_of(&mut self, kind: u8, limit: Option<Duration>) -> Option<Received> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let received = self.next(left)?;
            if received.frame.kind == kind {
                return Some(received);
            }
        }
    }

    /// Sends PING, and waits for the answer. Returns false if there is none.
    pub fn ping(&mut self) -> bool {
        self.pings += 1;
        self.send(&Frame::new(kind::PING, 0, self.pings.to_be_bytes()));
        let wanted = self.pings;
        self.until(None, |session| (session.pongs >= wanted).then_some(())).is_some()
    }

    /// The reaction to the frames that were sent. `stream` is a request that has no response yet: a
    /// response shows that the peer continued.
    pub fn reaction(&mut self, stream: Option<u32>) -> Reaction {
        let answered =
            |session: &Self| stream.is_some_and(|stream| session.status(stream).is_some());
        // A peer that ends the connection may close it before it has read what comes later, and its
        // GOAWAY is then lost. So PING is sent only if there is no reaction yet.
        let early = self.until(Some(SOON), |session| answered(session).then_some(()));
        if early.is_some() || self.is_over() {
            return self.ending();
        }
        self.pings += 1;
        self.send(&Frame::new(kind::PING, 0, self.pings.to_be_bytes()));
        let wanted = self.pings;
        let seen = self
            .until(None, |session| (session.pongs >= wanted || answered(session)).then_some(()));
        // A peer may answer PING before it has evaluated an earlier frame.
        if seen.is_some() && !answered(self) {
            self.until(Some(QUIET), |session| answered(session).then_some(()));
        }
        self.ending()
    }

    /// How the connection ended.
    pub fn ending(&mut self) -> Reaction {
        let error = self.goaways.iter().find(|code| **code != Code::NO_ERROR);
        if let Some(code) = error.or(self.goaways.first()) {
            return Reaction::GoAway(*code);
        }
        if let Some(flaw) = &self.flaw {
            return Reaction::Malformed(flaw.clone());
        }
        if self.oversized {
            return Reaction::Malformed("a frame above SETTINGS_MAX_FRAME_SIZE".into());
        }
        if let Some(error) = self.line.peer().error() {
            return Reaction::Malformed(error.to_string());
        }
        if self.line.is_closed() {
            return Reaction::Closed;
        }
        if self.line.is_over() { Reaction::Silent } else { Reaction::Continued }
    }

    /// Closes the connection.
    pub fn close(mut self) -> Talk {
        if !self.line.is_over() {
            self.line.close();
        }
        self.line.end()
    }

    fn read(&mut self) {
        let events = self.line.peer().events();
        for event in events.get(self.events..).unwrap_or_default() {
            if let Event::Data { direction: Direction::Received, data, .. } = event {
                self.unread.extend_from_slice(data);
            }
        }
        self.events = events.len();
        if self.expects_preface {
            let length = PREFACE.len();
            match self.unread.get(..length) {
                Some(PREFACE) => {
                    self.unread.drain(..length);
                    self.expects_preface = false;
                }
                Some(_) => {
                    self.flaw = Some("no preface".into());
                    return;
                }
                None => return,
            }
        }
        let unread = std::mem::take(&mut self.unread);
        let mut rest = unread.as_slice();
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let [a, b, c, kind, flags, stream @ ..] = *head;
            let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
            if length > self.max_frame {
                self.oversized = true;
                return;
            }
            let Some((payload, after)) = after.split_at_checked(length) else { break };
            let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
            rest = after;
            self.on(Frame { kind, flags, stream, payload: payload.to_vec() });
        }
        self.unread = rest.to_vec();
    }

    fn on(&mut self, frame: Frame) {
        let inside_headers = self.block.is_some() && frame.kind != kind::CONTINUATION;
        match frame.kind {
            kind::SETTINGS if !frame.has(flag::ACK) => {
                self.send(&Frame::new(kind::SETTINGS, 0, []).with(flag::ACK));
            }
            kind::PING if frame.has(flag::ACK) => self.pongs += 1,
            kind::PING => self.send(&frame.clone().with(flag::ACK)),
            kind::GOAWAY => {
                let code = frame.payload.get(4..8).and_then(|code| code.try_into().ok());
                self.goaways.push(Code(code.map(u32::from_be_bytes).unwrap_or_default()));
            }
            kind::RST_STREAM => {
                let code = frame.payload.as_slice().try_into().map(u32::from_be_bytes);
                self.resets.insert(frame.stream, Code(code.unwrap_or_default()));
            }
            kind::HEADERS => {
                self.block = Some((frame.stream, frame.fragment().to_vec()));
            }
            kind::CONTINUATION => {
                if let Some((_, block)) = &mut self.block {
                    block.extend_from_slice(frame.fragment());
                }
            }
            _ => {}
        }
        if let (true, Some((stream, block))) = (frame.ends_headers(), &self.block) {
            match self.decoder.decode(block) {
                Ok(fields) => {
                    self.heads.insert(*stream, fields);
                }
                Err(error) => self.flaw = Some(format!("a header block: {error}")),
            }
            self.block = None;
        }
        self.frames.push(Received { frame, inside_headers });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_head_of_rfc_9113_section_4_1() {
        let frame = Frame::new(0xf1, 0x0102_0304, [5; 0x102]).with(6);
        let bytes = frame.encode();
        assert_eq!(bytes[..9], [0, 1, 2, 0xf1, 6, 1, 2, 3, 4]);
        assert_eq!(bytes[9..], [5; 0x102]);
    }

    #[test]
    fn settings_are_read_as_they_are_written_and_acknowledgements_have_none() {
        let entries = [(0xff10, 1), (0xff10, 0), (5, 16_384)];
        let frame = Frame::settings(&entries);
        assert_eq!(frame.entries(), Some(entries.to_vec()));
        assert_eq!(frame.payload[..6], [0xff, 0x10, 0, 0, 0, 1]);
        assert_eq!(frame.with(flag::ACK).entries(), None);
    }

    #[test]
    fn header_blocks_are_read_by_a_decoder_of_hpack() {
        for length in [0, 1, 126, 127, 128, 254, 255, 1000, 20_000] {
            let path = format!("/{}", "a".repeat(length));
            let fields = Decoder::new().decode(&get_block("localhost", &path)).unwrap();
            let expected = [
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", path.as_str()),
            ];
            let expected = expected.map(|(name, value)| (name.into(), value.into()));
            assert_eq!(fields, expected, "{length}");
        }
        let fields = Decoder::new().decode(&status_block(401)).unwrap();
        assert_eq!(fields, [(b":status".to_vec(), b"401".to_vec())]);
    }

    #[test]
    fn padding_and_priority_are_no_part_of_a_header_block() {
        let frame = Frame::new(kind::HEADERS, 1, [2, 0, 0, 0, 0, 9, 0x82, 0, 0]);
        let both = frame.clone().with(flag::PADDED | flag::PRIORITY);
        assert_eq!(both.fragment(), [0x82]);
        assert_eq!(frame.with(0).fragment().len(), 9);
        let short = Frame::new(kind::HEADERS, 1, [200]).with(flag::PADDED | flag::PRIORITY);
        assert!(short.fragment().is_empty());
    }
}
