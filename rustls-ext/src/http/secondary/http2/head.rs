//! The head of a frame (RFC 9113 section 4.1), and the numbers of RFC 9113 that the filter needs.

/// The octets of a head.
pub(super) const LENGTH: usize = 9;

/// The octets that a client sends before its first frame (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADERS: u8 = 0x1;
pub(super) const SETTINGS: u8 = 0x4;
const PUSH_PROMISE: u8 = 0x5;
pub(super) const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;

/// A flag of SETTINGS.
const ACK: u8 = 0x1;
/// A flag of HEADERS, PUSH_PROMISE and CONTINUATION.
const END_HEADERS: u8 = 0x4;

pub(super) const SETTINGS_MAX_FRAME_SIZE: u16 = 0x5;
/// The values that SETTINGS_MAX_FRAME_SIZE may have (RFC 9113 section 6.5.2).
pub(super) const MAX_FRAME_SIZES: std::ops::RangeInclusive<u32> = 16_384..=16_777_215;

pub(super) const NO_ERROR: u32 = 0x0;
pub(super) const PROTOCOL_ERROR: u32 = 0x1;
pub(super) const FRAME_SIZE_ERROR: u32 = 0x6;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The octets of the payload.
    pub(super) length: u32,
    /// The type.
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// The number of the stream, without the reserved bit.
    pub(super) stream: u32,
}

impl Head {
    pub(super) fn parse(octets: &[u8; LENGTH]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = *octets;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        }
    }

    /// Writes the head of a frame on stream 0 without flags.
    pub(super) fn write(kind: u8, length: u32) -> [u8; LENGTH] {
        let [_, a, b, c] = length.to_be_bytes();
        [a, b, c, kind, 0, 0, 0, 0, 0]
    }

    /// Returns true if it is SETTINGS that have settings, and is not an acknowledgement.
    pub(super) fn is_settings(&self) -> bool {
        self.kind == SETTINGS && self.flags & ACK == 0 && self.stream == 0
    }

    /// Returns whether a header block is open after this frame; `None` if the frame is not part of
    /// one.
    pub(super) fn block(&self) -> Option<bool> {
        matches!(self.kind, HEADERS | PUSH_PROMISE | CONTINUATION)
            .then_some(self.flags & END_HEADERS == 0)
    }
}

/// A head that arrives in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartialHead {
    octets: [u8; LENGTH],
    have: u8,
}

impl PartialHead {
    /// Returns true if there is nothing of the head yet.
    pub(super) fn is_empty(&self) -> bool {
        self.have == 0
    }

    /// Returns how many of the octets belong to the head, and the head if it is complete; after
    /// that, the next head begins.
    pub(super) fn add(&mut self, octets: &[u8]) -> (usize, Option<Head>) {
        if let (0, Some(whole)) = (self.have, octets.first_chunk()) {
            return (LENGTH, Some(Head::parse(whole)));
        }
        let mut added = 0;
        for (to, from) in self.octets.iter_mut().skip(self.have.into()).zip(octets) {
            *to = *from;
            added += 1;
        }
        self.have += added as u8;
        if usize::from(self.have) < LENGTH {
            return (added, None);
        }
        self.have = 0;
        (added, Some(Head::parse(&self.octets)))
    }
}
