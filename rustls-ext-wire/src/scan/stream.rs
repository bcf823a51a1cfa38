//! Parses records byte by byte, and reports faults and lengths of the message in them as early as
//! possible.

use super::error::{NotTls, Refusal, ScanError};
use super::hello::SHORTEST;

/// The maximum length of a record's fragment in bytes (RFC 8446 section 5.1).
pub(super) const LONGEST_FRAGMENT: usize = 1 << 14;

/// The length of a record's header in bytes.
const HEADER: usize = 5;

/// The state of a stream between bytes.
///
/// Data that can no longer become a ClientHello is refused at the first byte that shows it, so the
/// result does not depend on how the bytes are divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// The maximum length of the message in bytes.
    longest: usize,
    /// The number of bytes of the stream so far.
    bytes: usize,
    /// How many bytes of the current record's header there are.
    header: usize,
    /// How many bytes of its fragment are still missing; until the header is complete, the length
    /// as far as it is known.
    fragment: usize,
    /// The header of the message.
    head: Head,
    /// How many bytes of its body there are.
    filled: usize,
}

/// A piece of the message's body, within one record.
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// Its offset in the body.
    pub(super) at: usize,
    /// True if the record ends with it.
    pub(super) ends_record: bool,
    /// True if the message ends with it.
    pub(super) ends_message: bool,
}

impl Stream {
    pub(super) const fn new(longest: usize) -> Self {
        Self { longest, bytes: 0, header: 0, fragment: 0, head: Head::NEW, filled: 0 }
    }

    /// Returns how many bytes of the stream were taken.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes bytes from the front of `rest` up to the end of the next piece. If they contain no
    /// piece, takes all of them and returns `None`.
    pub(super) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Refusal> {
        while let Some((byte, after)) = rest.split_first() {
            if self.header < HEADER {
                self.header_byte(*byte)?;
            } else if let Some(length) = self.head.length() {
                let (bytes, after) = rest.split_at_checked(self.fragment).unwrap_or((rest, &[]));
                *rest = after;
                let at = self.filled;
                self.bytes += bytes.len();
                self.filled += bytes.len();
                let ends_record = self.fragment_bytes(bytes.len());
                let ends_message = self.filled == length;
                return Ok(Some(Piece { bytes, at, ends_record, ends_message }));
            } else {
                self.head.byte(*byte, self.longest)?;
                self.fragment_bytes(1);
                if self.head.length().is_some_and(|length| self.fragment > length) {
                    return Err(ScanError::NotAligned.into());
                }
            }
            *rest = after;
            self.bytes += 1;
        }
        Ok(None)
    }

    /// Takes the next byte of a record's header.
    fn header_byte(&mut self, byte: u8) -> Result<(), Refusal> {
        let first = self.bytes < HEADER;
        match self.header {
            0 if byte == 22 => {}
            0 if first => return Err(instead_of_a_handshake(byte)),
            0 => return Err(ScanError::Interleaved { content_type: byte }.into()),
            1 if byte == 3 => {}
            1 if first && byte == 0xfe => return Err(Refusal::NotTls(NotTls::Dtls)),
            1 if first => return Err(Refusal::NotTls(NotTls::Other)),
            1 => return Err(ScanError::RecordVersion.into()),
            2 => {}
            3 => self.fragment = usize::from(byte) << 8,
            _ => self.fragment |= usize::from(byte),
        }
        self.header += 1;
        if self.header <= 3 {
            return Ok(());
        }
        if self.fragment > LONGEST_FRAGMENT {
            return Err(ScanError::RecordTooLong.into());
        }
        if self.head.length().is_some_and(|length| self.fragment > length - self.filled) {
            return Err(ScanError::NotAligned.into());
        }
        if self.header == HEADER && self.fragment == 0 {
            return Err(ScanError::EmptyRecord.into());
        }
        Ok(())
    }

    /// Counts bytes of the current record's fragment; returns true if it ends with them.
    fn fragment_bytes(&mut self, count: usize) -> bool {
        self.fragment -= count;
        if self.fragment == 0 {
            self.header = 0;
        }
        self.header == 0
    }

    /// The minimum number of further bytes in a stream that ends in a ClientHello.
    pub(super) fn needed(&self) -> usize {
        let message = self.head.missing() + self.head.least_length() - self.filled;
        // The missing bytes of this record's header, and the capacity of its fragment.
        let (header, fragment) = match self.header {
            HEADER => (0, self.fragment),
            4 => (1, (self.fragment | 0xff).min(LONGEST_FRAGMENT)),
            header => (HEADER - header, LONGEST_FRAGMENT),
        };
        match message.checked_sub(fragment) {
            // The message does not end before the fragment, so the fragment is needed completely.
            None if header == 0 => fragment,
            None => header + message,
            Some(beyond) => header + message + HEADER * beyond.div_ceil(LONGEST_FRAGMENT),
        }
    }
}

/// The header of a handshake message (RFC 8446 section 4), as far as it has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    bytes: u8,
    /// The length of the body, as far as it is known: a number of 24 bits on the wire.
    length: u32,
}

impl Head {
    pub(super) const NEW: Self = Self { bytes: 0, length: 0 };

    /// Takes the next of its four bytes.
    pub(super) fn byte(&mut self, byte: u8, longest: usize) -> Result<(), ScanError> {
        self.bytes += 1;
        if self.bytes == 1 {
            return match byte {
                1 => Ok(()),
                handshake_type => Err(ScanError::UnexpectedMessage { handshake_type }),
            };
        }
        self.length = self.length << 8 | u32::from(byte);
        let (least, most) = self.bounds();
        if usize::try_from(least).is_ok_and(|least| least <= longest) {
            let short = usize::try_from(most).is_ok_and(|most| most < SHORTEST);
            if short { Err(ScanError::MessageTooShort) } else { Ok(()) }
        } else {
            Err(ScanError::MessageTooLong { limit: longest })
        }
    }

    /// The minimum and the maximum that the length can still have.
    const fn bounds(&self) -> (u32, u32) {
        let open = 8 * (4 - self.bytes);
        (self.length << open, ((self.length + 1) << open) - 1)
    }

    /// How many of its bytes are missing.
    pub(super) fn missing(&self) -> usize {
        usize::from(4 - self.bytes)
    }

    /// The length of the body, once it is known.
    pub(super) fn length(&self) -> Option<usize> {
        // It fits: `byte` has refused a length above the limit.
        if self.bytes == 4 { usize::try_from(self.length).ok() } else { None }
    }

    /// The minimum length of the body.
    pub(super) fn least_length(&self) -> usize {
        match self.bytes {
            0 | 1 => SHORTEST,
            _ => usize::try_from(self.bounds().0).map_or(SHORTEST, |least| least.max(SHORTEST)),
        }
    }
}

/// The protocol that begins with this byte, which no handshake record begins with.
fn instead_of_a_handshake(byte: u8) -> Refusal {
    match byte {
        20 | 21 | 23 | 24 => ScanError::UnexpectedRecord { content_type: byte }.into(),
        0x80 => Refusal::NotTls(NotTls::Ssl2),
        b'A'..=b'Z' => Refusal::NotTls(NotTls::Text),
        _ => Refusal::NotTls(NotTls::Other),
    }
}
