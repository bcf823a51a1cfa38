//! The alerts that the rules of this crate require, and the names of all alerts.

use core::fmt;

/// A fatal TLS alert (RFC 8446 section 6), by its number and its name.
///
/// Values exist only for the alerts that a rule of this crate requires; [`name_of`](Self::name_of)
/// has the names of all others.
///
/// ```
/// use rustls_ext_wire::Alert;
///
/// assert_eq!(Alert::ILLEGAL_PARAMETER.code(), 47);
/// assert_eq!(Alert::ILLEGAL_PARAMETER.to_string(), "illegal_parameter");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert(u8);

impl Alert {
    /// 10: a message or a record that is not allowed at this point.
    pub const UNEXPECTED_MESSAGE: Self = Self(10);

    /// 22: a record of more than 2^14 bytes.
    pub const RECORD_OVERFLOW: Self = Self(22);

    /// 47: the message parses, but its content is not allowed. Every fault of a `tls_flags` body
    /// (FLAGS-2, FLAGS-3) and every misplaced flag (FLAGS-5, RCA-4, RCA-5) requires it.
    pub const ILLEGAL_PARAMETER: Self = Self(47);

    /// 50: the message does not parse.
    pub const DECODE_ERROR: Self = Self(50);

    /// 110: a message answers an extension that was not sent.
    pub const UNSUPPORTED_EXTENSION: Self = Self(110);

    /// Returns the number on the wire (IANA registry "TLS Alerts").
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Returns the name, as RFC 8446 section 6 spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match Self::name_of(self.0) {
            Some(name) => name,
            None => "unknown", // never: each of the constants has a name
        }
    }

    /// Returns the name of the alert with this number in IANA's registry "TLS Alerts", such as
    /// `unknown_ca`; `None` if the registry has none.
    ///
    /// ```
    /// use rustls_ext_wire::Alert;
    ///
    /// assert_eq!(Alert::name_of(116), Some("certificate_required"));
    /// assert_eq!(Alert::name_of(117), None);
    /// ```
    #[must_use]
    pub const fn name_of(code: u8) -> Option<&'static str> {
        Some(match code {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            60 => "export_restriction",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            111 => "certificate_unobtainable",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            114 => "bad_certificate_hash_value",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            121 => "ech_required",
            _ => return None,
        })
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
