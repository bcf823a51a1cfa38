use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use ::spiffe::X509Context;
use rustls::ClientConfig;
use rustls::client::{ClientAuthOffer, Resumption};
use rustls::pki_types::UnixTime;
use rustls::server::ServerSessionMemoryCache;

use super::api::{Connection, WorkloadApi};
use super::error::WorkloadError;
use super::read::Reader;
use super::update::Update;
use super::verifier::{CurrentSvid, Expected, Servers};
use crate::{Live, LoadError, Setup, crypto_provider, record};

/// How many sessions servers keep; rustls' own default.
const SESSIONS: usize = 256;

/// The update that is in use.
#[derive(Debug)]
pub(super) struct Current(RwLock<Arc<Update>>);

impl Current {
    pub(super) fn update(&self) -> Arc<Update> {
        // Nothing can panic while this is held.
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, update: Arc<Update>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = update;
    }
}

/// Makes a setup of an update, and returns how to put it in use.
type Make = Box<dyn FnMut(&Update) -> Result<Box<dyn FnOnce() + Send>, LoadError> + Send>;

/// The identity of this process in SPIFFE, and the bundles that it trusts: see the
/// [module](super).
pub struct Workload {
    connection: Connection,
    reader: Reader,
    current: Arc<Current>,
    setups: Vec<Make>,
}

impl Workload {
    /// Connects to the Workload API, and waits for the first update.
    ///
    /// This makes one attempt, without a time limit: use [`tokio::time::timeout`], and try again if
    /// the program may start before its Workload API.
    ///
    /// # Errors
    /// See [`WorkloadError`]; [`WorkloadError::NoIdentity`] if the process is not registered.
    pub async fn connect(api: WorkloadApi) -> Result<Self, WorkloadError> {
        let provider = match &api.provider {
            Some(provider) => provider.clone(),
            None => crypto_provider().map_err(WorkloadError::Provider)?,
        };
        let sessions = ServerSessionMemoryCache::new(SESSIONS);
        let reader = Reader { provider, sessions, chosen: api.svid.clone() };
        let mut connection = Connection::make(api).await?;
        let message = connection.next().await;
        let update = message.and_then(|context| reader.read(&context, UnixTime::now()));
        count(&update);
        let current = Arc::new(Current(RwLock::new(Arc::new(update?))));
        Ok(Self { connection, reader, current, setups: Vec::new() })
    }

    /// Returns the update that is in use.
    pub fn current(&self) -> Arc<Update> {
        self.current.update()
    }

    /// Makes a setup for a server of the current update with `make`, and of each later one while
    /// [`renew()`](Self::renew) runs.
    ///
    /// # Errors
    /// The errors of `make`. An error for a later update is passed to `renew()` as
    /// [`WorkloadError::Setup`], and the update is not used.
    pub fn live<P: Send + Sync + 'static>(
        &mut self,
        mut make: impl FnMut(&Update) -> Result<Setup<P>, LoadError> + Send + 'static,
    ) -> Result<Live<P>, LoadError> {
        let live = Live::from(make(&self.current())?);
        let renewed = live.clone();
        self.setups.push(Box::new(move |update| {
            let (setup, live) = (make(update)?, renewed.clone());
            Ok(Box::new(move || {
                live.replace(setup);
            }))
        }));
        Ok(live)
    }

    /// Makes a config for a client that offers the SVID of the workload, and accepts the servers with
    /// these SPIFFE IDs: `spiffe://example.org/database` is one server, `spiffe://example.org` or
    /// `example.org` each one of a trust domain.
    ///
    /// The server name of a connection is sent, and is not compared with the certificate. While
    /// [`renew()`](Self::renew) runs, each new connection uses the SVID and the bundles of the
    /// current update. The config has no application protocols, and does not resume sessions, since
    /// a resumed session would not be checked against the current bundles: leave
    /// [`ClientConfig::resumption`] as it is.
    ///
    /// # Errors
    /// [`WorkloadError::BadId`], [`WorkloadError::NoServers`] and [`WorkloadError::Config`].
    pub fn client_config(
        &self,
        servers: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<ClientConfig, WorkloadError> {
        let expected = servers.into_iter().map(|server| Expected::parse(server.as_ref()));
        let expected = expected.collect::<Result<Vec<_>, _>>()?;
        if expected.is_empty() {
            return Err(WorkloadError::NoServers);
        }
        let provider = self.reader.provider.clone();
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Servers { current: self.current.clone(), expected, algorithms };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(WorkloadError::Config)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(CurrentSvid(self.current.clone())));
        config.client_auth_offer = ClientAuthOffer::flag();
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// Waits for updates, puts them in use, and passes the result of each to `report`.
    ///
    /// An error is about an update that is not used, or about the connection, which is made again:
    /// [`WorkloadError::is_about_update`]. In both cases the update before stays in use.
    ///
    /// Never returns. If this future is dropped, nothing is renewed any more.
    pub async fn renew(mut self, mut report: impl FnMut(Result<Arc<Update>, WorkloadError>)) {
        loop {
            let message = self.connection.next().await;
            let renewed = message.and_then(|context| self.put_in_use(&context));
            count(&renewed);
            report(renewed);
        }
    }

    fn put_in_use(&mut self, context: &X509Context) -> Result<Arc<Update>, WorkloadError> {
        let update = self.reader.read(context, UnixTime::now()).map(Arc::new)?;
        // All setups are made before the first one is put in use.
        let made = self.setups.iter_mut().map(|make| make(&update));
        let made = made.collect::<Result<Vec<_>, _>>().map_err(WorkloadError::Setup)?;
        self.current.replace(update.clone());
        for put_in_use in made {
            put_in_use();
        }
        Ok(update)
    }
}

/// Counts an update as a load. If the connection ends, nothing was loaded.
fn count<T>(update: &Result<T, WorkloadError>) {
    match update {
        Ok(_) => record::loaded(true),
        Err(err) if err.is_about_update() => record::loaded(false),
        Err(_) => {}
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workload")
            .field("api", &self.connection.api)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}
