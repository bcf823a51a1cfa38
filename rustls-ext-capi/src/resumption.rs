//! Rules for resuming sessions, and the session records that they need.

use rustls_ext_wire::resumption::{
    DEFAULT_MAX_AGE_SECONDS, Demand, Record, Resumption, Voucher, check, is_recent,
};

use crate::bytes::rext_bytes;
use crate::fence::{borrow, bytes, fence, out, room};
use crate::refusal::Misuse;
use crate::status::{REXT_OK, rext_status};

/// The certificate that a server requires of a client, if any; one of REXT_DEMAND_....
pub type rext_demand = i32;

/// Demand: no certificate.
pub const REXT_DEMAND_NONE: rext_demand = 0;
/// Demand: a certificate if the client has one.
pub const REXT_DEMAND_REQUEST: rext_demand = 1;
/// Demand: a certificate.
pub const REXT_DEMAND_REQUIRE: rext_demand = 2;

/// Whether a session may be resumed instead of a full handshake, one of REXT_RESUMPTION_...; 0 or
/// above.
pub type rext_resumption = i32;

/// Resumption: it may not. Do a full handshake without an error, and refuse 0-RTT data (RES-2,
/// RES-6).
pub const REXT_RESUMPTION_REFUSED: rext_resumption = 0;
/// Resumption: it may.
pub const REXT_RESUMPTION_ALLOWED: rext_resumption = 1;
/// Resumption: it may if its certificate chain still verifies (RES-5).
pub const REXT_RESUMPTION_IF_VERIFIED: rext_resumption = 2;

/// The maximum length of a session record, in bytes.
pub const REXT_SESSION_LONGEST: usize = 270;

// Vouchers are the patched rustls' own: no function here encodes one.
const _: () = assert!(REXT_SESSION_LONGEST + Voucher::LEN == Record::LONGEST);

/// The data about its client that a stored session, or a ticket, records (RES-1).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_session {
    /// The scope in which the client was asked for a certificate: the name under which the
    /// certificate counts, 1 to 255 bytes. { NULL, 0 } if the client was not asked.
    pub scope: rext_bytes,
    /// When the client authenticated, in seconds since the Unix epoch; 0 if it did not. A
    /// resumption does not change it.
    pub authenticated_at: u64,
    /// Not 0 if the client proved possession of a certificate that counts in that scope.
    pub authenticated: i32,
}

impl rext_session {
    /// # Safety
    /// The scope meets the requirements of [`rext_bytes::get`].
    unsafe fn record<'a>(&self) -> Result<Record<'a>, Misuse> {
        // SAFETY: required of this function's caller.
        let scope = unsafe { self.scope.get() }?;
        match (scope, self.authenticated != 0) {
            ([], false) => Ok(Record::NotAsked),
            ([], true) => Err(Misuse::Value("a session: it is authenticated, but has no scope")),
            (scope, false) => Ok(Record::Declined { scope }),
            (scope, true) => {
                Ok(Record::Authenticated { scope, at: self.authenticated_at, voucher: None })
            }
        }
    }

    fn of(record: Record<'_>) -> Self {
        let (scope, at, authenticated) = match record {
            Record::NotAsked => (rext_bytes::NONE, 0, 0),
            Record::Declined { scope } => (scope.into(), 0, 0),
            Record::Authenticated { scope, at, .. } => (scope.into(), at, 1),
        };
        Self { scope, authenticated_at: at, authenticated }
    }
}

