//! Secondary certificates of HTTP clients (draft-rosomakho-httpbis-secondary-client-certs): a
//! server requests a certificate on an open HTTP/2 or HTTP/3 connection, and the client answers with
//! an [authenticator](crate::authenticator).
//!
//! This module has the numbers on the wire, and the list of requests in a frame. Who may send what
//! and when is decided by the HTTP implementation; [`rules`] has the rules as data.

use core::fmt;
use core::iter::FusedIterator;

use crate::authenticator::{Endpoint, Request, RequestError, WriteError};
use crate::rules;
use crate::scan::Flaw;

/// The numbers of the setting and of the two frames on the wire, the same for HTTP/2 and HTTP/3.
///
/// They are configurable because the draft has no numbers yet. Client and server of a connection
/// must use the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HttpCodePoints {
    setting: u16,
    authenticator_requests: u8,
    certificate: u8,
}

impl HttpCodePoints {
    /// The setting is 0xff10, `AUTHENTICATOR_REQUESTS` 0xf0 and `CERTIFICATE` 0xf1.
    pub const DEFAULT: Self =
        Self { setting: 0xff10, authenticator_requests: 0xf0, certificate: 0xf1 };

    /// Sets the numbers of `SETTINGS_HTTP_CLIENT_CERT_AUTH`, `AUTHENTICATOR_REQUESTS` and
    /// `CERTIFICATE`.
    ///
    /// # Errors
    /// [`HttpCodePointError`] if a number is in use: by RFC 9113, RFC 9114 or another specification
    /// in IANA's registries of HTTP/2 and HTTP/3, or by the other frame.
    pub const fn new(
        setting: u16,
        authenticator_requests: u8,
        certificate: u8,
    ) -> Result<Self, HttpCodePointError> {
        // To 0x9 assigned; 0x33, H3_DATAGRAM; GREASE of HTTP/3, 31 n + 33.
        if setting <= 0x10 || setting == 0x33 || is_grease(setting as u64) {
            return Err(HttpCodePointError::SettingTaken { number: setting });
        }
        if is_frame_taken(authenticator_requests) {
            return Err(HttpCodePointError::FrameTaken { number: authenticator_requests });
        }
        if is_frame_taken(certificate) || certificate == authenticator_requests {
            return Err(HttpCodePointError::FrameTaken { number: certificate });
        }
        Ok(Self { setting, authenticator_requests, certificate })
    }

    /// Returns the number of `SETTINGS_HTTP_CLIENT_CERT_AUTH`.
    #[must_use]
    pub const fn setting(&self) -> u16 {
        self.setting
    }

    /// Returns the type of the frame `AUTHENTICATOR_REQUESTS`.
    #[must_use]
    pub const fn authenticator_requests(&self) -> u8 {
        self.authenticator_requests
    }

    /// Returns the type of the frame `CERTIFICATE`.
    #[must_use]
    pub const fn certificate(&self) -> u8 {
        self.certificate
    }
}

impl Default for HttpCodePoints {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Returns true for the types of RFC 9113 and RFC 9114, of frames registered since, and of GREASE.
const fn is_frame_taken(number: u8) -> bool {
    const WEBTRANSPORT_STREAM: u8 = 0x41;
    number <= 0x10 || number == WEBTRANSPORT_STREAM || is_grease(number as u64)
}

/// Returns true for numbers that HTTP/3 reserves so that peers ignore them (RFC 9114 section 7.2.8).
const fn is_grease(number: u64) -> bool {
    number >= 0x21 && (number - 0x21) % 0x1f == 0
}

/// A number that is already in use on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpCodePointError {
    /// Another setting has this number.
    SettingTaken {
        /// The number that was refused.
        number: u16,
    },
    /// Another frame has this type.
    FrameTaken {
        /// The type that was refused.
        number: u8,
    },
}

impl fmt::Display for HttpCodePointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SettingTaken { number } => write!(f, "HTTP setting 0x{number:04x} is taken"),
            Self::FrameTaken { number } => write!(f, "HTTP frame type 0x{number:02x} is taken"),
        }
    }
}

impl core::error::Error for HttpCodePointError {}

