//! Sessions that can be resumed.

use std::time::Instant;

use super::crypto::{self, KeySchedule};
use super::wire::Reader;
use super::{Error, Extension, NewSessionTicket, Suite, ext};

/// A session that can be resumed, received or issued (RFC 8446 section 4.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its cipher suite.
    pub suite: Suite,
    /// The ticket itself: the identity in pre_shared_key.
    pub identity: Vec<u8>,
    /// The pre-shared key.
    pub psk: Vec<u8>,
    /// ticket_age_add.
    pub age_add: u32,
    /// ticket_lifetime, seconds.
    pub lifetime: u32,
    /// max_early_data_size, 0 without that extension.
    pub max_early_data: u32,
    /// The extensions of its NewSessionTicket.
    pub extensions: Vec<Extension>,
    /// When it was received or issued; tests may move it.
    pub since: Instant,
}

impl Ticket {
    /// The session of a NewSessionTicket, with the connection's resumption secret.
    pub(super) fn of(
        suite: Suite,
        resumption: &[u8],
        message: NewSessionTicket,
    ) -> Result<Self, Error> {
        let len = suite.hash_len();
        let psk = crypto::expand_label(suite, resumption, "resumption", &message.nonce, len)?;
        let max_early_data = match ext::find(&message.extensions, ext::EARLY_DATA) {
            Some(body) => Reader::new(body, "early_data").u32()?,
            None => 0,
        };
        Ok(Self {
            suite,
            identity: message.ticket,
            psk,
            age_add: message.age_add,
            lifetime: message.lifetime,
            max_early_data,
            extensions: message.extensions,
            since: Instant::now(),
        })
    }

    /// obfuscated_ticket_age, now (RFC 8446 section 4.2.11.1).
    pub(super) fn obfuscated_age(&self) -> u32 {
        // Milliseconds modulo 2^32: the cut is meant.
        (self.since.elapsed().as_millis() as u32).wrapping_add(self.age_add)
    }

    /// The binder of a ClientHello that ends, without its binders, as `transcript` does (RFC 8446
    /// section 4.2.11.2).
    pub(super) fn binder(&self, transcript: &[u8]) -> Result<Vec<u8>, Error> {
        let suite = self.suite;
        let schedule = KeySchedule::early(suite, Some(&self.psk));
        let key = schedule.derive("res binder", &suite.hash(&[]))?;
        crypto::verify_data(suite, &key, &suite.hash(transcript))
    }
}