/// Decides whether a session may be resumed under a demand (RES-2, RES-3, RES-4).
///
/// demand: one of REXT_DEMAND_....
/// scope: the scope of the demand, at least one byte; not NULL. Ignored for REXT_DEMAND_NONE.
/// offered: not 0 if the client offers to authenticate, by flag or CARE.
/// session: the session's record; not NULL. Do not resume a session without a record (RES-7).
///
/// Returns: one of REXT_RESUMPTION_...; or a mistake of the caller, below 0: then do not resume the
/// session.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_resumption_check(
    demand: rext_demand,
    scope: *const rext_bytes,
    offered: i32,
    session: *const rext_session,
) -> rext_resumption {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let session = unsafe { borrow(session) }?;
        // SAFETY: likewise.
        let session = unsafe { session.record() }?.session();
        let scope = || {
            // SAFETY: likewise.
            let scope = unsafe { borrow(scope) }?;
            // SAFETY: likewise.
            let scope = unsafe { scope.get() }?;
            match scope {
                [] => Err(Misuse::Value("a scope, which has 1 to 255 bytes")),
                scope => Ok(scope),
            }
        };
        let demand = match demand {
            REXT_DEMAND_NONE => Demand::None,
            REXT_DEMAND_REQUEST => Demand::Request(scope()?),
            REXT_DEMAND_REQUIRE => Demand::Require(scope()?),
            _ => return Err(Misuse::Value("a demand REXT_DEMAND_...").into()),
        };
        Ok(match check(demand, offered != 0, session) {
            Resumption::Allowed => REXT_RESUMPTION_ALLOWED,
            Resumption::IfVerified => REXT_RESUMPTION_IF_VERIFIED,
            Resumption::Refused => REXT_RESUMPTION_REFUSED,
        })
    })
}

/// The default limit for the age of one proof of possession, in seconds: 7 days, the longest
/// lifetime of a ticket (RFC 8446 section 4.6.1).
pub const REXT_MAX_AGE_SECONDS: u64 = 604_800;

const _: () = assert!(REXT_MAX_AGE_SECONDS == DEFAULT_MAX_AGE_SECONDS);

/// Returns 1 if a client's proof of possession is recent enough for its session to be resumed.
///
/// A resumed handshake contains no new proof, so without this limit a session that is renewed by
/// each resumption would last forever. A proof in the future is not recent: the clock was set back,
/// so the age is unknown.
///
/// authenticated_at: from the session's record, in seconds since the Unix epoch.
/// now: the current time, in the same unit.
/// max_age: the limit in seconds; REXT_MAX_AGE_SECONDS, unless the demand has another one.
///
/// Returns: 1 if it is recent; 0 if not: then do a full handshake.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn rext_resumption_is_recent(authenticated_at: u64, now: u64, max_age: u64) -> i32 {
    i32::from(is_recent(authenticated_at, now, max_age))
}

/// Encodes a session record. Store it with the session, for example in the application data of a
/// ticket. It is neither secret nor protected: the ticket or the store must protect it.
///
/// session: not NULL.
/// buffer, length: receives the record; REXT_SESSION_LONGEST bytes are always enough.
/// written: receives the record's length; not NULL. Written only on REXT_OK.
///
/// Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE for a scope of more
/// than 255 bytes, or for an authenticated session without a scope; or another mistake of the
/// caller.
///
/// Threads: any, each with its own buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_session_encode(
    session: *const rext_session,
    buffer: *mut u8,
    length: usize,
    written: *mut usize,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let written = unsafe { out(written) }?;
        // SAFETY: likewise.
        let buffer = unsafe { room(buffer, length) }?;
        // SAFETY: likewise.
        let session = unsafe { borrow(session) }?;
        // SAFETY: likewise.
        let bytes = unsafe { session.record() }?.encode(buffer)?;
        written.set(bytes.len());
        Ok(REXT_OK)
    })
}

/// Decodes a session record that rext_session_encode() wrote.
///
/// bytes, length: the record; NULL and 0 if it is empty.
/// session: receives the record; not NULL. Written only on REXT_OK. Its scope points into bytes.
///
/// Returns: REXT_OK; REXT_ERR_RECORD for any other bytes, including records of another version:
/// then do a full handshake without an error (RES-7); or a mistake of the caller.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_session_decode(
    bytes: *const u8,
    length: usize,
    session: *mut rext_session,
) -> rext_status {
    fence!({
        // SAFETY: C callers must meet the documented requirements.
        let session = unsafe { out(session) }?;
        // SAFETY: likewise.
        let bytes = unsafe { self::bytes(bytes, length) }?;
        session.set(rext_session::of(Record::decode(bytes).ok_or(Misuse::Record)?));
        Ok(REXT_OK)
    })
}
