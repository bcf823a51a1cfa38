//! Reads handshake messages and their vectors.

use crate::scan::Flaw;

/// The rest of some bytes.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Flaw::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of `BYTES` bytes, at most 3.
    fn number<const BYTES: usize>(&mut self) -> Result<usize, Flaw> {
        let bytes = self.take(BYTES)?;
        let number = bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte));
        // No message in memory has a part that is longer than `usize` can count.
        usize::try_from(number).map_err(|_| Flaw::Truncated)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Flaw> {
        let (number, rest) = self.0.split_first_chunk().ok_or(Flaw::Truncated)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*number))
    }

    /// The content of a vector whose length has `BYTES` bytes.
    pub(super) fn vector<const BYTES: usize>(&mut self) -> Result<&'a [u8], Flaw> {
        let length = self.number::<BYTES>()?;
        self.take(length)
    }

    pub(super) const fn end(&self) -> Result<(), Flaw> {
        if self.0.is_empty() { Ok(()) } else { Err(Flaw::TrailingBytes) }
    }

    /// The next handshake message: its type, its body, and the message with its header.
    pub(super) fn message(&mut self) -> Result<(u8, &'a [u8], &'a [u8]), Flaw> {
        let all = self.0;
        let kind = self.take(1)?;
        let body = self.vector::<3>()?;
        let whole = all.get(..all.len() - self.0.len()).ok_or(Flaw::Truncated)?;
        Ok((kind.first().copied().ok_or(Flaw::Truncated)?, body, whole))
    }
}
