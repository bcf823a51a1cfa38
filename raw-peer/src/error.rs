//! Errors of a peer, and their alerts.

use std::fmt;

use super::HandshakeType;

/// Why a [`Peer`](super::Peer) stopped. An alert *received* is no error but an
/// [`Event`](super::Event).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A structure is too short, too long, or has trailing bytes; names the structure.
    Decode(&'static str),
    /// A value to be sent does not fit its length field.
    TooLong(&'static str),
    /// A record beyond the limit of RFC 8446 section 5.2, or a handshake message of absurd length.
    RecordOverflow,
    /// A record that does not open with the current key.
    BadRecordMac,
    /// A record type that is not allowed here.
    UnexpectedRecord(u8),
    /// A message that is not allowed here; `wanted` names the allowed ones.
    UnexpectedMessage {
        /// The received message.
        got: HandshakeType,
        /// The allowed messages.
        wanted: &'static str,
    },
    /// Handshake bytes on both sides of a change of keys (RFC 8446 section 5.1).
    KeyChangeInsideRecord,
    /// A needed extension is absent.
    MissingExtension(u16),
    /// A value that the client did not offer, or that contradicts an earlier message.
    Illegal(&'static str),
    /// The peer does not speak TLS 1.3.
    NoCommonVersion,
    /// No common cipher suite or group.
    NoCommonParameters(&'static str),
    /// The peer's Finished does not match: the key schedules or transcripts differ.
    BadFinished,
    /// The PSK binder does not match.
    BadBinder,
    /// The Encrypted ClientHello after a HelloRetryRequest cannot be decrypted (RFC 9849 section 7.1.1).
    BadEchPayload,
    /// The compressed certificate does not decompress to the announced length (RFC 8879 section 4).
    BadCompression,
    /// A cryptographic operation failed, most likely for an unusable key of our own.
    Crypto(&'static str),
    /// A CertificateVerify is not by the key of its certificate.
    BadProof,
    /// The check of [`Peer::checked_by`](super::Peer::checked_by) refused a message with this alert.
    Refused(u8),
    /// The call is not possible in this state.
    Misuse(&'static str),
}

impl Error {
    /// The alert description that RFC 8446 section 6.2 (RFC 8879 section 4) wants for this.
    pub fn alert(&self) -> u8 {
        match self {
            Self::Decode(_) => 50,
            Self::TooLong(_) | Self::Crypto(_) | Self::Misuse(_) => 80,
            Self::RecordOverflow => 22,
            Self::BadRecordMac => 20,
            Self::UnexpectedRecord(_)
            | Self::UnexpectedMessage { .. }
            | Self::KeyChangeInsideRecord => 10,
            Self::MissingExtension(_) => 109,
            Self::Illegal(_) => 47,
            Self::NoCommonVersion => 70,
            Self::NoCommonParameters(_) => 40,
            Self::BadFinished | Self::BadBinder | Self::BadEchPayload | Self::BadProof => 51,
            Self::BadCompression => 42,
            Self::Refused(alert) => *alert,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(what) => write!(f, "malformed {what}"),
            Self::TooLong(what) => write!(f, "{what} does not fit its length field"),
            Self::RecordOverflow => f.write_str("record or message too long"),
            Self::BadRecordMac => f.write_str("record does not decrypt"),
            Self::UnexpectedRecord(typ) => write!(f, "unexpected record of type {typ}"),
            Self::UnexpectedMessage { got, wanted } => write!(f, "got {got}, wanted {wanted}"),
            Self::KeyChangeInsideRecord => f.write_str("handshake bytes across a key change"),
            Self::MissingExtension(typ) => write!(f, "extension {typ} is missing"),
            Self::Illegal(why) => write!(f, "illegal parameter: {why}"),
            Self::NoCommonVersion => f.write_str("the peer does not offer TLS 1.3"),
            Self::NoCommonParameters(what) => write!(f, "no common {what}"),
            Self::BadFinished => f.write_str("the peer's Finished does not verify"),
            Self::BadBinder => f.write_str("the PSK binder does not verify"),
            Self::BadEchPayload => f.write_str("the second Encrypted ClientHello does not open"),
            Self::BadCompression => f.write_str("the compressed certificate is invalid"),
            Self::Crypto(what) => write!(f, "cryptographic operation failed: {what}"),
            Self::BadProof => f.write_str("CertificateVerify is not by the certificate's key"),
            Self::Refused(alert) => write!(f, "refused with alert {alert}"),
            Self::Misuse(what) => write!(f, "not possible now: {what}"),
        }
    }
}

impl std::error::Error for Error {}