/// The requests in a frame `AUTHENTICATOR_REQUESTS`, whose structure has been checked (SCC-3).
///
/// ```
/// use rustls_ext_wire::authenticator::{Endpoint, Request};
/// use rustls_ext_wire::secondary::Requests;
///
/// let (mut buffer, mut payload) = ([0; 64], [0; 64]);
/// let request = Request::write(Endpoint::Server, &[7; 16], &[0x0403], &[], &mut buffer)?;
/// let payload = Requests::write(&[request], &mut payload)?;
/// assert_eq!(payload.first(), Some(&31)); // the length of the request
/// let read: Vec<_> = Requests::parse(payload)?.map(|request| request.context()).collect();
/// assert_eq!(read, [[7; 16]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests<'a>(&'a [u8]);

impl<'a> Requests<'a> {
    /// Reads the payload of a frame: one or more requests of a server, each after its length, a
    /// variable-length integer of QUIC (RFC 9000 section 16) that need not be of the shortest form.
    ///
    /// # Errors
    /// [`RequestsError`] if there is no request, a length does not fit, or a request is malformed.
    pub fn parse(payload: &'a [u8]) -> Result<Self, RequestsError> {
        if payload.is_empty() {
            return Err(RequestsError::Empty);
        }
        let mut rest = payload;
        while !rest.is_empty() {
            let (request, after) = split(rest).ok_or(RequestsError::Length)?;
            Request::parse(Endpoint::Server, request).map_err(RequestsError::Request)?;
            rest = after;
        }
        Ok(Self(payload))
    }

    /// Writes the payload of a frame with these requests, and returns the part of `buffer` that it
    /// uses.
    ///
    /// # Errors
    /// [`WriteError::NoRoom`] if it does not fit into `buffer`; `needed` is the length up to the
    /// first part that does not fit.
    pub fn write<'b>(
        requests: &[Request<'_>],
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], WriteError> {
        let mut used = 0;
        for request in requests {
            let (form, number) = integer(request.bytes().len());
            let number = number.get(8 - form..).unwrap_or_default();
            for bytes in [number, request.bytes()] {
                let needed = used + bytes.len();
                let room = buffer.get_mut(used..needed).ok_or(WriteError::NoRoom { needed })?;
                room.copy_from_slice(bytes);
                used = needed;
            }
        }
        Ok(buffer.get(..used).unwrap_or_default())
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = Request<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (request, rest) = split(self.0)?;
        self.0 = rest;
        Request::parse(Endpoint::Server, request).ok()
    }
}

impl FusedIterator for Requests<'_> {}

/// The shortest form of a variable-length integer: how many bytes it has, and they are the last of
/// these.
fn integer(number: usize) -> (usize, [u8; 8]) {
    let number = number as u64;
    let (form, prefix) = match number {
        0..0x40 => (1, 0),
        0x40..0x4000 => (2, 0x4000),
        0x4000..0x4000_0000 => (4, 0x8000_0000),
        _ => (8, 0xc000_0000_0000_0000),
    };
    (form, (number | prefix).to_be_bytes())
}

/// The content after a variable-length integer, which is its length, and the rest behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (further, rest) = rest.split_at_checked((1 << (first >> 6)) - 1)?;
    let first = u64::from(first & 0x3f);
    let number = further.iter().fold(first, |number, byte| (number << 8) | u64::from(*byte));
    rest.split_at_checked(usize::try_from(number).ok()?)
}

/// A fault in the payload of a frame `AUTHENTICATOR_REQUESTS` (SCC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestsError {
    /// There is no request in it.
    Empty,
    /// A length is truncated, or there are fewer bytes behind it.
    Length,
    /// A request is malformed.
    Request(RequestError),
}

impl RequestsError {
    /// Returns the broken rule: see [`rules::find`].
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        rules::SCC_4.id
    }
}

impl fmt::Display for RequestsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a list of authenticator requests is empty")?,
            Self::Length => write!(f, "a list of authenticator requests: {}", Flaw::Truncated)?,
            Self::Request(error) => error.fmt(f)?,
        }
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for RequestsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Request(error) => Some(error),
            Self::Empty | Self::Length => None,
        }
    }
}
