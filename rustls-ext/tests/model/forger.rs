//! Alters the sessions that a server has stored, before it reads them.

use std::sync::{Arc, Mutex};

use rustls::pki_types::CertificateDer;
use rustls::server::{ProducesTickets, StoresServerSessions};

use rustls_ext::wire::resumption::Voucher;

use crate::steps::Forge;

/// The beginning of a record with a voucher.
const VOUCHED: &[u8] = b"rext\x01\x03";
const TAG: usize = Voucher::TAG_LEN;
const SPAN: usize = 16;

/// Changes each session in the same way.
#[derive(Clone, Debug)]
pub struct Forger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    leaves: Vec<CertificateDer<'static>>,
    forge: Mutex<Forge>,
    /// The changes of sessions with vouchers, since they were last asked for.
    seen: Mutex<Vec<Forge>>,
}

impl Forger {
    pub fn new(leaves: impl Iterator<Item = CertificateDer<'static>>) -> Self {
        let (forge, seen) = (Mutex::new(Forge::Nothing), Mutex::default());
        Self(Arc::new(Inner { leaves: leaves.collect(), forge, seen }))
    }

    pub fn set(&self, forge: Forge) {
        *self.0.forge.lock().unwrap() = forge;
    }

    pub fn take_seen(&self) -> Vec<Forge> {
        std::mem::take(&mut *self.0.seen.lock().unwrap())
    }

    pub fn storage(&self, inner: Arc<dyn StoresServerSessions>) -> Arc<dyn StoresServerSessions> {
        Arc::new(Forged { inner, forger: self.clone() })
    }

    pub fn tickets(&self, inner: Arc<dyn ProducesTickets>) -> Arc<dyn ProducesTickets> {
        Arc::new(Forged { inner, forger: self.clone() })
    }

    fn alter(&self, mut session: Vec<u8>) -> Vec<u8> {
        let forge = *self.0.forge.lock().unwrap();
        let vouched = session.windows(VOUCHED.len()).any(|window| window == VOUCHED);
        if vouched {
            self.0.seen.lock().unwrap().push(forge);
        }
        let end = session.len();
        match forge {
            Forge::Span if vouched => {
                let span = end - TAG - SPAN;
                session[span..span + 8].fill(0);
                session[span + 8..span + 16].fill(0xff);
            }
            Forge::Tag if vouched => session[end - TAG] ^= 1,
            Forge::Chain => {
                for leaf in &self.0.leaves {
                    if let Some(at) = session.windows(leaf.len()).position(|it| it == &leaf[..]) {
                        // In the signature.
                        session[at + leaf.len() - 1] ^= 1;
                    }
                }
            }
            Forge::Nothing | Forge::Span | Forge::Tag => {}
        }
        session
    }
}

#[derive(Debug)]
struct Forged<T: ?Sized> {
    forger: Forger,
    inner: Arc<T>,
}

impl StoresServerSessions for Forged<dyn StoresServerSessions> {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.inner.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.inner.get(key).map(|session| self.forger.alter(session))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.inner.take(key).map(|session| self.forger.alter(session))
    }

    fn can_cache(&self) -> bool {
        self.inner.can_cache()
    }
}

impl ProducesTickets for Forged<dyn ProducesTickets> {
    fn enabled(&self) -> bool {
        self.inner.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.inner.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.inner.decrypt(cipher).map(|session| self.forger.alter(session))
    }
}
