#[cfg(feature = "reqwest")]
use std::cell::Cell;
#[cfg(feature = "reqwest")]
use std::future::Future;
use std::sync::Arc;
#[cfg(feature = "reqwest")]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, ResolvesClientCert, Resumption,
    Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, NamedGroup, SignatureScheme};

/// How a server requested a certificate.
#[cfg(feature = "reqwest")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// With an acknowledgement of the offer.
    Acknowledging,
    /// Without an acknowledgement of the offer.
    Plain,
}

#[cfg(feature = "reqwest")]
tokio::task_local! {
    /// How a certificate was requested on the connection that is being made.
    static REQUEST: Cell<Option<Request>>;
}

/// A certificate that is shown only to servers of one name, even if its config is used for
/// connections to others (CANT-6).
///
/// The code that connects should ensure this. This type also covers connections that other code
/// makes unseen: reqwest, for example, uses the config of its connections to servers for those to
/// `https` proxies, too. A resolver is not told the server's name. But a session store is, before
/// any handshake. Once a handshake with another server has begun, no server gets the certificate
/// any more.
#[derive(Debug)]
pub(crate) struct Confined {
    key: Arc<CertifiedKey>,
    name: ServerName<'static>,
    strayed: AtomicBool,
    /// How many tickets the servers have sent.
    #[cfg(feature = "reqwest")]
    tickets: AtomicU64,
    sessions: ClientSessionMemoryCache,
}

impl Confined {
    pub(crate) fn new(key: Arc<CertifiedKey>, name: ServerName<'static>) -> Arc<Self> {
        Arc::new(Self {
            key,
            name,
            strayed: AtomicBool::new(false),
            #[cfg(feature = "reqwest")]
            tickets: AtomicU64::new(0),
            sessions: ClientSessionMemoryCache::new(1),
        })
    }

    /// Sets this as the certificate of a config. The config's sessions are then stored here, too.
    pub(super) fn install(self: &Arc<Self>, config: &mut ClientConfig) {
        config.client_auth_cert_resolver = self.clone();
        config.resumption = Resumption::store(self.clone());
    }

    /// Returns how many tickets (RFC 8446 section 4.6.1) arrived on connections with this
    /// certificate.
    #[cfg(feature = "reqwest")]
    pub(crate) fn tickets(&self) -> u64 {
        self.tickets.load(Ordering::Acquire)
    }

    /// Makes a connection, and also returns how the server requested a certificate on it.
    #[cfg(feature = "reqwest")]
    pub(crate) async fn noting_request<F: Future>(connecting: F) -> (F::Output, Option<Request>) {
        let noted = async {
            let outcome = connecting.await;
            (outcome, REQUEST.with(Cell::get))
        };
        REQUEST.scope(Cell::new(None), noted).await
    }

    /// Returns true if this is the server that may see the certificate.
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
        #[cfg(feature = "reqwest")]
        let _ = REQUEST.try_with(|request| {
            request.set(Some(if acknowledged { Request::Acknowledging } else { Request::Plain }));
        });
        #[cfg(not(feature = "reqwest"))]
        let _ = acknowledged;
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
        #[cfg(feature = "reqwest")]
        self.tickets.fetch_add(1, Ordering::AcqRel);
        self.sessions.insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.is_for(name).then(|| self.sessions.take_tls13_ticket(name)).flatten()
    }
}
