//! Faults of a peer's list of origins, and of origins that a program or a person wrote.

use core::fmt;

use super::{MAX_ORIGIN_BYTES, MAX_ORIGINS};
use crate::alert::Alert;
use crate::rules;
use crate::scan::Flaw;
use crate::table::Message;

/// A fault in a `workload_identifier_origin_hint` that a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginHintError {
    /// WIO-1: it is in another message than ClientHello.
    Misplaced {
        /// The message.
        message: Message,
    },
    /// WIO-2: the list does not have the required structure.
    Malformed {
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// WIO-7: the list in the second ClientHello is not the list in the first.
    Changed,
}

impl OriginHintError {
    /// Returns the rule that it breaks: [`"WIO-1"`](rules::WIO_1), [`"WIO-2"`](rules::WIO_2) or
    /// [`"WIO-7"`](rules::WIO_7).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Misplaced { .. } => rules::WIO_1.id,
            Self::Malformed { .. } => rules::WIO_2.id,
            Self::Changed => rules::WIO_7.id,
        }
    }

    /// Returns the alert to send: `decode_error` for a malformed list, `illegal_parameter`
    /// otherwise.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::Malformed { .. } => Alert::DECODE_ERROR,
            Self::Misplaced { .. } | Self::Changed => Alert::ILLEGAL_PARAMETER,
        }
    }
}

impl fmt::Display for OriginHintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misplaced { message } => {
                write!(f, "workload_identifier_origin_hint is not allowed in this {message}")?;
            }
            Self::Malformed { flaw } => {
                write!(f, "malformed workload_identifier_origin_hint: {flaw}")?;
            }
            Self::Changed => f.write_str(
                "the second ClientHello does not repeat the workload_identifier_origin_hint of the \
                 first",
            )?,
        }
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for OriginHintError {}

/// Why a text is not an origin, such as `spiffe://example.org` (WIO-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginError {
    /// It does not begin with a scheme and `://`.
    NoScheme,
    /// The trust domain is missing.
    NoTrustDomain,
    /// It has userinfo: something before an `@`.
    UserInfo,
    /// It has a port, or a colon for one.
    Port,
    /// It has a path, which may be a single `/`.
    Path,
    /// It has a query.
    Query,
    /// It has a fragment.
    Fragment,
    /// The trust domain has a character that RFC 3986 section 3.2.2 does not allow there.
    Character,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an origin such as spiffe://example.org: ")?;
        f.write_str(match self {
            Self::NoScheme => "it does not begin with a scheme and ://",
            Self::NoTrustDomain => "the trust domain is missing",
            Self::UserInfo => "userinfo is not allowed",
            Self::Port => "a port is not allowed",
            Self::Path => "a path is not allowed, not even /",
            Self::Query => "a query is not allowed",
            Self::Fragment => "a fragment is not allowed",
            Self::Character => "the trust domain has a character that is not allowed",
        })
    }
}

impl core::error::Error for OriginError {}

/// Why a list of origins cannot be sent; the error of
/// [`write_origin_hint`](crate::write_origin_hint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteOriginsError {
    /// The list is empty. Do not send the extension.
    Empty,
    /// There are more than [`MAX_ORIGINS`] origins (WIO-8).
    TooMany,
    /// The body would have more than [`MAX_ORIGIN_BYTES`] bytes (WIO-8).
    TooLong,
    /// A string is not an origin (WIO-3).
    NotAnOrigin {
        /// Its position in the list, from 0.
        index: usize,
        /// What is wrong with it.
        error: OriginError,
    },
    /// The buffer is too short.
    NoRoom {
        /// The length of the body.
        needed: usize,
    },
}

impl fmt::Display for WriteOriginsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the list of origins is empty"),
            Self::TooMany => {
                write!(f, "there are more than {MAX_ORIGINS} origins: servers ignore the rest")
            }
            Self::TooLong => write!(
                f,
                "the list of origins has more than {MAX_ORIGIN_BYTES} bytes: servers ignore the rest"
            ),
            Self::NotAnOrigin { index, .. } => {
                write!(f, "number {} of the list cannot be sent", index + 1)
            }
            Self::NoRoom { needed } => {
                write!(f, "the buffer is too short: the list of origins has {needed} bytes")
            }
        }
    }
}

impl core::error::Error for WriteOriginsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NotAnOrigin { error, .. } => Some(error),
            _ => None,
        }
    }
}
