use super::varint::Varint;

/// The frame type of SETTINGS (RFC 9114 section 7.2.4).
pub(super) const SETTINGS: u64 = 0x4;

/// In place of a frame type, begins a stream of WebTransport, which has no frames from then on. h3
/// reads it on all streams.
const WEBTRANSPORT_STREAM: u64 = 0x41;

/// Finds the frames (RFC 9114 section 7.1) in the bytes of a stream, which arrive in any split.
#[derive(Debug)]
pub(super) struct Frames {
    state: State,
    /// The bytes of the current frame's type and length.
    head: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Kind(Varint),
    Length { kind: u64, length: Varint },
    Payload { left: u64 },
}

/// A part of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The type and length of a frame; `bytes` is their encoding.
    Head { kind: u64, length: u64, bytes: &'a [u8] },
    /// Bytes of the payload. The last part may be empty.
    Payload { bytes: &'a [u8], last: bool },
}

impl Frames {
    pub(super) const fn new() -> Self {
        Self { state: State::START, head: Vec::new() }
    }

    /// Takes the next part from the front of `input`. Returns `None` if there is no whole part in
    /// it; then all of it is taken.
    pub(super) fn next<'a, 'b: 'a>(&'a mut self, input: &mut &'b [u8]) -> Option<Part<'a>> {
        if let State::Payload { left } = self.state {
            return self.payload(left, input);
        }
        loop {
            let (&byte, rest) = input.split_first()?;
            *input = rest;
            self.head.push(byte);
            if let Some((kind, length)) = self.state.push(byte) {
                self.state = State::Payload { left: length };
                return Some(Part::Head { kind, length, bytes: &self.head });
            }
        }
    }

    fn payload<'a>(&mut self, left: u64, input: &mut &'a [u8]) -> Option<Part<'a>> {
        if input.is_empty() && left > 0 {
            return None;
        }
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let (bytes, rest) = input.split_at_checked(taken)?;
        *input = rest;
        let left = left - taken as u64;
        let last = left == 0;
        self.state = State::Payload { left };
        if last {
            self.state = State::START;
            self.head.clear();
        }
        Some(Part::Payload { bytes, last })
    }
}

impl State {
    const START: Self = Self::Kind(Varint::START);

    /// Adds a byte of a head, and returns type and length if it is complete.
    fn push(&mut self, byte: u8) -> Option<(u64, u64)> {
        match self {
            Self::Kind(kind) => {
                let kind = kind.push(byte)?;
                if kind == WEBTRANSPORT_STREAM {
                    return Some((kind, u64::MAX));
                }
                *self = Self::Length { kind, length: Varint::START };
                None
            }
            Self::Length { kind, length } => Some((*kind, length.push(byte)?)),
            Self::Payload { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame: its type, its length, its head, its payload, and whether it has ended.
    type Found = (u64, u64, Vec<u8>, Vec<u8>, bool);

    /// The frames in `stream`, which arrives in pieces of this length, and where each one ends.
    fn read(stream: &[u8], piece: usize) -> Vec<Found> {
        let mut frames = Frames::new();
        let mut found: Vec<Found> = Vec::new();
        for mut input in stream.chunks(piece) {
            while let Some(part) = frames.next(&mut input) {
                match part {
                    Part::Head { kind, length, bytes } => {
                        found.push((kind, length, bytes.to_vec(), Vec::new(), false));
                    }
                    Part::Payload { bytes, last } => {
                        let frame = found.last_mut().unwrap();
                        frame.3.extend(bytes);
                        frame.4 = last;
                    }
                }
            }
            assert!(input.is_empty());
        }
        found
    }

    #[test]
    fn frames_are_found_in_any_split() {
        // Type and length of each form.
        let heads: [&[u8]; 4] = [
            &[0x04, 0x03],
            &[0x40, 0xf0, 0x40, 0x03],
            &[0x80, 0, 0, 0xf1, 0x80, 0, 0, 3],
            &[0xc0, 0, 0, 0, 0, 0, 0, 7, 0xc0, 0, 0, 0, 0, 0, 0, 3],
        ];
        let stream: Vec<u8> = heads
            .iter()
            .flat_map(|head| [head, &b"abc"[..]].concat())
            .chain([0x21, 0x00, 0x02, 0x01, b'x'])
            .collect();
        let kinds = [0x04, 0xf0, 0xf1, 0x07];
        let mut expected: Vec<_> = kinds
            .into_iter()
            .zip(heads)
            .map(|(kind, head)| (kind, 3, head.to_vec(), b"abc".to_vec(), true))
            .collect();
        expected.push((0x21, 0, vec![0x21, 0x00], Vec::new(), true));
        expected.push((0x02, 1, vec![0x02, 0x01], b"x".to_vec(), true));
        for piece in 1..=stream.len() {
            assert_eq!(read(&stream, piece), expected, "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn a_stream_of_webtransport_has_no_further_frames() {
        let found = read(&[0x40, 0x41, 0x04, 0x00, 0x40, 0xf0, 0x00], 2);
        let rest = vec![0x04, 0x00, 0x40, 0xf0, 0x00];
        assert_eq!(found, [(WEBTRANSPORT_STREAM, u64::MAX, vec![0x40, 0x41], rest, false)]);
    }

    #[test]
    fn a_length_may_be_larger_than_memory() {
        let head = [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let found = read(&[&head[..], b"abc"].concat(), 12);
        assert_eq!(found, [(0, (1 << 62) - 1, head.to_vec(), b"abc".to_vec(), false)]);
    }
}
