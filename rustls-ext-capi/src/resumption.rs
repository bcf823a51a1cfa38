//! Whether a session may be resumed, and what it records.

use rustls_ext_wire::resumption::{
    DEFAULT_MAX_AGE_SECONDS, Demand, Record, Resumption, is_recent, judge,
};

use crate::bytes::rext_bytes;
use crate::fence::{borrow, fence, octets, out, room};
use crate::refusal::Misuse;
use crate::status::{REXT_OK, rext_status};

/// What a server wants of a client, one of REXT_DEMAND_....
pub type rext_demand = i32;

/// Demand: no certificate.
pub const REXT_DEMAND_NONE: rext_demand = 0;
/// Demand: a certificate if the client has one.
pub const REXT_DEMAND_REQUEST: rext_demand = 1;
/// Demand: a certificate.
pub const REXT_DEMAND_REQUIRE: rext_demand = 2;

/// Whether a session may stand in for a full handshake, one of REXT_RESUMPTION_...; 0 or above.
pub type rext_resumption = i32;

/// Resumption: it may not. Do a full handshake, silently, and refuse 0-RTT data (RES-2, RES-6).
pub const REXT_RESUMPTION_REFUSED: rext_resumption = 0;
/// Resumption: it may.
pub const REXT_RESUMPTION_ALLOWED: rext_resumption = 1;
/// Resumption: it may if its certificate chain still verifies (RES-5).
pub const REXT_RESUMPTION_IF_VERIFIED: rext_resumption = 2;

/// The most octets of a session record.
pub const REXT_SESSION_LONGEST: usize = 270;

const _: () = assert!(REXT_SESSION_LONGEST == Record::LONGEST);

/// What a session, stored or in a ticket, records of its client (RES-1).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_session {
    /// The scope in which the client was asked for a certificate: the name under which that counts,
    /// 1 to 255 octets of any value. { NULL, 0 } if it was not asked.
    pub scope: rext_bytes,
    /// When the client authenticated, in seconds since the Unix epoch; 0 if it did not. A resumption
    /// does not change it.
    pub authenticated_at: u64,
    /// Not 0 if the client proved to hold a certificate that counts in that scope.
    pub authenticated: i32,
}

impl rext_session {
    /// # Safety
    /// As of [`rext_bytes::get`].
    unsafe fn record<'a>(&self) -> Result<Record<'a>, Misuse> {
        // SAFETY: as of this function.
        let scope = unsafe { self.scope.get() }?;
        match (scope, self.authenticated != 0) {
            ([], false) => Ok(Record::NotAsked),
            ([], true) => Err(Misuse::Value("sessions: who was not asked did not authenticate")),
            (scope, false) => Ok(Record::Declined { scope }),
            (scope, true) => Ok(Record::Authenticated { scope, at: self.authenticated_at }),
        }
    }

    fn of(record: Record<'_>) -> Self {
        let (scope, at, authenticated) = match record {
            Record::NotAsked => (rext_bytes::NONE, 0, 0),
            Record::Declined { scope } => (scope.into(), 0, 0),
            Record::Authenticated { scope, at } => (scope.into(), at, 1),
        };
        Self { scope, authenticated_at: at, authenticated }
    }
}

