//! The alerts with which the rules of this crate end a handshake.

use core::fmt;

/// A fatal TLS alert (RFC 8446 section 6), by its number and its name.
///
/// Only the alerts that a rule of this crate asks for exist as values.
///
/// ```
/// use rustls_ext_wire::Alert;
///
/// assert_eq!(Alert::ILLEGAL_PARAMETER.code(), 47);
/// assert_eq!(Alert::ILLEGAL_PARAMETER.to_string(), "illegal_parameter");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert(Description);

impl Alert {
    /// 10: a message or a record that may not come here.
    pub const UNEXPECTED_MESSAGE: Self = Self(Description::UnexpectedMessage);

    /// 22: a record of more than 2^14 octets.
    pub const RECORD_OVERFLOW: Self = Self(Description::RecordOverflow);

    /// 47: the message parses, but what it says is not allowed. Every fault of a `tls_flags` body
    /// (FLAGS-2, FLAGS-3) and every misplaced flag (FLAGS-5, RCA-4, RCA-5) ends with it.
    pub const ILLEGAL_PARAMETER: Self = Self(Description::IllegalParameter);

    /// 50: the message does not parse.
    pub const DECODE_ERROR: Self = Self(Description::DecodeError);

    /// 110: an extension answers one that was never sent.
    pub const UNSUPPORTED_EXTENSION: Self = Self(Description::UnsupportedExtension);

    /// The number on the wire (IANA registry "TLS Alerts").
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0 as u8
    }

    /// The name in RFC 8446 section 6, in its spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Description::UnexpectedMessage => "unexpected_message",
            Description::RecordOverflow => "record_overflow",
            Description::IllegalParameter => "illegal_parameter",
            Description::DecodeError => "decode_error",
            Description::UnsupportedExtension => "unsupported_extension",
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.code())
    }
}

/// Private, so that an alert without a name cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
enum Description {
    UnexpectedMessage = 10,
    RecordOverflow = 22,
    IllegalParameter = 47,
    DecodeError = 50,
    UnsupportedExtension = 110,
}
