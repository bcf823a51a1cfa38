//! What a session records of its client, as octets.

use core::fmt;

use super::Session;

/// What a session records of its client (RES-1), and the octets of it, for a stack that has a place
/// for them: the application data of a ticket, say.
///
/// They begin with a mark and the version of their form, and [`decode`](Self::decode) refuses all
/// that it does not know; a session without a record that can be read does not resume (RES-7). They
/// are neither secret nor protected: that is for the ticket to be.
///
/// ```
/// use rustls_ext_wire::resumption::{Demand, Record, Resumption, judge};
///
/// let mut buffer = [0; Record::LONGEST];
/// let agent = Record::Authenticated { scope: b"agents", at: 1_767_225_600 };
/// let octets = agent.encode(&mut buffer)?;
///
/// let record = Record::decode(octets).ok_or("a record of another version")?;
/// let judged = judge(Demand::Require(b"agents"), true, record.session());
/// assert_eq!(judged, Resumption::IfVerified);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record<'a> {
    /// The client was not asked for a certificate.
    NotAsked,
    /// It was, and showed none.
    Declined {
        /// The scope in which it was asked: 1 to 255 octets.
        scope: &'a [u8],
    },
    /// It proved to hold one.
    Authenticated {
        /// The scope in which that counts: 1 to 255 octets.
        scope: &'a [u8],
        /// When, in seconds since the Unix epoch. A resumption does not change it.
        at: u64,
    },
}

/// The mark, and the version of the form behind it.
const HEAD: [u8; 5] = *b"rext\x01";

const NOT_ASKED: u8 = 0;
const DECLINED: u8 = 1;
const AUTHENTICATED: u8 = 2;

impl<'a> Record<'a> {
    /// The most octets of a record.
    pub const LONGEST: usize = HEAD.len() + 1 + 1 + 255 + 8;

    /// Writes the octets to the front of `buffer`, and returns them.
    ///
    /// # Errors
    /// [`RecordError`], when a scope has not 1 to 255 octets, or `buffer` no room.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RecordError> {
        let (kind, scope, at) = match *self {
            Self::NotAsked => (NOT_ASKED, None, None),
            Self::Declined { scope } => (DECLINED, Some(scope), None),
            Self::Authenticated { scope, at } => {
                (AUTHENTICATED, Some(scope), Some(at.to_be_bytes()))
            }
        };
        let (scope, length) = match (scope, scope.map(|scope| u8::try_from(scope.len()))) {
            (None, _) => (&[][..], None),
            (Some(scope), Some(Ok(length @ 1..))) => (scope, Some([length])),
            _ => return Err(RecordError::Scope),
        };
        let parts: [&[u8]; 5] = [
            &HEAD,
            &[kind],
            length.as_ref().map_or(&[], |length| length),
            scope,
            at.as_ref().map_or(&[], |at| at),
        ];
        let needed = parts.iter().map(|part| part.len()).sum();
        let room = buffer.get_mut(..needed).ok_or(RecordError::NoRoom { needed })?;
        for (to, from) in room.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        Ok(room)
    }

    /// Reads octets that [`encode`](Self::encode) wrote; `None` for all others, those of another
    /// version included: a session with such a record does not resume (RES-7).
    #[must_use]
    pub fn decode(octets: &'a [u8]) -> Option<Self> {
        let (&kind, rest) = octets.strip_prefix(&HEAD)?.split_first()?;
        if kind == NOT_ASKED {
            return rest.is_empty().then_some(Self::NotAsked);
        }
        let (&length, rest) = rest.split_first()?;
        let (scope, rest) = rest.split_at_checked(usize::from(length))?;
        match kind {
            _ if scope.is_empty() => None,
            DECLINED => rest.is_empty().then_some(Self::Declined { scope }),
            AUTHENTICATED => {
                let at = u64::from_be_bytes(rest.try_into().ok()?);
                Some(Self::Authenticated { scope, at })
            }
            _ => None,
        }
    }

    /// What [`judge`](super::judge) is told of it.
    #[must_use]
    pub const fn session(&self) -> Session<'a> {
        let (scope, authenticated) = match *self {
            Self::NotAsked => (None, false),
            Self::Declined { scope } => (Some(scope), false),
            Self::Authenticated { scope, .. } => (Some(scope), true),
        };
        Session { scope, authenticated }
    }
}

/// Why a [`Record`] has no octets. A mistake of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The name of the scope has not 1 to 255 octets.
    Scope,
    /// The buffer is too short.
    NoRoom {
        /// How many octets it takes.
        needed: usize,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope => f.write_str("the name of a scope has 1 to 255 octets"),
            Self::NoRoom { needed } => write!(f, "no room for the {needed} octets of a record"),
        }
    }
}

impl core::error::Error for RecordError {}
