//! The log of a connection: its messages in order, decrypted.

use std::fmt;

use super::{Error, Extension, Handshake, HandshakeType, codec, compress, message};

/// The direction, from the raw peer's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Direction {
    Sent,
    Received,
}

/// An event of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A handshake message.
    Handshake(Message),
    /// The inner ClientHello of the one before, as it is in the transcript.
    InnerHello(Message),
    /// An alert.
    Alert(Direction, Alert),
    /// A change_cipher_spec record (RFC 8446 appendix D.4).
    ChangeCipherSpec(Direction),
    /// Application data of one record.
    Data {
        /// The direction.
        direction: Direction,
        /// Whether it is 0-RTT data.
        early: bool,
        /// The bytes.
        data: Vec<u8>,
    },
    /// The handshake is complete on this side.
    Complete,
}

/// An alert, exactly as sent (RFC 8446 section 6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// 1 is warning, 2 is fatal.
    pub level: u8,
    /// AlertDescription.
    pub description: u8,
    /// Whether it was in an encrypted record.
    pub encrypted: bool,
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.encrypted { "encrypted" } else { "plain" };
        write!(f, "Alert({}, {}, {form})", self.level, self.description)
    }
}

/// A handshake message, exactly as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Seen from the raw peer.
    pub direction: Direction,
    /// Its first byte; [`HandshakeType::HELLO_RETRY_REQUEST`] for a HelloRetryRequest.
    pub typ: HandshakeType,
    /// Whether it was in an encrypted record.
    pub encrypted: bool,
    /// All its bytes: type, three length bytes, body.
    pub bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new(direction: Direction, encrypted: bool, bytes: Vec<u8>) -> Self {
        let typ = HandshakeType(bytes.first().copied().unwrap_or_default());
        // The random follows the header (4) and legacy_version (2).
        let retry = typ == HandshakeType::SERVER_HELLO
            && bytes.get(6..38) == Some(&message::HELLO_RETRY_RANDOM);
        let typ = if retry { HandshakeType::HELLO_RETRY_REQUEST } else { typ };
        Self { direction, typ, encrypted, bytes }
    }

    /// The message without its header.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(4..).unwrap_or_default()
    }

    /// The message as a struct; a compressed certificate comes as a
    /// [`Handshake::Certificate`].
    ///
    /// # Errors
    /// [`Error::Decode`] and [`Error::BadCompression`].
    pub fn parse(&self) -> Result<Handshake, Error> {
        match codec::decode(&self.bytes)? {
            Handshake::CompressedCertificate(compressed) => {
                codec::read_certificate(&compress::decompress(&compressed)?)
                    .map(Handshake::Certificate)
            }
            other => Ok(other),
        }
    }

    /// The extensions, in order; those of a Certificate's entries one after the other.
    ///
    /// # Errors
    /// As [`Message::parse`].
    pub fn extensions(&self) -> Result<Vec<Extension>, Error> {
        Ok(self.parse()?.blocks().concat())
    }

    /// The body of the first extension of this type; `None` also when the message is malformed.
    pub fn find_extension(&self, typ: u16) -> Option<Vec<u8>> {
        self.extensions().ok()?.into_iter().find(|e| e.typ == typ).map(|e| e.body)
    }
}
