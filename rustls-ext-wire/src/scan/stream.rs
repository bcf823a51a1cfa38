//! Records, one after the other, octet by octet: what they say of the one message in them, as soon
//! as they say it.

use super::error::{NotTls, Refusal, ScanError};
use super::hello::SHORTEST;

/// The most octets of a record's fragment (RFC 8446 section 5.1).
pub(super) const LONGEST_FRAGMENT: usize = 1 << 14;

/// The octets of a record's header.
const HEADER: usize = 5;

/// How far a stream has been taken.
///
/// What cannot become a ClientHello any more is refused at the first octet that says so, in
/// whichever pieces the octets come: so that the pieces make no difference to the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// The most octets that the message may have.
    longest: usize,
    /// The octets of the stream so far.
    octets: usize,
    /// How many octets of the current record's header there are.
    header: usize,
    /// How many octets of its fragment are to come; the length as far as it is known until the
    /// header is whole.
    fragment: usize,
    /// The header of the message.
    head: Head,
    /// How many octets of its body there are.
    filled: usize,
}

/// A piece of the message's body, as it lies in one record.
pub(super) struct Piece<'a> {
    pub(super) octets: &'a [u8],
    /// Where in the body it belongs.
    pub(super) at: usize,
    /// Whether the record ends with it.
    pub(super) ends_record: bool,
    /// Whether the message ends with it.
    pub(super) ends_message: bool,
}

impl Stream {
    pub(super) const fn new(longest: usize) -> Self {
        Self { longest, octets: 0, header: 0, fragment: 0, head: Head::NEW, filled: 0 }
    }

    /// How many octets of the stream were taken.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// Takes octets from the front of `rest` up to the end of the next piece; `None` when there is
    /// no piece in them, and then all of them.
    pub(super) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Refusal> {
        while let Some((octet, after)) = rest.split_first() {
            if self.header < HEADER {
                self.header_octet(*octet)?;
            } else if let Some(length) = self.head.length() {
                let (octets, after) = rest.split_at_checked(self.fragment).unwrap_or((rest, &[]));
                *rest = after;
                let at = self.filled;
                self.octets += octets.len();
                self.filled += octets.len();
                let ends_record = self.fragment_octets(octets.len());
                let ends_message = self.filled == length;
                return Ok(Some(Piece { octets, at, ends_record, ends_message }));
            } else {
                self.head.octet(*octet, self.longest)?;
                self.fragment_octets(1);
                if self.head.length().is_some_and(|length| self.fragment > length) {
                    return Err(ScanError::NotAligned.into());
                }
            }
            *rest = after;
            self.octets += 1;
        }
        Ok(None)
    }

    /// Takes the next octet of a record's header.
    fn header_octet(&mut self, octet: u8) -> Result<(), Refusal> {
        let first = self.octets < HEADER;
        match self.header {
            0 if octet == 22 => {}
            0 if first => return Err(instead_of_a_handshake(octet)),
            0 => return Err(ScanError::Interleaved { content_type: octet }.into()),
            1 if octet == 3 => {}
            1 if first && octet == 0xfe => return Err(Refusal::NotTls(NotTls::Dtls)),
            1 if first => return Err(Refusal::NotTls(NotTls::Other)),
            1 => return Err(ScanError::RecordVersion.into()),
            2 => {}
            3 => self.fragment = usize::from(octet) << 8,
            _ => self.fragment |= usize::from(octet),
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

    /// Counts octets of the current record's fragment; whether it ends with them.
    fn fragment_octets(&mut self, count: usize) -> bool {
        self.fragment -= count;
        if self.fragment == 0 {
            self.header = 0;
        }
        self.header == 0
    }

    /// How many octets more a stream has at least that ends in a ClientHello.
    pub(super) fn needed(&self) -> usize {
        let message = self.head.missing() + self.head.least_length() - self.filled;
        // What is left of this record's header, and what its fragment can hold.
        let (header, fragment) = match self.header {
            HEADER => (0, self.fragment),
            4 => (1, (self.fragment | 0xff).min(LONGEST_FRAGMENT)),
            header => (HEADER - header, LONGEST_FRAGMENT),
        };
        match message.checked_sub(fragment) {
            // The message ends no sooner than the fragment, so it is longer than it need be.
            None if header == 0 => fragment,
            None => header + message,
            Some(beyond) => header + message + HEADER * beyond.div_ceil(LONGEST_FRAGMENT),
        }
    }
}

/// The header of a handshake message (RFC 8446 section 4), as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    octets: u32,
    /// The length of the body, as far as it is known.
    length: usize,
}

impl Head {
    pub(super) const NEW: Self = Self { octets: 0, length: 0 };

    /// Takes the next of its four octets.
    pub(super) fn octet(&mut self, octet: u8, longest: usize) -> Result<(), ScanError> {
        self.octets += 1;
        if self.octets == 1 {
            return match octet {
                1 => Ok(()),
                handshake_type => Err(ScanError::UnexpectedMessage { handshake_type }),
            };
        }
        self.length = self.length << 8 | usize::from(octet);
        if self.bounds().0 > longest {
            return Err(ScanError::MessageTooLong { limit: longest });
        }
        if self.bounds().1 < SHORTEST {
            return Err(ScanError::MessageTooShort);
        }
        Ok(())
    }

    /// The least and the greatest that the length can still become.
    const fn bounds(&self) -> (usize, usize) {
        let open = 8 * self.missing();
        (self.length << open, ((self.length + 1) << open) - 1)
    }

    /// How many of its octets are to come.
    pub(super) const fn missing(&self) -> usize {
        4 - self.octets as usize
    }

    /// The length of the body, once it is known.
    pub(super) const fn length(&self) -> Option<usize> {
        if self.octets == 4 { Some(self.length) } else { None }
    }

    /// The least that the length of the body can be.
    pub(super) fn least_length(&self) -> usize {
        match self.octets {
            0 | 1 => SHORTEST,
            _ => self.bounds().0.max(SHORTEST),
        }
    }
}

/// What begins with this octet, which no record of a handshake does.
fn instead_of_a_handshake(octet: u8) -> Refusal {
    match octet {
        20 | 21 | 23 | 24 => ScanError::UnexpectedRecord { content_type: octet }.into(),
        0x80 => Refusal::NotTls(NotTls::Ssl2),
        b'A'..=b'Z' => Refusal::NotTls(NotTls::Text),
        _ => Refusal::NotTls(NotTls::Other),
    }
}
