use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::spiffe::transport::Endpoint;
use ::spiffe::{SpiffeId, WorkloadApiClient, WorkloadApiError, X509Context};
use futures_util::{Stream, StreamExt};
use rustls::crypto::CryptoProvider;
use tokio::time::{Instant, sleep_until};

use super::error::WorkloadError;
use super::svid::spiffe_id;

/// How to reach the Workload API of this host, and what to use of it.
#[derive(Clone, Debug)]
pub struct WorkloadApi {
    endpoint: Endpoint,
    pub(super) provider: Option<Arc<CryptoProvider>>,
    pub(super) svid: Option<SpiffeId>,
    first_delay: Duration,
    longest_delay: Duration,
}

impl WorkloadApi {
    /// The default delay before the second attempt to connect again.
    pub const DEFAULT_FIRST_DELAY: Duration = Duration::from_millis(500);

    /// The default limit for the delay between two attempts.
    pub const DEFAULT_LONGEST_DELAY: Duration = Duration::from_secs(30);

    /// Uses the address in the environment variable `SPIFFE_ENDPOINT_SOCKET`: `unix:` and the path of
    /// a Unix domain socket, or `tcp:` with an IP address and a port (SPIFFE Workload Endpoint
    /// section 4).
    ///
    /// # Errors
    /// [`WorkloadError::NoEndpoint`] and [`WorkloadError::BadEndpoint`].
    pub fn from_env() -> Result<Self, WorkloadError> {
        Ok(Self::new(::spiffe::workload_api::endpoint::from_env()?))
    }

    /// Uses an address in the format of `SPIFFE_ENDPOINT_SOCKET`, such as
    /// `unix:///run/spire/agent.sock`.
    ///
    /// # Errors
    /// [`WorkloadError::BadEndpoint`].
    pub fn from_address(address: &str) -> Result<Self, WorkloadError> {
        let endpoint = Endpoint::parse(address).map_err(WorkloadApiError::from)?;
        Ok(Self::new(endpoint))
    }

    /// Uses the Unix domain socket at this path.
    pub fn from_socket(path: impl AsRef<Path>) -> Self {
        Self::new(Endpoint::Unix(path.as_ref().into()))
    }

    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            provider: None,
            svid: None,
            first_delay: Self::DEFAULT_FIRST_DELAY,
            longest_delay: Self::DEFAULT_LONGEST_DELAY,
        }
    }

    /// Uses this cryptography provider. The default is
    /// [`crypto_provider()`](crate::crypto_provider).
    pub fn with_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Uses the SVID with this SPIFFE ID if the workload has several. The default is the first one.
    ///
    /// An update without it is a bad update.
    ///
    /// # Errors
    /// [`WorkloadError::BadId`].
    pub fn with_svid(mut self, id: &str) -> Result<Self, WorkloadError> {
        self.svid = Some(spiffe_id(id).map_err(|reason| WorkloadError::bad_id(id, &reason))?);
        Ok(self)
    }

    /// Sets the delays between attempts to connect again: `first`, doubled after each attempt
    /// without an update, up to `longest`. Both are at least a millisecond.
    ///
    /// The delay begins with the attempt before, so a connection that ends after it has lasted that
    /// long is made again at once.
    pub fn with_retry_delays(mut self, first: Duration, longest: Duration) -> Self {
        self.first_delay = first.max(Duration::from_millis(1));
        self.longest_delay = longest.max(self.first_delay);
        self
    }
}

type Contexts = Pin<Box<dyn Stream<Item = Result<X509Context, WorkloadApiError>> + Send>>;

/// A connection to the Workload API, and how long to wait before another one.
pub(super) struct Connection {
    pub(super) api: WorkloadApi,
    /// `None` if there is none now.
    contexts: Option<Contexts>,
    /// When it was made, or tried.
    tried: Instant,
    delay: Duration,
}

impl Connection {
    pub(super) async fn make(api: WorkloadApi) -> Result<Self, WorkloadError> {
        let delay = api.first_delay;
        let mut connection = Self { api, contexts: None, tried: Instant::now(), delay };
        connection.connect().await?;
        Ok(connection)
    }

    async fn connect(&mut self) -> Result<(), WorkloadError> {
        self.tried = Instant::now();
        let client = WorkloadApiClient::connect(self.api.endpoint.clone()).await?;
        self.contexts = Some(Box::pin(client.stream_x509_contexts().await?));
        Ok(())
    }

    /// Waits for a message of the open connection; without one, makes another connection first.
    pub(super) async fn next(&mut self) -> Result<X509Context, WorkloadError> {
        if self.contexts.is_none() {
            // A time that the clock cannot represent is never reached.
            match self.tried.checked_add(self.delay) {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
            self.delay = self.delay.saturating_mul(2).min(self.api.longest_delay);
            self.connect().await?;
        }
        let next = match &mut self.contexts {
            Some(contexts) => contexts.next().await,
            None => None,
        };
        let message = match next {
            Some(message) => message.map_err(WorkloadError::from),
            None => Err(WorkloadError::Ended),
        };
        match &message {
            Ok(_) => self.delay = self.api.first_delay,
            // The stream continues after a message that cannot be read.
            Err(err) if err.is_about_update() => {}
            Err(_) => self.contexts = None,
        }
        message
    }
}
