//! Whether a session may be resumed where a certificate is, or is not, demanded.

mod record;

pub use record::{Record, RecordError};

/// What a server wants of a client, and in which scope.
///
/// A scope is the name under which a certificate counts.
// Closed, as the two below: a stack must know each of them, and a wildcard would let something pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Demand<'a> {
    /// No certificate.
    None,
    /// A certificate if the client has one.
    Request(&'a [u8]),
    /// A certificate.
    Require(&'a [u8]),
}

/// What a stored session, or a ticket, records of its client (RES-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session<'a> {
    /// The scope in which the client was asked for a certificate; `None` if it was not.
    pub scope: Option<&'a [u8]>,
    /// Whether the client proved to hold one.
    pub authenticated: bool,
}

/// Whether a session may stand in for a full handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// It may.
    Allowed,
    /// It may if its certificate chain still verifies (RES-5).
    IfVerified,
    /// It may not: do a full handshake, silently, and refuse 0-RTT data (RES-2, RES-6).
    Refused,
}

/// Whether `session` may stand in for what `demand` asks of this client (RES-2, RES-3, RES-4).
///
/// `offered` is whether the client offers to authenticate, by flag or CARE.
///
/// ```
/// use rustls_ext_wire::resumption::{Demand, Resumption, Session, judge};
///
/// let visitor = Session { scope: None, authenticated: false };
/// let agent = Session { scope: Some(b"agents"), authenticated: true };
/// assert_eq!(judge(Demand::None, false, visitor), Resumption::Allowed);
/// assert_eq!(judge(Demand::Require(b"agents"), false, visitor), Resumption::Refused);
/// assert_eq!(judge(Demand::Require(b"agents"), true, agent), Resumption::IfVerified);
/// assert_eq!(judge(Demand::Require(b"staff"), true, agent), Resumption::Refused);
/// ```
#[must_use]
pub fn judge(demand: Demand<'_>, offered: bool, session: Session<'_>) -> Resumption {
    match (demand, session.authenticated) {
        // Nobody is authenticated where nobody is to be asked.
        (Demand::None, false) => Resumption::Allowed,
        (Demand::None, true) | (Demand::Require(_), false) => Resumption::Refused,
        // Who was asked in this scope and had nothing to show need not be asked again (RES-4),
        // unless there is something to show now (RES-3).
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

/// For how many seconds one proof of possession may last by default: 7 days, the longest lifetime
/// of a ticket (RFC 8446 section 4.6.1).
pub const DEFAULT_MAX_AGE_SECONDS: u64 = 7 * 24 * 60 * 60;

/// Whether a client's proof of possession is recent enough for its session to be resumed.
///
/// All three are seconds; `authenticated_at` and `now` count from the Unix epoch. A resumed
/// handshake proves nothing anew, so that a session which is renewed by each resumption would
/// otherwise last for ever. A proof in the future is not recent: the clock was set back, and its
/// age is not known.
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
