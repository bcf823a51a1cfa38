//! The ticket keys of a fleet, and their rotation.

use std::cmp::Reverse;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;

use super::{TicketKey, TicketKeyError, TicketKeysWarning};

/// The ticket keys of a fleet, the newest first. All that have not expired decrypt; the newest
/// whose time has come encrypts.
#[derive(Clone, Debug, Default)]
pub struct TicketKeys(Vec<TicketKey>);

impl TicketKeys {
    /// The maximum number of keys.
    pub const MAX: usize = 16;

    /// Collects keys, in any order. There may be none: then there are no tickets.
    ///
    /// # Errors
    /// [`TicketKeyError::TooMany`], [`TicketKeyError::DuplicateName`].
    pub fn new(keys: impl IntoIterator<Item = TicketKey>) -> Result<Self, TicketKeyError> {
        let mut sorted: Vec<TicketKey> = Vec::new();
        for key in keys {
            if sorted.len() == Self::MAX {
                return Err(TicketKeyError::TooMany);
            }
            if sorted.iter().any(|other| other.name == key.name) {
                return Err(TicketKeyError::DuplicateName { name: key.name() });
            }
            sorted.push(key);
        }
        sorted.sort_by_key(|key| Reverse(key.age()));
        Ok(Self(sorted))
    }

    /// The keys, the newest first.
    pub fn iter(&self) -> std::slice::Iter<'_, TicketKey> {
        self.0.iter()
    }

    /// The key that encrypts at `now`.
    pub fn encrypting(&self, now: UnixTime) -> Option<&TicketKey> {
        let begun = |key: &&TicketKey| key.encrypts_from <= now.as_secs();
        // A newer key that has expired is not a reason to use an older one for longer.
        self.0.iter().find(begun).filter(|key| !key.is_expired(now))
    }

    /// Returns what the operator should know at `now`.
    pub fn warning(&self, now: UnixTime) -> Option<TicketKeysWarning> {
        let Some(key) = self.encrypting(now) else { return Some(TicketKeysWarning::NoneEncrypts) };
        let left = key.expires.saturating_sub(now.as_secs());
        let is_newest = self.0.first().is_some_and(|newest| newest.name == key.name);
        (is_newest && left < (key.expires - key.encrypts_from) / 4)
            .then_some(TicketKeysWarning::RotationOverdue)
    }

    /// Compares all but the secrets.
    #[cfg(feature = "redis")]
    pub(super) fn has_same_keys(&self, other: &Self) -> bool {
        let public = |key: &TicketKey| (key.name, key.encrypts_from, key.expires);
        self.0.iter().map(public).eq(other.0.iter().map(public))
    }
}

/// How keys are replaced by newer ones.
///
/// A rotation has two phases, since nodes learn about a new key at different times. The new key is
/// published at once, and all nodes decrypt with it as soon as they have it. They encrypt with it
/// only after `delay`, by their own clocks, when all nodes have it. So `delay` must be longer than
/// it takes until all nodes have loaded the key, and longer than the clocks differ.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// How long a key decrypts after it began to encrypt: from 1 second to 14 days.
    pub lifetime: Duration,
    /// How long a new key is only known before it encrypts.
    pub delay: Duration,
    /// How many keys to keep, with the new one: at least 2, and fewer than [`TicketKeys::MAX`], so
    /// that the new one can be added before others are removed. The oldest are removed; their
    /// tickets do not resume any more.
    pub keep: usize,
}

impl Default for Rotation {
    /// Keys for a day that encrypt after 5 minutes, of which 8 are kept: for one rotation every 12
    /// hours, or up to one every 4 hours.
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(24 * 3600), delay: Duration::from_secs(300), keep: 8 }
    }
}

/// What a rotation changes.
#[derive(Debug)]
pub struct Rotated {
    /// The key to add, before others are removed.
    pub added: TicketKey,
    /// The keys to remove.
    pub removed: Vec<TicketKey>,
}

impl Rotation {
    /// Plans a rotation of `keys` at `now`: makes a new key, and finds the keys to remove, which are
    /// those that have expired and those that are more than [`keep`](Self::keep).
    ///
    /// If no key encrypts at `now`, the new one does so without delay.
    ///
    /// # Errors
    /// [`TicketKeyError::AlreadyWaiting`] if a key does not encrypt yet: then several programs
    /// rotated at the same time, or `delay` is longer than the time between rotations.
    /// [`TicketKeyError::BadKeep`]; and as [`TicketKey::generate`].
    pub fn plan(
        &self,
        keys: &TicketKeys,
        now: UnixTime,
        provider: &CryptoProvider,
    ) -> Result<Rotated, TicketKeyError> {
        if !(2..TicketKeys::MAX).contains(&self.keep) {
            return Err(TicketKeyError::BadKeep);
        }
        if let Some(next) = keys.iter().find(|key| key.encrypts_from > now.as_secs()) {
            return Err(TicketKeyError::AlreadyWaiting { name: next.name() });
        }
        let delay = keys.encrypting(now).map_or(Duration::ZERO, |_| self.delay);
        let added = TicketKey::generate(provider, now, delay, self.lifetime)?;
        let mut kept = 1;
        let mut removed = Vec::new();
        for key in keys.iter() {
            if key.is_expired(now) || kept == self.keep {
                removed.push(key.clone());
            } else {
                kept += 1;
            }
        }
        Ok(Rotated { added, removed })
    }

    /// Plans the first key, which encrypts at once.
    ///
    /// # Errors
    /// [`TicketKeyError::KeysExist`] if there are keys; and as [`TicketKey::generate`].
    pub fn init(
        &self,
        keys: &TicketKeys,
        now: UnixTime,
        provider: &CryptoProvider,
    ) -> Result<Rotated, TicketKeyError> {
        if keys.0.is_empty() {
            self.replace(keys, now, provider)
        } else {
            Err(TicketKeyError::KeysExist)
        }
    }

    /// Plans to remove all keys, and to add one that encrypts at once. This is for keys that
    /// somebody else may have: [`plan()`](Self::plan) keeps them until they expire.
    ///
    /// # Errors
    /// As [`TicketKey::generate`].
    pub fn replace(
        &self,
        keys: &TicketKeys,
        now: UnixTime,
        provider: &CryptoProvider,
    ) -> Result<Rotated, TicketKeyError> {
        let added = TicketKey::generate(provider, now, Duration::ZERO, self.lifetime)?;
        Ok(Rotated { added, removed: keys.iter().cloned().collect() })
    }
}
