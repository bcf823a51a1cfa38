//! Time, randomness, key exchange and a session storage that are the same each time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::Error;
use rustls::crypto::kx::{
    ActiveKeyExchange, NamedGroup, SharedSecret, StartedKeyExchange, SupportedKxGroup,
};
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};
use rustls::pki_types::UnixTime;
use rustls::server::{ServerSessionKey, StoresServerSessions};
use rustls::time_provider::TimeProvider;

/// A provider of one version, whose key exchange has these of the two groups.
pub(crate) fn provider(version: &str, groups: &[usize]) -> Arc<CryptoProvider> {
    const GROUPS: [&dyn SupportedKxGroup; 2] =
        [&Fixed(NamedGroup::X25519), &Fixed(NamedGroup::secp256r1)];
    let mut provider = match version {
        "TLS 1.3" => rustls_ring::DEFAULT_TLS13_PROVIDER,
        _ => rustls_ring::DEFAULT_TLS12_PROVIDER,
    };
    let groups: Vec<_> = groups.iter().filter_map(|it| GROUPS.get(*it).copied()).collect();
    provider.kx_groups = Cow::Owned(groups);
    // One for each config, so that it does not depend on other tests.
    provider.secure_random = Box::leak(Box::new(Counting(AtomicU8::new(0))));
    Arc::new(provider)
}

#[derive(Debug)]
struct Counting(AtomicU8);

impl SecureRandom for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600)))
    }
}

/// A group in which everybody has the same key.
#[derive(Clone, Debug)]
struct Fixed(NamedGroup);

impl SupportedKxGroup for Fixed {
    fn start(&self) -> Result<StartedKeyExchange, Error> {
        Ok(StartedKeyExchange::Single(Box::new(self.clone())))
    }

    fn name(&self) -> NamedGroup {
        self.0
    }
}

impl ActiveKeyExchange for Fixed {
    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, Error> {
        Ok(SharedSecret::from(&[3; 32][..]))
    }

    fn pub_key(&self) -> &[u8] {
        &[9; 32]
    }

    fn group(&self) -> NamedGroup {
        self.0
    }
}

/// Sessions, and the bytes of all that were ever stored, in order.
#[derive(Debug, Default)]
pub(crate) struct Storage(Mutex<(HashMap<Vec<u8>, Vec<u8>>, Vec<u8>)>);

impl Storage {
    pub(crate) fn take_log(&self) -> Vec<u8> {
        self.0.lock().map(|mut it| std::mem::take(&mut it.1)).unwrap_or_default()
    }
}

impl StoresServerSessions for Storage {
    fn put(&self, key: ServerSessionKey<'_>, value: Vec<u8>) -> bool {
        let Ok(mut storage) = self.0.lock() else { return false };
        storage.1.extend_from_slice(key.as_ref());
        storage.1.extend_from_slice(&value);
        storage.0.insert(key.as_ref().to_vec(), value);
        true
    }

    fn get(&self, key: ServerSessionKey<'_>) -> Option<Vec<u8>> {
        self.0.lock().ok()?.0.get(key.as_ref()).cloned()
    }

    fn take(&self, key: ServerSessionKey<'_>) -> Option<Vec<u8>> {
        self.0.lock().ok()?.0.remove(key.as_ref())
    }

    fn can_cache(&self) -> bool {
        true
    }
}
