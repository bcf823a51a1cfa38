//! Rules for resuming sessions, given the certificate that is requested or required.

mod record;
mod voucher;

pub use record::{Record, RecordError};
pub use voucher::Voucher;

/// The certificate that a server requires of a client, if any, and its scope.
///
/// A scope is the name under which a certificate counts.
// Closed, like the two types below: a stack must handle each variant, and a wildcard could let a
// client pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Demand<'a> {
    /// No certificate.
    None,
    /// A certificate if the client has one.
    Request(&'a [u8]),
    /// A certificate.
    Require(&'a [u8]),
}

/// The data about its client that a stored session, or a ticket, records (RES-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session<'a> {
    /// The scope in which the client was asked for a certificate; `None` if it was not.
    pub scope: Option<&'a [u8]>,
    /// True if the client proved possession of a certificate.
    pub authenticated: bool,
}

/// Whether a session may be resumed instead of a full handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// It may.
    Allowed,
    /// It may if its certificate chain still verifies, or if a valid [`Voucher`] shows that nothing
    /// has changed since it last did (RES-5).
    IfVerified,
    /// It may not: do a full handshake without an error, and refuse 0-RTT data (RES-2, RES-6).
    Refused,
}

/// Decides whether `session` may be resumed under `demand` (RES-2, RES-3, RES-4).
///
/// `offered` is true if the client offers to authenticate, by flag or CARE.
///
/// ```
/// use rustls_ext_wire::resumption::{Demand, Resumption, Session, check};
///
/// let visitor = Session { scope: None, authenticated: false };
/// let agent = Session { scope: Some(b"agents"), authenticated: true };
/// assert_eq!(check(Demand::None, false, visitor), Resumption::Allowed);
/// assert_eq!(check(Demand::Require(b"agents"), false, visitor), Resumption::Refused);
/// assert_eq!(check(Demand::Require(b"agents"), true, agent), Resumption::IfVerified);
/// assert_eq!(check(Demand::Require(b"staff"), true, agent), Resumption::Refused);
/// ```
#[must_use]
pub fn check(demand: Demand<'_>, offered: bool, session: Session<'_>) -> Resumption {
    match (demand, session.authenticated) {
        // An unauthenticated session is enough if no certificate is requested.
        (Demand::None, false) => Resumption::Allowed,
        (Demand::None, true) | (Demand::Require(_), false) => Resumption::Refused,
        // A client that was asked in this scope and had no certificate need not be asked again
        // (RES-4), unless it now offers one (RES-3).
        (Demand::Request(scope), false) => {
            if session.scope == Some(scope) && !offered {
                Resumption::Allowed
            } else {
                Resumption::Refused
            }
        }
        (Demand::Request(scope) | Demand::Require(scope), true) => {
            if session.scope == Some(scope) {
                Resumption::IfVerified
            } else {
                Resumption::Refused
            }
        }
    }
}

/// The default limit for the age of one proof of possession, in seconds: 7 days, the longest
/// lifetime of a ticket (RFC 8446 section 4.6.1).
pub const DEFAULT_MAX_AGE_SECONDS: u64 = 7 * 24 * 60 * 60;

/// Returns true if a client's proof of possession is recent enough for its session to be resumed.
///
/// All three arguments are in seconds; `authenticated_at` and `now` count from the Unix epoch. A
/// resumed handshake contains no new proof, so without this limit a session that is renewed by each
/// resumption would last forever. A proof in the future is not recent: the clock was set back, so
/// the age is unknown.
///
/// ```
/// use rustls_ext_wire::resumption::{DEFAULT_MAX_AGE_SECONDS, is_recent};
///
/// let monday = 1_767_225_600;
/// assert!(is_recent(monday, monday + DEFAULT_MAX_AGE_SECONDS, DEFAULT_MAX_AGE_SECONDS));
/// assert!(!is_recent(monday, monday + DEFAULT_MAX_AGE_SECONDS + 1, DEFAULT_MAX_AGE_SECONDS));
/// assert!(!is_recent(monday, monday - 1, DEFAULT_MAX_AGE_SECONDS));
/// ```
#[must_use]
pub const fn is_recent(authenticated_at: u64, now: u64, max_age: u64) -> bool {
    match now.checked_sub(authenticated_at) {
        Some(age) => age <= max_age,
        None => false,
    }
}
