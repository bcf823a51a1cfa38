//! Checks in which messages `client_authentication_request` (CARE) is allowed.

use core::fmt;

use crate::alert::Alert;
use crate::offer::Version;
use crate::rules;
use crate::table::Message;

/// A fault in a `client_authentication_request` that a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CareError {
    /// CARE-1: its body is not empty.
    NotEmpty {
        /// The length of the body.
        length: usize,
    },
    /// CARE-3: it answers one that was never sent.
    Unsolicited,
    /// CARE-3: it is in a message in which a server must not echo it.
    Misplaced {
        /// The message.
        message: Message,
    },
}

impl CareError {
    /// Returns the rule that it breaks: [`"CARE-1"`](rules::CARE_1) or [`"CARE-3"`](rules::CARE_3).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::NotEmpty { .. } => rules::CARE_1.id,
            Self::Unsolicited | Self::Misplaced { .. } => rules::CARE_3.id,
        }
    }

    /// Returns the alert to send.
    ///
    /// `unsupported_extension` for an answer to an extension that was never sent; otherwise
    /// `illegal_parameter`, as RFC 8446 section 4.2 requires for an extension in a message for
    /// which it is not specified.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::Unsolicited => Alert::UNSUPPORTED_EXTENSION,
            Self::NotEmpty { .. } | Self::Misplaced { .. } => Alert::ILLEGAL_PARAMETER,
        }
    }
}

impl fmt::Display for CareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty { length } => {
                write!(f, "client_authentication_request must be empty, but has {length} bytes")?;
            }
            Self::Unsolicited => f.write_str(
                "client_authentication_request is in an answer, but the client did not send it",
            )?,
            Self::Misplaced { message } => {
                write!(f, "client_authentication_request is not allowed in this {message}")?;
            }
        }
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for CareError {}

/// Returns the message in which a server echoes CARE (CARE-3).
#[must_use]
pub const fn echo_in(version: Version) -> Message {
    match version {
        Version::Tls12 => Message::ServerHello,
        Version::Tls13 => Message::EncryptedExtensions,
    }
}

/// Checks whether `client_authentication_request` with this `body` is allowed in `message`.
///
/// `offered` is true if the ClientHello contained one; it is ignored for ClientHello itself.
///
/// # Errors
/// [`CareError`], which has the alert.
///
/// ```
/// use rustls_ext_wire::{Alert, Message, Version, check_care};
///
/// check_care(Message::EncryptedExtensions, Version::Tls13, &[], true)?;
/// let unsolicited = check_care(Message::EncryptedExtensions, Version::Tls13, &[], false);
/// assert_eq!(unsolicited.unwrap_err().alert(), Alert::UNSUPPORTED_EXTENSION);
/// # Ok::<(), rustls_ext_wire::CareError>(())
/// ```
pub fn check_care(
    message: Message,
    version: Version,
    body: &[u8],
    offered: bool,
) -> Result<(), CareError> {
    let is_hello = message == Message::ClientHello;
    // A CertificateRequest does not answer an extension, and neither does a ticket.
    let answers = message.row().answers == Some(Message::ClientHello)
        && message != Message::CertificateRequest;
    if answers && !offered {
        return Err(CareError::Unsolicited);
    }
    if !is_hello && message != echo_in(version) {
        return Err(CareError::Misplaced { message });
    }
    match body.len() {
        0 => Ok(()),
        length => Err(CareError::NotEmpty { length }),
    }
}
