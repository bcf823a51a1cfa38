//! A reader that cannot run past its end, and a writer that refuses values that do not fit.

use super::Error;

/// Reads the presentation language of RFC 8446 section 3.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// `what` names the structure for the error.
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(Error::Decode(self.what))?;
        self.rest = tail;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(Error::Decode(self.what))?;
        self.rest = tail;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u24(&mut self) -> Result<usize, Error> {
        let [a, b, c] = self.array()?;
        Ok(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn vec8(&mut self) -> Result<&'a [u8], Error> {
        let len = self.u8()?;
        self.take(len.into())
    }

    pub(super) fn vec16(&mut self) -> Result<&'a [u8], Error> {
        let len = self.u16()?;
        self.take(len.into())
    }

    pub(super) fn vec24(&mut self) -> Result<&'a [u8], Error> {
        let len = self.u24()?;
        self.take(len)
    }

    /// A list with a two-byte length, as a reader of its own.
    pub(super) fn list16(&mut self) -> Result<Reader<'a>, Error> {
        Ok(Reader::new(self.vec16()?, self.what))
    }

    /// Everything up to the end.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Refuses trailing bytes.
    pub(super) fn done(self) -> Result<(), Error> {
        match self.rest {
            [] => Ok(()),
            _ => Err(Error::Decode(self.what)),
        }
    }

    /// Reads items until the end: `Reader::each(body, "…", |r| r.u16())`.
    pub(super) fn each<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        while !self.is_empty() {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

/// Builds a message. The first vector that is too long for its length field makes
/// [`Writer::finish`] fail: nothing is truncated in silence.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Writer {
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn vec8(&mut self, body: &[u8]) -> &mut Self {
        self.vec::<1>(body)
    }

    pub(super) fn vec16(&mut self, body: &[u8]) -> &mut Self {
        self.vec::<2>(body)
    }

    pub(super) fn vec24(&mut self, body: &[u8]) -> &mut Self {
        self.vec::<3>(body)
    }

    /// A vector whose content is written by `fill`.
    pub(super) fn list16(&mut self, fill: impl FnOnce(&mut Writer)) -> &mut Self {
        let mut inner = Writer::default();
        fill(&mut inner);
        self.too_long |= inner.too_long;
        self.vec16(&inner.bytes)
    }

    pub(super) fn list24(&mut self, fill: impl FnOnce(&mut Writer)) -> &mut Self {
        let mut inner = Writer::default();
        fill(&mut inner);
        self.too_long |= inner.too_long;
        self.vec24(&inner.bytes)
    }

    pub(super) fn u24(&mut self, value: usize) -> &mut Self {
        let [.., a, b, c] = value.to_be_bytes();
        self.too_long |= value >= 1 << 24;
        self.raw(&[a, b, c])
    }

    pub(super) fn finish(self, what: &'static str) -> Result<Vec<u8>, Error> {
        if self.too_long { Err(Error::TooLong(what)) } else { Ok(self.bytes) }
    }

    fn vec<const N: usize>(&mut self, body: &[u8]) -> &mut Self {
        self.too_long |= body.len() >= 1 << (8 * N);
        let len = body.len().to_be_bytes();
        let bytes = len.last_chunk::<N>().copied().unwrap_or([0; N]);
        self.raw(&bytes).raw(body)
    }
}

/// `u16` values in network order, one after the other.
pub(super) fn u16s(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writer_refuses_what_its_length_byte_cannot_hold() {
        let mut writer = Writer::default();
        writer.vec8(&[0; 256]);
        assert_eq!(writer.finish("list"), Err(Error::TooLong("list")));
    }

    #[test]
    fn reader_refuses_every_prefix_and_a_trailing_byte() {
        let mut writer = Writer::default();
        writer.vec16(b"abc").u24(7);
        let bytes = writer.finish("sample").expect("fits");
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes, "sample");
            let read = (reader.vec16()?.to_vec(), reader.u24()?);
            reader.done().map(|()| read)
        };
        assert_eq!(read(&bytes), Ok((b"abc".to_vec(), 7)));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Err(Error::Decode("sample")));
        }
        assert_eq!(read(&[&bytes[..], &[0]].concat()), Err(Error::Decode("sample")));
    }
}
