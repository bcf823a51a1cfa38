use std::error::Error;
use std::fmt;

use super::Frame;
use crate::wire::authenticator::{AuthenticatorError, ContextError};
use crate::wire::rules;
use crate::wire::secondary::RequestsError;

/// How a peer broke the rules of secondary certificates, so that the connection must end (RFC 9113
/// section 5.4.1, RFC 9114 section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// A frame before the peer's setting (SCC-1).
    NotAnnounced(Frame),
    /// The setting returned to 0 (SCC-2).
    SettingWithdrawn,
    /// The setting of a server is neither 0 nor 1 (SCC-2).
    BadSetting {
        /// The value.
        value: u64,
    },
    /// The setting is twice in the SETTINGS of HTTP/3 (RFC 9114 section 7.2.4).
    RepeatedSetting,
    /// The list of requests is malformed (SCC-4).
    Requests(RequestsError),
    /// A client sent `AUTHENTICATOR_REQUESTS` (SCC-5).
    RequestsOfClient,
    /// A frame on another stream than stream 0 or the control stream (SCC-5, SCC-8).
    OnStream(Frame),
    /// There are more outstanding requests than this client announced (SCC-6).
    TooManyOutstanding {
        /// How many this client announced.
        most: u32,
    },
    /// A `CERTIFICATE` frame answers no request, or comes from a server (SCC-8).
    UnexpectedCertificate,
    /// The context of a request was used before on this connection (EA-3).
    Context(ContextError),
    /// The authenticator does not validate (SCC-9).
    Authenticator(AuthenticatorError),
    /// The signature of the authenticator does not verify (SCC-9).
    Signature,
    /// A frame is longer than the limit (SCC-12).
    TooLong {
        /// The frame.
        frame: Frame,
        /// The length of its payload in bytes.
        length: u64,
    },
    /// The peer sent too many requests on this connection (SCC-12).
    TooManyRequests {
        /// The limit.
        most: u32,
    },
    /// A frame within a header block (SCC-13).
    InHeaderBlock(Frame),
}

impl ConnectionError {
    /// Returns the broken rule: see [`rules::find`].
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotAnnounced(_) => rules::SCC_1.id,
            Self::SettingWithdrawn | Self::BadSetting { .. } | Self::RepeatedSetting => {
                rules::SCC_2.id
            }
            Self::Requests(_) => rules::SCC_4.id,
            Self::RequestsOfClient | Self::OnStream(Frame::AuthenticatorRequests) => {
                rules::SCC_5.id
            }
            Self::TooManyOutstanding { .. } => rules::SCC_6.id,
            Self::UnexpectedCertificate | Self::OnStream(Frame::Certificate) => rules::SCC_8.id,
            Self::Context(error) => error.rule(),
            Self::Authenticator(_) | Self::Signature => rules::SCC_9.id,
            Self::TooLong { .. } | Self::TooManyRequests { .. } => rules::SCC_12.id,
            Self::InHeaderBlock(_) => rules::SCC_13.id,
        }
    }

    /// Returns the error code for GOAWAY of HTTP/2 (RFC 9113 section 7).
    pub fn http2_code(&self) -> u32 {
        const PROTOCOL_ERROR: u32 = 0x1;
        const FRAME_SIZE_ERROR: u32 = 0x6;
        const ENHANCE_YOUR_CALM: u32 = 0xb;
        match self {
            Self::TooLong { .. } => FRAME_SIZE_ERROR,
            Self::TooManyRequests { .. } => ENHANCE_YOUR_CALM,
            _ => PROTOCOL_ERROR,
        }
    }

    /// Returns the error code for CONNECTION_CLOSE of HTTP/3 (RFC 9114 section 8.1).
    pub fn http3_code(&self) -> u64 {
        const H3_FRAME_UNEXPECTED: u64 = 0x105;
        const H3_EXCESSIVE_LOAD: u64 = 0x107;
        const H3_SETTINGS_ERROR: u64 = 0x109;
        const H3_MESSAGE_ERROR: u64 = 0x10e;
        match self {
            Self::SettingWithdrawn | Self::BadSetting { .. } | Self::RepeatedSetting => {
                H3_SETTINGS_ERROR
            }
            Self::Requests(_) | Self::Context(_) | Self::Authenticator(_) | Self::Signature => {
                H3_MESSAGE_ERROR
            }
            Self::TooLong { .. } | Self::TooManyRequests { .. } => H3_EXCESSIVE_LOAD,
            Self::NotAnnounced(_)
            | Self::RequestsOfClient
            | Self::OnStream(_)
            | Self::TooManyOutstanding { .. }
            | Self::UnexpectedCertificate
            | Self::InHeaderBlock(_) => H3_FRAME_UNEXPECTED,
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnnounced(frame) => write!(f, "{frame} before the peer's setting")?,
            Self::SettingWithdrawn => f.write_str("the peer's setting returned to 0")?,
            Self::BadSetting { value } => write!(f, "the server's setting is {value}")?,
            Self::RepeatedSetting => f.write_str("the peer's setting is twice in its SETTINGS")?,
            Self::Requests(error) => return error.fmt(f),
            Self::RequestsOfClient => f.write_str("authenticator requests of a client")?,
            Self::OnStream(frame) => write!(f, "{frame} on a stream of a request")?,
            Self::TooManyOutstanding { most } => {
                write!(f, "more than {most} authenticator requests are outstanding")?;
            }
            Self::UnexpectedCertificate => f.write_str("CERTIFICATE answers no request")?,
            Self::Context(error) => return error.fmt(f),
            Self::Authenticator(AuthenticatorError::Mac) => f.write_str(
                "the authenticator does not belong to this connection: a proxy between client and \
                 server may terminate TLS",
            )?,
            Self::Authenticator(error) => error.fmt(f)?,
            Self::Signature => f.write_str("the signature of the authenticator does not verify")?,
            Self::TooLong { frame, length } => write!(f, "{frame} of {length} bytes")?,
            Self::TooManyRequests { most } => {
                write!(f, "more than {most} authenticator requests on one connection")?;
            }
            Self::InHeaderBlock(frame) => write!(f, "{frame} within a header block")?,
        }
        write!(f, " ({})", self.rule())
    }
}

/// It has no source: the text contains that of the inner error.
impl Error for ConnectionError {}
