//! Changes the keys in Redis.

use redis::aio::MultiplexedConnection;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;

use super::{KeyStore, KeyStoreError, in_time};
use crate::tickets::{Rotated, Rotation, TicketKey, TicketKeyError, TicketKeys};

impl KeyStore {
    /// Rotates the keys: see [`Rotation::plan`]. Either all changes are made or none, and only if no
    /// other program changes the keys at the same time.
    ///
    /// # Errors
    /// As [`Rotation::plan`] and [`read()`](Self::read); [`KeyStoreError::Conflict`].
    pub async fn rotate(
        &self,
        rotation: &Rotation,
        now: UnixTime,
        provider: &CryptoProvider,
    ) -> Result<Rotated, KeyStoreError> {
        self.change(|keys| rotation.plan(keys, now, provider)).await
    }

    /// Adds the first key, which encrypts at once.
    ///
    /// # Errors
    /// [`TicketKeyError::KeysExist`] if there are keys; and as [`rotate()`](Self::rotate).
    pub async fn init(
        &self,
        rotation: &Rotation,
        now: UnixTime,
        provider: &CryptoProvider,
    ) -> Result<Rotated, KeyStoreError> {
        self.change(|keys| rotation.init(keys, now, provider)).await
    }

    /// Removes all keys, and adds one that encrypts at once: after a leak. No session resumes.
    ///
    /// # Errors
    /// As [`rotate()`](Self::rotate).
    pub async fn replace(
        &self,
        rotation: &Rotation,
        now: UnixTime,
        provider: &CryptoProvider,
    ) -> Result<Rotated, KeyStoreError> {
        self.change(|keys| rotation.replace(keys, now, provider)).await
    }

    async fn change(
        &self,
        plan: impl FnOnce(&TicketKeys) -> Result<Rotated, TicketKeyError>,
    ) -> Result<Rotated, KeyStoreError> {
        let mut connection = self.connect().await?;
        let mut watch = redis::cmd("WATCH");
        watch.arg(self.names());
        let () = in_time(watch.query_async(&mut connection)).await?;
        let keys = self.read_with(&mut connection).await?;
        let rotated = plan(&keys).map_err(KeyStoreError::Keys)?;
        self.write(&mut connection, &keys, &rotated).await?;
        Ok(rotated)
    }

    async fn write(
        &self,
        connection: &mut MultiplexedConnection,
        before: &TicketKeys,
        Rotated { added, removed }: &Rotated,
    ) -> Result<(), KeyStoreError> {
        let is_removed = |key: &&TicketKey| removed.iter().any(|gone| gone.name == key.name);
        let kept = before.iter().filter(|key| !is_removed(key)).chain([added]);
        // The set of names is gone when the last of them is.
        let last = kept.map(milliseconds).max().unwrap_or_default();
        let mut all = redis::pipe();
        all.atomic();
        all.cmd("SET").arg(self.key(&added.name())).arg(added.to_text().as_bytes());
        all.arg("PXAT").arg(milliseconds(added)).ignore();
        all.cmd("ZADD").arg(self.names()).arg(added.expires().as_secs()).arg(added.name()).ignore();
        for key in removed {
            all.cmd("DEL").arg(self.key(&key.name())).ignore();
            all.cmd("ZREM").arg(self.names()).arg(key.name()).ignore();
        }
        all.cmd("ZREMRANGEBYSCORE").arg(self.names()).arg("-inf");
        all.arg(added.created().as_secs()).ignore();
        all.cmd("PEXPIREAT").arg(self.names()).arg(last).ignore();
        // Nothing is executed if the names have changed since WATCH.
        let done: Option<()> = in_time(all.query_async(connection)).await?;
        done.ok_or(KeyStoreError::Conflict)
    }
}

fn milliseconds(key: &TicketKey) -> u64 {
    key.expires().as_secs().saturating_mul(1000)
}
