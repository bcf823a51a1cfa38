use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(feature = "reqwest")]
use rustls::client::ClientAuthStatus;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, ResolvesClientCert, Resumption,
    Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, NamedGroup, SignatureScheme};

/// A certificate that is for servers of one name only, whatever is connected to (CANT-6).
///
/// Who connects should see to that. This is for the connections of others, of which some are not
/// known about: reqwest, for one, uses the config of its connections to servers for those to
/// `https` proxies as well. A resolver is not told who asks. But a session store is, before any
/// handshake; and once one has begun with another server, no server gets the certificate any more.
#[derive(Debug)]
pub(crate) struct Confined {
    key: Arc<CertifiedKey>,
    name: ServerName<'static>,
    strayed: AtomicBool,
    /// How often servers have asked.
    asked: AtomicU64,
    /// Whether the one that asked last did so because of the offer.
    acknowledged: AtomicBool,
    sessions: ClientSessionMemoryCache,
}

impl Confined {
    pub(crate) fn new(key: Arc<CertifiedKey>, name: ServerName<'static>) -> Arc<Self> {
        Arc::new(Self {
            key,
            name,
            strayed: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            acknowledged: AtomicBool::new(false),
            sessions: ClientSessionMemoryCache::new(1),
        })
    }

    /// Makes this the certificate of a config. Sessions then stay with it, too.
    pub(super) fn install(self: &Arc<Self>, config: &mut ClientConfig) {
        config.client_auth_cert_resolver = self.clone();
        config.resumption = Resumption::store(self.clone());
    }

    /// How often a server has asked for the certificate.
    #[cfg(feature = "reqwest")]
    pub(crate) fn times_asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// What became of the offer on the connection on which a server asked last; it was made.
    #[cfg(feature = "reqwest")]
    pub(crate) fn status(&self) -> ClientAuthStatus {
        match (self.times_asked(), self.acknowledged.load(Ordering::Acquire)) {
            (0, _) => ClientAuthStatus::Offered,
            (_, true) => ClientAuthStatus::Acknowledged,
            (_, false) => ClientAuthStatus::AskedWithoutAcknowledgement,
        }
    }

    /// Whether this is the server for which all of it is.
    fn is_for(&self, name: &ServerName<'_>) -> bool {
        let right = self.name == *name;
        if !right {
            self.strayed.store(true, Ordering::Release);
        }
        right
    }
}

impl ResolvesClientCert for Confined {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        (!self.strayed.load(Ordering::Acquire)).then(|| self.key.clone())
    }

    fn resolve_with_acknowledgement(
        &self,
        root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
        acknowledged: bool,
    ) -> Option<Arc<CertifiedKey>> {
        self.acknowledged.store(acknowledged, Ordering::Release);
        self.asked.fetch_add(1, Ordering::AcqRel);
        self.resolve(root_hint_subjects, sigschemes)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ClientSessionStore for Confined {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.sessions.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.is_for(name).then(|| self.sessions.kx_hint(name)).flatten()
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.sessions.set_tls12_session(name, value);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.is_for(name).then(|| self.sessions.tls12_session(name)).flatten()
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.sessions.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.sessions.insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.is_for(name).then(|| self.sessions.take_tls13_ticket(name)).flatten()
    }
}
