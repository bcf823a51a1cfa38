//! The record layer (RFC 8446 section 5).

use super::Error;
use super::crypto::Cipher;
use super::wire::{Reader, Writer};

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

const HEADER: usize = 5;
const MAX_PLAIN: usize = 1 << 14;
const MAX_SEALED: usize = MAX_PLAIN + 256;
/// The limit of a handshake message, which no honest one reaches; without it, three bytes could claim 16 MiB.
const MAX_MESSAGE: usize = 1 << 20;

/// Options of the record layer.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Most bytes of content per record, at least 1: small values fragment handshake messages
    /// over many records.
    pub max_fragment: usize,
    /// Zero bytes of padding in each encrypted record (RFC 8446 section 5.4).
    pub padding: usize,
    /// Whether to send the change_cipher_spec of RFC 8446 appendix D.4.
    pub change_cipher_spec: bool,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self { max_fragment: MAX_PLAIN, padding: 0, change_cipher_spec: true }
    }
}

/// A received record, decrypted.
pub(super) struct Record {
    pub(super) typ: u8,
    pub(super) payload: Vec<u8>,
    pub(super) encrypted: bool,
}

/// A received record, still encrypted: header and payload.
type Sealed = ([u8; HEADER], Vec<u8>);

pub(super) struct Records {
    pub(super) options: RecordOptions,
    pub(super) output: Vec<u8>,
    /// Drops records of 0-RTT data that was not accepted (RFC 8446 section 4.2.10).
    pub(super) skip_early_data: bool,
    input: Vec<u8>,
    joined: Vec<u8>,
    read: Option<Cipher>,
    write: Option<Cipher>,
    wrote: bool,
}

impl Records {
    pub(super) fn new(options: RecordOptions) -> Self {
        Self {
            options,
            output: Vec::new(),
            skip_early_data: false,
            input: Vec::new(),
            joined: Vec::new(),
            read: None,
            write: None,
            wrote: false,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    pub(super) fn encrypts(&self) -> bool {
        self.write.is_some()
    }

    pub(super) fn set_read(&mut self, cipher: Cipher) -> Result<(), Error> {
        if !self.joined.is_empty() {
            return Err(Error::KeyChangeInsideRecord);
        }
        self.read = Some(cipher);
        Ok(())
    }

    pub(super) fn set_write(&mut self, cipher: Option<Cipher>) {
        self.write = cipher;
    }

    /// The next generation of the read key, after a KeyUpdate.
    pub(super) fn update_read(&mut self) -> Result<(), Error> {
        match self.read.as_ref().map(Cipher::next_generation).transpose()? {
            Some(next) => self.set_read(next),
            None => Err(Error::Misuse("no read key to update")),
        }
    }

    /// The next generation of the write key, after our KeyUpdate.
    pub(super) fn update_write(&mut self) -> Result<(), Error> {
        self.write = self.write.as_ref().map(Cipher::next_generation).transpose()?;
        Ok(())
    }

    /// The next whole record, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Error> {
        while let Some((header, payload)) = self.split()? {
            let [typ, ..] = header;
            match (typ, &mut self.read) {
                (CHANGE_CIPHER_SPEC, _) => {}
                // A peer that fails before it has keys sends its alert in the clear.
                (ALERT, cipher) if cipher.is_none() || payload.len() == 2 => {}
                (HANDSHAKE, None) => self.skip_early_data = false,
                (APPLICATION_DATA, Some(cipher)) => match cipher.open(&header, payload) {
                    Ok(inner) => {
                        self.skip_early_data = false;
                        return unpad(inner).map(Some);
                    }
                    Err(_) if self.skip_early_data => continue,
                    Err(error) => return Err(error),
                },
                (APPLICATION_DATA, None) if self.skip_early_data => continue,
                _ => return Err(Error::UnexpectedRecord(typ)),
            }
            return Ok(Some(Record { typ, payload, encrypted: false }));
        }
        Ok(None)
    }

    /// Adds the content of a handshake record to the message that is being joined.
    pub(super) fn join(&mut self, payload: &[u8]) {
        self.joined.extend_from_slice(payload);
    }

    /// Whether the beginning of a handshake message waits for its end.
    pub(super) fn is_joining(&self) -> bool {
        !self.joined.is_empty()
    }

    /// The next whole handshake message, with its header.
    pub(super) fn next_message(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut reader = Reader::new(&self.joined, "handshake header");
        let Ok(len) = reader.u8().and_then(|_typ| reader.u24()) else {
            return Ok(None);
        };
        if len > MAX_MESSAGE {
            return Err(Error::RecordOverflow);
        }
        if self.joined.len() >= len + 4 {
            Ok(Some(self.joined.drain(..len + 4).collect()))
        } else {
            Ok(None)
        }
    }

    /// Sends content, in records of at most [`RecordOptions::max_fragment`] bytes.
    pub(super) fn send(&mut self, typ: u8, content: &[u8]) -> Result<(), Error> {
        if content.is_empty() {
            return self.send_one(typ, &[]);
        }
        let max = self.options.max_fragment.max(1);
        content.chunks(max).try_for_each(|chunk| self.send_one(typ, chunk))
    }

    /// Sends change_cipher_spec, which is never encrypted.
    pub(super) fn send_change_cipher_spec(&mut self) {
        self.output.extend_from_slice(&[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1]);
    }

    fn send_one(&mut self, typ: u8, content: &[u8]) -> Result<(), Error> {
        let mut record = Writer::default();
        match &mut self.write {
            None => {
                // RFC 8446 section 5.1: the first ClientHello may say 0x0301, for old servers.
                let client_hello = typ == HANDSHAKE && content.first() == Some(&1);
                let version = if client_hello && !self.wrote { 0x0301 } else { 0x0303 };
                record.u8(typ).u16(version).vec16(content);
            }
            Some(cipher) => {
                const TAG: usize = 16;
                let mut inner = content.to_vec();
                inner.push(typ);
                inner.resize(inner.len() + self.options.padding, 0);
                let mut header = Writer::default();
                let len = u16::try_from(inner.len() + TAG).map_err(|_| Error::RecordOverflow)?;
                header.u8(APPLICATION_DATA).u16(0x0303).u16(len);
                let header = header.finish("record header")?;
                cipher.seal(&header, &mut inner)?;
                record.raw(&header).raw(&inner);
            }
        }
        self.wrote = true;
        self.output.extend(record.finish("record")?);
        Ok(())
    }

    fn split(&mut self) -> Result<Option<Sealed>, Error> {
        let Some(&header) = self.input.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [typ, _, _, high, low] = header;
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len > if typ == APPLICATION_DATA { MAX_SEALED } else { MAX_PLAIN } {
            return Err(Error::RecordOverflow);
        }
        if self.input.len() < HEADER + len {
            return Ok(None);
        }
        let payload = self.input.drain(..HEADER + len).skip(HEADER).collect();
        Ok(Some((header, payload)))
    }
}

/// The true content type is the last byte that is not zero (RFC 8446 section 5.2).
fn unpad(mut inner: Vec<u8>) -> Result<Record, Error> {
    while let Some(last) = inner.pop() {
        if last != 0 {
            return Ok(Record { typ: last, payload: inner, encrypted: true });
        }
    }
    Err(Error::UnexpectedRecord(0))
}
