//! Session tickets that any server of a fleet resumes.
//!
//! A client that comes back to another server of the fleet resumes its session there (RFC 8446
//! section 2.2, RFC 5077), if that server has the key of the client's ticket. [`Tickets`] is a
//! [`ProducesTickets`] for [`ServerConfig::ticketer`], with keys that the servers share:
//!
//! * from a directory or a mounted secret, which [`Files::ticket_keys`](crate::Files::ticket_keys)
//!   reads, so that [`Live`](crate::Live) reloads it like certificates and policies;
//! * from Redis or Valkey, with the feature `redis`: `tickets::redis`;
//! * or from anywhere else: [`TicketKey::from_text`], [`TicketKeys::new`].
//!
//! `rext ticket-keys` makes and rotates keys in a directory and in Redis.
//!
//! ```
//! # use std::sync::Arc;
//! # use rustls_ext::rustls::ServerConfig;
//! # use rustls_ext::{Live, LoadError, Policy, Setup};
//! use rustls_ext::tickets::Tickets;
//!
//! # fn live(template: ServerConfig) -> Result<Live, LoadError> {
//! let live = Live::load(move |files| {
//!     let mut config = template.clone();
//!     let keys = files.ticket_keys("/etc/fleet/ticket-keys")?;
//!     config.ticketer = Arc::new(Tickets::new(&keys, config.crypto_provider())?);
//!     let policy = Policy::on_offer("agents", files.anchors("agents-ca.pem")?)?;
//!     Ok(Setup::new(config, policy))
//! })?;
//! # Ok(live)
//! # }
//! ```
//!
//! # Which sessions resume
//! A ticket contains the session with the scope and the certificate of its client. The server that
//! receives it decides by its own policy, verifies the certificate again with its own anchors, lists
//! and clock, and applies its own [`max_age`](crate::Anchors::with_max_age). So servers with
//! different policies can share keys; a session that does not fit gets a full handshake. But a scope
//! must mean the same everywhere, and a server without a policy does not verify again: see "Sessions
//! of configs that share storage or ticket keys" in `SECURITY.md`. Servers of different purposes
//! should have different keys, or at least a different [`context`](Tickets::with_context).
//!
//! A ticket of an unknown or expired key, of another context, or one that was changed is ignored: the
//! server makes a full handshake, and sends no alert.
//!
//! # If a key leaks
//! Ticket keys can do more than private keys. A ticket says which certificate its client has proved
//! to own, so a key forges any client's identity whose certificate, which is public, is known; and
//! it impersonates the server to clients that resume. A ticket also contains the session's secret:
//! under TLS 1.2, a key decrypts recorded connections that were made with its tickets or in which
//! they were sent. (Under TLS 1.3, resumption has a key exchange of its own.) After a leak, replace
//! all keys at once with `rext ticket-keys replace`.
//!
//! # Format
//! A ticket is the key's public name (16 random bytes), a random salt (32 bytes), and the session,
//! encrypted with AES-256-GCM as one record of TLS 1.3 without its header. The record's key is
//! HKDF-Expand with SHA-384 of the secret, over a label, the name, the context and the salt. Each
//! ticket has its own key, so that there is no limit on their number, and its nonce is zero. A
//! session of more than 16 KiB (long certificate chains) gets no ticket.
//!
//! # Times
//! Each server uses its own clock. A key decrypts from the time at which a server has it until it
//! expires, even if it is not removed. The newest key whose time has come encrypts; the lifetime of a
//! ticket is what remains until that key expires, at most 7 days. If the clock of a server is wrong
//! by some seconds, its keys begin and expire by as much earlier or later. If no key can encrypt,
//! there are no tickets, and connections work without resumption.
//!
//! # Memory
//! Secrets are overwritten when they are dropped. The copies inside of the cryptography provider are
//! the provider's: ring does not overwrite its own.
//!
//! [`ServerConfig::ticketer`]: rustls::ServerConfig::ticketer

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};

