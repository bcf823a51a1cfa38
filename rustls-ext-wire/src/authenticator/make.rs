//! Writes requests and authenticators.

use super::allowed::SIGNATURE_ALGORITHMS;
use super::error::{Field, MakeError, WriteError};
use super::request::{Request, handshake_type};
use super::{
    CERTIFICATE, CERTIFICATE_VERIFY, Connection, Endpoint, FINISHED, MIN_CONTEXT, SignedMessage,
    empty_mac, mac,
};

impl<'a> Request<'a> {
    /// Writes a request of the side `by` at the front of `buffer`.
    ///
    /// `context` is random, of at least [`MIN_CONTEXT`] bytes (EA-3): record it by
    /// [`Contexts::sent`](super::Contexts::sent). `schemes` is the content of
    /// `signature_algorithms`, and `extensions` are all other extensions, as numbers and bodies.
    ///
    /// # Errors
    /// [`WriteError`] if `buffer` is too short, or the content is not allowed in a request.
    pub fn write(
        by: Endpoint,
        context: &[u8],
        schemes: &[u16],
        extensions: &[(u16, &[u8])],
        buffer: &'a mut [u8],
    ) -> Result<Self, WriteError> {
        check_context(context)?;
        let list = schemes.len().saturating_mul(2);
        let others = sum(extensions.iter().map(|(_, body)| body.len()), 4);
        let all = others.saturating_add(list).saturating_add(4 + 2);
        let mut writer = Writer::new(buffer);
        writer.push(&[handshake_type(by)]);
        writer.length::<3>(all.saturating_add(1 + context.len() + 2), Field::Request)?;
        writer.vector::<1>(context, Field::Context)?;
        writer.length::<2>(all, Field::Extensions)?;
        writer.push(&SIGNATURE_ALGORITHMS.to_be_bytes());
        writer.length::<2>(list.saturating_add(2), Field::Extensions)?;
        writer.length::<2>(list, Field::Extensions)?;
        for scheme in schemes {
            writer.push(&scheme.to_be_bytes());
        }
        for (number, body) in extensions {
            writer.push(&number.to_be_bytes());
            writer.vector::<2>(body, Field::Extensions)?;
        }
        // Parsed again, so that no request is sent that a peer would refuse.
        Self::parse(by, writer.end()?).map_err(WriteError::Request)
    }

