//! The encoding of a session's data about its client.

use core::fmt;

use super::{Session, Voucher};

/// The data about its client that a session records (RES-1), and its encoding.
///
/// There is one encoding for all stacks. Each stack stores it where it has room: the patched rustls
/// at the end of a session that it stores or puts into a ticket, others in the application data of
/// a ticket. It is neither secret nor protected: the ticket or the store must protect it.
///
/// ```text
/// opaque mark[4] = "rext";
/// uint8 version = 1;
/// uint8 kind;                  // 0: not asked, 1: declined, 2: authenticated, 3: with a voucher, too
/// opaque scope<1..255>;        // with kinds 1 to 3
/// uint64 authenticated_at;     // with kinds 2 and 3
/// uint64 not_before;           // with kind 3
/// uint64 not_after;            // with kind 3
/// opaque tag[16];              // with kind 3
/// ```
///
/// Times are in seconds since the Unix epoch, in network order. Nothing may follow.
/// [`decode`](Self::decode) refuses every other encoding, including those of later versions. A session
/// whose record cannot be decoded does not resume: its client gets a full handshake (RES-7).
///
/// ```
/// use rustls_ext_wire::resumption::{Demand, Record, Resumption, check};
///
/// let mut buffer = [0; Record::LONGEST];
/// let agent = Record::Authenticated { scope: b"agents", at: 1_767_225_600, voucher: None };
/// let bytes = agent.encode(&mut buffer)?;
///
/// let record = Record::decode(bytes).ok_or("a record of another version")?;
/// let resumption = check(Demand::Require(b"agents"), true, record.session());
/// assert_eq!(resumption, Resumption::IfVerified);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// Closed: a decoder of before refuses a new kind as it refuses a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record<'a> {
    /// The client was not asked for a certificate.
    NotAsked,
    /// It was asked, and sent no certificate.
    Declined {
        /// The scope in which it was asked: 1 to 255 bytes.
        scope: &'a [u8],
    },
    /// It proved possession of a certificate.
    Authenticated {
        /// The scope in which the certificate counts: 1 to 255 bytes.
        scope: &'a [u8],
        /// When it gave the proof, in seconds since the Unix epoch. A resumption does not change
        /// it.
        at: u64,
        /// The verifier's voucher for the chain, if it gave one (RES-5).
        voucher: Option<Voucher>,
    },
}

/// The mark, and the version of the encoding.
const HEAD: [u8; 5] = *b"rext\x01";

const NOT_ASKED: u8 = 0;
const DECLINED: u8 = 1;
const AUTHENTICATED: u8 = 2;
const VOUCHED: u8 = 3;

impl<'a> Record<'a> {
    /// The maximum length of a record, in bytes.
    pub const LONGEST: usize = HEAD.len() + 1 + 1 + 255 + 8 + Voucher::LEN;

    /// Encodes the record at the front of `buffer`, and returns the encoded bytes.
    ///
    /// # Errors
    /// [`RecordError`] if a scope does not have 1 to 255 bytes, or if `buffer` is too short.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RecordError> {
        let (kind, scope, at, voucher) = match *self {
            Self::NotAsked => (NOT_ASKED, None, None, None),
            Self::Declined { scope } => (DECLINED, Some(scope), None, None),
            Self::Authenticated { scope, at, voucher } => {
                let kind = if voucher.is_some() { VOUCHED } else { AUTHENTICATED };
                (kind, Some(scope), Some(at.to_be_bytes()), voucher)
            }
        };
        let (scope, length) = match (scope, scope.map(|scope| u8::try_from(scope.len()))) {
            (None, _) => (&[][..], None),
            (Some(scope), Some(Ok(length @ 1..))) => (scope, Some([length])),
            _ => return Err(RecordError::Scope),
        };
        let span = voucher.map(|it| (it.not_before.to_be_bytes(), it.not_after.to_be_bytes()));
        let parts: [&[u8]; 8] = [
            &HEAD,
            &[kind],
            length.as_ref().map_or(&[], |length| length),
            scope,
            at.as_ref().map_or(&[], |at| at),
            span.as_ref().map_or(&[], |(not_before, _)| not_before),
            span.as_ref().map_or(&[], |(_, not_after)| not_after),
            voucher.as_ref().map_or(&[], |voucher| &voucher.tag),
        ];
        let needed = parts.iter().map(|part| part.len()).sum();
        let room = buffer.get_mut(..needed).ok_or(RecordError::NoRoom { needed })?;
        for (to, from) in room.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        Ok(room)
    }

    /// Decodes bytes that [`encode`](Self::encode) wrote. Returns `None` for all others, including
    /// those of another version: a session with such a record does not resume (RES-7).
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (&kind, rest) = bytes.strip_prefix(&HEAD)?.split_first()?;
        if kind == NOT_ASKED {
            return rest.is_empty().then_some(Self::NotAsked);
        }
        let (&length, rest) = rest.split_first()?;
        let (scope, rest) = rest.split_at_checked(usize::from(length))?;
        match kind {
            _ if scope.is_empty() => None,
            DECLINED => rest.is_empty().then_some(Self::Declined { scope }),
            AUTHENTICATED | VOUCHED => {
                let (&at, rest) = rest.split_first_chunk()?;
                let voucher = match kind {
                    VOUCHED => Some(Voucher::decode(rest)?),
                    _ if rest.is_empty() => None,
                    _ => return None,
                };
                Some(Self::Authenticated { scope, at: u64::from_be_bytes(at), voucher })
            }
            _ => None,
        }
    }

    /// Returns the form that [`check`](super::check) takes.
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

/// Why a [`Record`] cannot be encoded. This is a mistake of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The name of the scope does not have 1 to 255 bytes.
    Scope,
    /// The buffer is too short.
    NoRoom {
        /// The required length in bytes.
        needed: usize,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope => f.write_str("the name of a scope must have 1 to 255 bytes"),
            Self::NoRoom { needed } => {
                write!(f, "the buffer is too short: the record has {needed} bytes")
            }
        }
    }
}

impl core::error::Error for RecordError {}