/// Whether a session may stand in for what a server demands of this client (RES-2, RES-3, RES-4).
///
/// demand: one of REXT_DEMAND_....
/// scope: of the demand; not NULL, and at least an octet, unless that is REXT_DEMAND_NONE.
/// offered: not 0 if the client offers to authenticate, by flag or CARE.
/// session: what it records; not NULL. A session without a record is not to be resumed (RES-7).
///
/// Returns: one of REXT_RESUMPTION_...; or a mistake of the caller, below 0, and then the session is
/// not to be resumed.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_resumption_judge(
    demand: rext_demand,
    scope: *const rext_bytes,
    offered: i32,
    session: *const rext_session,
) -> rext_resumption {
    fence!({
        // SAFETY: C's part is in the documentation.
        let session = unsafe { borrow(session) }?;
        // SAFETY: likewise.
        let session = unsafe { session.record() }?.session();
        let scope = || {
            // SAFETY: likewise.
            let scope = unsafe { borrow(scope) }?;
            // SAFETY: likewise.
            let scope = unsafe { scope.get() }?;
            match scope {
                [] => Err(Misuse::Value("a scope, whose name has an octet at least")),
                scope => Ok(scope),
            }
        };
        let demand = match demand {
            REXT_DEMAND_NONE => Demand::None,
            REXT_DEMAND_REQUEST => Demand::Request(scope()?),
            REXT_DEMAND_REQUIRE => Demand::Require(scope()?),
            _ => return Err(Misuse::Value("the demands REXT_DEMAND_...").into()),
        };
        Ok(match judge(demand, offered != 0, session) {
            Resumption::Allowed => REXT_RESUMPTION_ALLOWED,
            Resumption::IfVerified => REXT_RESUMPTION_IF_VERIFIED,
            Resumption::Refused => REXT_RESUMPTION_REFUSED,
        })
    })
}

/// For how many seconds one proof of possession may last by default: 7 days, the longest lifetime of
/// a ticket (RFC 8446 section 4.6.1).
pub const REXT_MAX_AGE_SECONDS: u64 = 604_800;

const _: () = assert!(REXT_MAX_AGE_SECONDS == DEFAULT_MAX_AGE_SECONDS);

/// Whether a client's proof of possession is recent enough for its session to be resumed.
///
/// A resumed handshake proves nothing anew, so that a session which each resumption renews would
/// otherwise last for ever. A proof in the future is not recent: the clock was set back.
///
/// authenticated_at: of the session's record, in seconds since the Unix epoch.
/// now: the time, in the same unit.
/// max_age: in seconds; REXT_MAX_AGE_SECONDS, unless a demand has another limit.
///
/// Returns: 1 if it is, 0 if not: then do a full handshake.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_resumption_is_recent(authenticated_at: u64, now: u64, max_age: u64) -> i32 {
    i32::from(is_recent(authenticated_at, now, max_age))
}

/// The octets of a session record, for a place that keeps them with the session: the application
/// data of a ticket, say. They are neither secret nor protected; that is for the ticket to be.
///
/// session: not NULL.
/// buffer, length: room for them; REXT_SESSION_LONGEST is enough for any.
/// written: where to put how many there are; not NULL. Written on REXT_OK only.
///
/// Returns: REXT_OK; REXT_ERR_BUFFER if there is no room; REXT_ERR_VALUE for a scope of more than 255
/// octets, or a session that authenticated in none; or another mistake of the caller.
///
/// Threads: any, with a buffer of their own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_session_encode(
    session: *const rext_session,
    buffer: *mut u8,
    length: usize,
    written: *mut usize,
) -> rext_status {
    fence!({
        // SAFETY: C's part is in the documentation.
        let written = unsafe { out(written) }?;
        // SAFETY: likewise.
        let buffer = unsafe { room(buffer, length) }?;
        // SAFETY: likewise.
        let session = unsafe { borrow(session) }?;
        // SAFETY: likewise.
        let octets = unsafe { session.record() }?.encode(buffer)?;
        written.set(octets.len());
        Ok(REXT_OK)
    })
}

/// Reads octets that rext_session_encode() made, of this library or another of its version.
///
/// octets, length: the octets; NULL and 0 for none.
/// session: where to; not NULL. Written on REXT_OK only; its scope is some of the octets.
///
/// Returns: REXT_OK; REXT_ERR_RECORD for octets of anything else, those of a later version included:
/// the session then does not resume, and nobody is told (RES-7); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_session_decode(
    octets: *const u8,
    length: usize,
    session: *mut rext_session,
) -> rext_status {
    fence!({
        // SAFETY: C's part is in the documentation.
        let session = unsafe { out(session) }?;
        // SAFETY: likewise.
        let octets = unsafe { self::octets(octets, length) }?;
        session.set(rext_session::of(Record::decode(octets).ok_or(Misuse::Record)?));
        Ok(REXT_OK)
    })
}