    /// Writes an authenticator for this request at the front of `buffer`: Certificate,
    /// CertificateVerify and Finished.
    ///
    /// `chain` has the DER of the certificates, the sender's first; `scheme` is one of
    /// [`schemes`](Self::schemes) that the key of the first can make. `sign` signs the message with
    /// that key. Before that, use up the request in [`Contexts`](super::Contexts): see
    /// [`answer`](super::Contexts::answer) and, without a request,
    /// [`spontaneous`](super::Contexts::spontaneous).
    ///
    /// # Errors
    /// [`MakeError::Sign`] with the error of `sign`, or [`MakeError::Write`] if `buffer` is too
    /// short, `chain` is empty, or `scheme` is not allowed.
    pub fn authenticate<'b, C: Connection, S: AsRef<[u8]>, E>(
        &self,
        connection: &C,
        chain: &[&[u8]],
        scheme: u16,
        sign: impl FnOnce(&[u8]) -> Result<S, E>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], MakeError<E>> {
        if self.is_spontaneous() {
            check_context(self.context())?;
        }
        if chain.is_empty() || chain.iter().any(|certificate| certificate.is_empty()) {
            return Err(WriteError::NoCertificate.into());
        }
        if !self.schemes().any(|usable| usable == scheme) {
            return Err(WriteError::Scheme { scheme }.into());
        }
        let sender = self.by().peer();
        let entries = sum(chain.iter().map(|certificate| certificate.len()), 3 + 2);
        let mut writer = Writer::new(buffer);
        writer.push(&[CERTIFICATE]);
        let all = entries.saturating_add(1 + self.context().len() + 3);
        writer.length::<3>(all, Field::Certificate)?;
        writer.vector::<1>(self.context(), Field::Context)?;
        writer.length::<3>(entries, Field::CertificateList)?;
        for certificate in chain {
            writer.vector::<3>(certificate, Field::CertificateList)?;
            writer.push(&[0, 0]); // no extensions
        }
        let message = SignedMessage::new(connection, sender, self.bytes(), writer.written()?)
            .ok_or(WriteError::ExporterLength)?;
        let signature = sign(message.bytes()).map_err(MakeError::Sign)?;
        let signature = signature.as_ref();
        writer.push(&[CERTIFICATE_VERIFY]);
        writer.length::<3>(signature.len().saturating_add(2 + 2), Field::CertificateVerify)?;
        writer.push(&scheme.to_be_bytes());
        writer.vector::<2>(signature, Field::CertificateVerify)?;
        let mac = mac(connection, sender, self.bytes(), writer.written()?);
        finish(writer, mac).map_err(MakeError::Write)
    }

    /// Writes an empty authenticator at the front of `buffer`: the sender has no certificate for
    /// this request, or does not want to show it (EA-10).
    ///
    /// Before that, use up the request: [`Contexts::answer`](super::Contexts::answer).
    ///
    /// # Errors
    /// [`WriteError`] if `buffer` is too short, or there is no request (EA-5).
    pub fn decline<'b, C: Connection>(
        &self,
        connection: &C,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], WriteError> {
        if self.is_spontaneous() {
            return Err(WriteError::NoRequest);
        }
        let mac = empty_mac(connection, self.by().peer(), self.bytes(), self.context());
        finish(Writer::new(buffer), mac)
    }
}

/// The sum of these lengths, with `more` for each. If `usize` cannot hold it, the largest number, which
/// is too long for each field, too: the same bytes may be given many times, so memory is no limit.
fn sum(lengths: impl Iterator<Item = usize>, more: usize) -> usize {
    lengths.fold(0, |sum, length| sum.saturating_add(length).saturating_add(more))
}

/// Checks the length of a context that this side has chosen (EA-3).
const fn check_context(context: &[u8]) -> Result<(), WriteError> {
    if context.len() < MIN_CONTEXT { Err(WriteError::ContextTooShort) } else { Ok(()) }
}

/// Appends Finished.
fn finish<T: AsRef<[u8]>>(mut writer: Writer<'_>, mac: Option<T>) -> Result<&[u8], WriteError> {
    let mac = mac.ok_or(WriteError::ExporterLength)?;
    writer.push(&[FINISHED]);
    writer.vector::<3>(mac.as_ref(), Field::Finished)?;
    writer.end()
}

/// Writes at the front of a buffer. Bytes for which there is no room are only counted.
struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> Writer<'b> {
    const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    /// Writes a length in `BYTES` bytes.
    fn length<const BYTES: usize>(
        &mut self,
        length: usize,
        field: Field,
    ) -> Result<(), WriteError> {
        let bytes = u32::try_from(length).map_err(|_| WriteError::TooLong { field })?.to_be_bytes();
        match bytes.split_last_chunk::<BYTES>() {
            Some((above, bytes)) if above.iter().all(|byte| *byte == 0) => {
                self.push(bytes);
                Ok(())
            }
            _ => Err(WriteError::TooLong { field }),
        }
    }

    fn vector<const BYTES: usize>(&mut self, bytes: &[u8], field: Field) -> Result<(), WriteError> {
        self.length::<BYTES>(bytes.len(), field)?;
        self.push(bytes);
        Ok(())
    }

    fn written(&self) -> Result<&[u8], WriteError> {
        self.buffer.get(..self.length).ok_or(WriteError::NoRoom { needed: self.length })
    }

    fn end(self) -> Result<&'b [u8], WriteError> {
        let needed = self.length;
        self.buffer.get(..needed).ok_or(WriteError::NoRoom { needed })
    }
}
