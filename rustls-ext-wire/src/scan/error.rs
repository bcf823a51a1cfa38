//! Why bytes are not a ClientHello.

use core::fmt;

use crate::alert::Alert;
use crate::code_points::name_of;

/// A fault in the bytes of a peer that uses TLS, or seems to.
///
/// It is the first fault in the order of the bytes; but the body of a message is checked only once
/// it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScanError {
    /// A record that does not belong to a handshake comes first. RFC 8446 section 5.
    UnexpectedRecord {
        /// Its content type.
        content_type: u8,
    },
    /// A record of another type between two records of the same ClientHello. RFC 8446 section 5.1.
    Interleaved {
        /// Its content type.
        content_type: u8,
    },
    /// A record after the first has a version that does not begin with 3. RFC 8446 section 5.1.
    RecordVersion,
    /// A record of length zero. RFC 8446 section 5.1.
    EmptyRecord,
    /// A record of more than 2^14 bytes. RFC 8446 section 5.1.
    RecordTooLong,
    /// The record continues after the end of the ClientHello; data after a ClientHello may be under
    /// other keys. RFC 8446 section 5.1.
    NotAligned,
    /// The message is not a ClientHello. RFC 8446 section 4.
    UnexpectedMessage {
        /// Its handshake type.
        handshake_type: u8,
    },
    /// The message is longer than the caller's limit, or than the buffer in which it is assembled.
    MessageTooLong {
        /// The maximum length in bytes, without the message's header.
        limit: usize,
    },
    /// The message is too short for a ClientHello. RFC 8446 section 4.1.2.
    MessageTooShort,
    /// A part of the message does not have the required format.
    Malformed {
        /// The part.
        part: Part,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// An extension type occurs twice, known or not. RFC 8446 section 4.2.
    DuplicateExtension {
        /// The extension type.
        extension: u16,
    },
    /// An extension after `pre_shared_key`, which must be the last one. RFC 8446 section 4.2.11.
    AfterPreSharedKey {
        /// The type of the extension that follows.
        extension: u16,
    },
    /// The numbers of binders and of identities in `pre_shared_key` differ. RFC 8446 section
    /// 4.2.11.
    BinderCount,
}

/// A part of a ClientHello (RFC 8446 section 4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// `legacy_session_id`.
    SessionId,
    /// `cipher_suites`.
    CipherSuites,
    /// `legacy_compression_methods`.
    CompressionMethods,
    /// `extensions`, the list as a whole.
    Extensions,
    /// The body of the extension with this type.
    Extension(u16),
}

/// A fault in a part of a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// The part ends too early.
    Truncated,
    /// Bytes follow the end of the part.
    TrailingBytes,
    /// A list that must not be empty is empty.
    EmptyList,
    /// An item that must not be empty is empty.
    EmptyItem,
    /// The part, or an item in it, is longer than the protocol allows.
    TooLong,
    /// An item is shorter than the protocol allows.
    TooShort,
    /// A list of 16-bit numbers has an odd length.
    OddLength,
    /// A discriminator has a value that the protocol does not define.
    UnknownKind,
}

