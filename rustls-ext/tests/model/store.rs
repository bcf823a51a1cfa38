//! A client's sessions, each with the number of the connection that it comes from.

use std::sync::{Arc, Mutex};

use rustls::client::{
    ClientSessionStore, ResolvesClientCert, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{NamedGroup, SignatureScheme};

use crate::steps::Version;

#[derive(Debug)]
enum Value {
    Tls12(Tls12ClientSessionValue),
    Tls13(Tls13ClientSessionValue),
}

#[derive(Debug)]
struct Held {
    from: usize,
    host: ServerName<'static>,
    value: Value,
}

#[derive(Debug, Default)]
struct Inner {
    held: Vec<Held>,
    connection: usize,
    picked: Option<usize>,
    kept: usize,
}

/// Sessions, of which the test chooses the one to present.
#[derive(Debug, Default)]
pub struct Store(Mutex<Inner>);

impl Store {
    /// Begins connection number `connection`, which presents the session that `pick` chooses of so
    /// many; returns the connection from which that comes.
    pub fn begin(
        &self,
        connection: usize,
        host: &ServerName<'static>,
        version: Version,
        pick: impl FnOnce(usize) -> Option<usize>,
    ) -> Option<usize> {
        let mut inner = self.0.lock().unwrap();
        inner.connection = connection;
        inner.kept = 0;
        let fits = |held: &Held| {
            held.host == *host
                && matches!(held.value, Value::Tls12(_)) == (version == Version::Tls12)
        };
        let fitting: Vec<usize> =
            (0..inner.held.len()).filter(|at| fits(&inner.held[*at])).collect();
        inner.picked = pick(fitting.len()).map(|nth| fitting[nth]);
        inner.picked.map(|at| inner.held[at].from)
    }

    /// How many sessions were stored since the connection began.
    pub fn kept(&self) -> usize {
        self.0.lock().unwrap().kept
    }

    fn keep(&self, host: ServerName<'static>, value: Value) {
        let mut inner = self.0.lock().unwrap();
        let from = inner.connection;
        inner.held.push(Held { from, host, value });
        inner.kept += 1;
    }
}

impl ClientSessionStore for Store {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None // so that the first key share is always the same
    }

    fn set_tls12_session(&self, host: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.keep(host, Value::Tls12(value));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let mut inner = self.0.lock().unwrap();
        match &inner.picked.take().map(|at| &inner.held[at])?.value {
            Value::Tls12(value) => Some(value.clone()),
            Value::Tls13(_) => None,
        }
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, host: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.keep(host, Value::Tls13(value));
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut inner = self.0.lock().unwrap();
        let at = inner.picked?;
        if matches!(inner.held[at].value, Value::Tls12(_)) {
            return None;
        }
        inner.picked = None;
        match inner.held.remove(at).value {
            Value::Tls13(value) => Some(value),
            Value::Tls12(_) => None,
        }
    }
}

/// The certificate that the test sets, for any request of the server.
#[derive(Debug, Default)]
pub struct Wallet(Mutex<Option<Arc<CertifiedKey>>>);

impl Wallet {
    pub fn put(&self, key: Option<Arc<CertifiedKey>>) {
        *self.0.lock().unwrap() = key;
    }
}

impl ResolvesClientCert for Wallet {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.lock().unwrap().clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
