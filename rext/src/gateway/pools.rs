//! The pools that are in use, so that a reload keeps the connections to servers behind whose route and
//! certificates are the same as before.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::Uri;
use rustls_ext::rustls::pki_types::CertificateDer;

use super::config::Protocol;
use super::connect::Connector;
use super::pool::{Limits, Pool};

/// What connections to a server behind depend on. Connections of equal keys can be exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PoolKey {
    /// Host and path of the route, as in the file.
    pub(super) route: (Option<String>, Option<String>),
    /// The position among the servers behind of the route, and the URL.
    pub(super) server: (usize, Uri),
    pub(super) protocol: Protocol,
    pub(super) server_name: Option<String>,
    pub(super) certificates: Option<Certificates>,
    pub(super) limits: Limits,
}

/// The certificates for connections over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificates {
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// The gateway's own, with its chain; empty if it has none.
    pub(super) own: Vec<CertificateDer<'static>>,
}

/// The pools that are in use.
#[derive(Debug, Default)]
pub(super) struct Pools(Mutex<Vec<(PoolKey, Weak<Pool>)>>);

impl Pools {
    /// Returns the pool of this key that is in use, or else a new one. Its connections are made by
    /// `connector`.
    pub(super) fn pool(&self, key: PoolKey, connector: Connector) -> Arc<Pool> {
        // Nothing can panic while this is locked.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, pool)| pool.strong_count() > 0);
        let known = all.iter().find(|(other, _)| *other == key);
        if let Some(pool) = known.and_then(|(_, pool)| pool.upgrade()) {
            return pool;
        }
        let pool = Pool::new(connector, key.limits);
        all.push((key, Arc::downgrade(&pool)));
        pool
    }
}