impl ScanError {
    /// Returns the broken rule: a document and its section, such as `"RFC 8446 5.1"`.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::UnexpectedRecord { .. } => "RFC 8446 5",
            Self::Interleaved { .. }
            | Self::RecordVersion
            | Self::EmptyRecord
            | Self::RecordTooLong
            | Self::NotAligned => "RFC 8446 5.1",
            Self::UnexpectedMessage { .. } => "RFC 8446 4",
            Self::MessageTooLong { .. } | Self::MessageTooShort => "RFC 8446 4.1.2",
            Self::Malformed { part, .. } => part.rule(),
            Self::DuplicateExtension { .. } => "RFC 8446 4.2",
            Self::AfterPreSharedKey { .. } | Self::BinderCount => "RFC 8446 4.2.11",
        }
    }

    /// Returns the alert to send: `illegal_parameter` for content that parses but is not allowed,
    /// `decode_error` for content that does not parse (RFC 8446 section 6.2), and for records the
    /// alerts of section 5.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::UnexpectedRecord { .. }
            | Self::Interleaved { .. }
            | Self::NotAligned
            | Self::UnexpectedMessage { .. } => Alert::UNEXPECTED_MESSAGE,
            Self::RecordTooLong => Alert::RECORD_OVERFLOW,
            Self::RecordVersion
            | Self::EmptyRecord
            | Self::MessageTooLong { .. }
            | Self::MessageTooShort
            | Self::Malformed { .. } => Alert::DECODE_ERROR,
            Self::DuplicateExtension { .. }
            | Self::AfterPreSharedKey { .. }
            | Self::BinderCount => Alert::ILLEGAL_PARAMETER,
        }
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed ClientHello: ")?;
        match self {
            Self::UnexpectedRecord { content_type } => {
                write!(f, "its first record has type {content_type}, not 22 (handshake)")?;
            }
            Self::Interleaved { content_type } => {
                write!(f, "a record of type {content_type} interrupts the message")?;
            }
            Self::RecordVersion => {
                f.write_str("the version of a later record does not begin with 3")?
            }
            Self::EmptyRecord => f.write_str("a record is empty")?,
            Self::RecordTooLong => f.write_str("a record has more than 16384 bytes")?,
            Self::NotAligned => f.write_str("its last record continues after the message")?,
            Self::UnexpectedMessage { handshake_type } => {
                write!(f, "the handshake message has type {handshake_type}, not 1")?;
            }
            Self::MessageTooLong { limit } => {
                write!(f, "the message is longer than the limit of {limit} bytes")?;
            }
            Self::MessageTooShort => f.write_str("the message is too short")?,
            Self::Malformed { part, flaw } => write!(f, "{part}: {flaw}")?,
            Self::DuplicateExtension { extension } => {
                write!(f, "{} occurs twice", Part::Extension(*extension))?;
            }
            Self::AfterPreSharedKey { extension } => {
                write!(f, "{} follows pre_shared_key", Part::Extension(*extension))?;
            }
            Self::BinderCount => {
                f.write_str("pre_shared_key: the numbers of identities and binders differ")?
            }
        }
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for ScanError {}

impl Part {
    /// The section that specifies the format of the part.
    const fn rule(self) -> &'static str {
        match self {
            Self::SessionId | Self::CipherSuites | Self::CompressionMethods => "RFC 8446 4.1.2",
            Self::Extension(0) => "RFC 6066 3",
            Self::Extension(16) => "RFC 7301 3.1",
            Self::Extension(41) => "RFC 8446 4.2.11",
            Self::Extension(43) => "RFC 8446 4.2.1",
            Self::Extension(47) => "RFC 8446 4.2.4",
            Self::Extension(0xfe0d) => "RFC 9849 5",
            Self::Extensions | Self::Extension(_) => "RFC 8446 4.2",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionId => f.write_str("legacy_session_id"),
            Self::CipherSuites => f.write_str("cipher_suites"),
            Self::CompressionMethods => f.write_str("legacy_compression_methods"),
            Self::Extensions => f.write_str("extensions"),
            Self::Extension(number) => match name_of(*number) {
                Some(name) => write!(f, "extension {number} ({name})"),
                None => write!(f, "extension {number}"),
            },
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends too early",
            Self::TrailingBytes => "bytes follow its end",
            Self::EmptyList => "a list is empty",
            Self::EmptyItem => "an item is empty",
            Self::TooLong => "it is too long",
            Self::TooShort => "an item is too short",
            Self::OddLength => "a list of 16-bit numbers has an odd length",
            Self::UnknownKind => "an item has an unknown kind",
        })
    }
}

/// The protocol that is used instead of TLS, as far as the first two bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotTls {
    /// DTLS, of any version.
    Dtls,
    /// SSL 2, or a newer version in an SSL 2 ClientHello (RFC 6176).
    Ssl2,
    /// A text protocol, such as HTTP, that begins with a capital letter.
    Text,
    /// Something else.
    Other,
}

impl fmt::Display for NotTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dtls => "not TLS, but DTLS",
            Self::Ssl2 => "not TLS, but SSL 2",
            Self::Text => "not TLS, but plain text",
            Self::Other => "not TLS",
        })
    }
}

/// Why bytes are not a ClientHello: an answer without a view.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    NotTls(NotTls),
    Malformed(ScanError),
}

impl From<ScanError> for Refusal {
    fn from(error: ScanError) -> Self {
        Self::Malformed(error)
    }
}