mod directory;
mod error;
mod key;
mod keys;
#[cfg(feature = "redis")]
pub mod redis;
mod seal;

pub use directory::KEY_FILE_SUFFIX;
pub use error::{TicketKeyError, TicketKeysWarning};
pub use key::TicketKey;
pub use keys::{Rotated, Rotation, TicketKeys};
use seal::{Algorithms, MAX_TICKET, ReadyKey};

/// The longest lifetime of a ticket, in seconds (RFC 8446 section 4.6.1).
const MAX_LIFETIME: u64 = 7 * 24 * 3600;

/// Encrypts and decrypts session tickets with the keys of a fleet.
pub struct Tickets {
    algorithms: Algorithms,
    context: Vec<u8>,
    clock: Arc<dyn TimeProvider>,
    /// The newest first.
    keys: RwLock<Arc<Vec<ReadyKey>>>,
}

impl Tickets {
    /// Uses these keys, with the algorithms of this provider.
    ///
    /// # Errors
    /// [`TicketKeyError::NoCipher`].
    pub fn new(keys: &TicketKeys, provider: &CryptoProvider) -> Result<Self, TicketKeyError> {
        let tickets = Self {
            algorithms: Algorithms::of(provider)?,
            context: Vec::new(),
            clock: Arc::new(DefaultTimeProvider),
            keys: RwLock::default(),
        };
        tickets.set_keys(keys);
        Ok(tickets)
    }

    /// Sets the context, such as the name of the fleet; the default is the empty one. Tickets of
    /// another context are ignored, even if their key is the same, so that servers of different
    /// purposes that share keys by mistake do not resume each other's sessions.
    ///
    /// # Errors
    /// [`TicketKeyError::LongContext`] if it has more than 255 bytes.
    pub fn with_context(self, context: impl Into<Vec<u8>>) -> Result<Self, TicketKeyError> {
        let context = context.into();
        if context.len() > usize::from(u8::MAX) {
            return Err(TicketKeyError::LongContext);
        }
        Ok(Self { context, ..self })
    }

    /// Uses this clock; the default is the system's.
    pub fn with_time_provider(self, clock: Arc<dyn TimeProvider>) -> Self {
        Self { clock, ..self }
    }

    /// Replaces all keys.
    pub fn set_keys(&self, keys: &TicketKeys) {
        let keys = keys.iter().map(|key| ReadyKey::new(&self.algorithms, key)).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    fn keys(&self) -> Arc<Vec<ReadyKey>> {
        // Nothing can panic while this is held.
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> Option<u64> {
        self.clock.current_time().as_ref().map(UnixTime::as_secs)
    }
}

/// The key that encrypts: see [`TicketKeys::encrypting`].
fn encrypting(keys: &[ReadyKey], now: u64) -> Option<&ReadyKey> {
    keys.iter().find(|key| key.encrypts_from <= now).filter(|key| now < key.expires)
}

impl ProducesTickets for Tickets {
    /// Always true, even if there are no keys: otherwise rustls would use its session storage, and
    /// could accept early data with a ticket if the keys expire during a handshake.
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        let lifetime = || {
            let now = self.now()?;
            let left = encrypting(&self.keys(), now)?.expires.checked_sub(now)?;
            u32::try_from(left.min(MAX_LIFETIME)).ok()
        };
        lifetime().unwrap_or_default()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys();
        encrypting(&keys, self.now()?)?.seal(&self.algorithms, &self.context, plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > MAX_TICKET {
            return None;
        }
        let (name, rest) = ticket.split_first_chunk()?;
        let (keys, now) = (self.keys(), self.now()?);
        let key = keys.iter().find(|key| key.name == *name && now < key.expires)?;
        key.open(&self.algorithms, &self.context, rest)
    }
}

impl fmt::Debug for Tickets {
    /// Leaves out the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("keys", &self.keys().len()).finish_non_exhaustive()
    }
}
