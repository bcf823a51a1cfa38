//! A client that answers challenges with reqwest: same requests, same responses.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use rustls_ext::http::client::{Credentials, Identity};
//! use rustls_ext::http::reqwest::Client;
//! use rustls_ext::rustls::{ClientConfig, sign::CertifiedKey};
//!
//! # type BoxError = Box<dyn std::error::Error>;
//! # async fn today(tls: ClientConfig, key: Arc<CertifiedKey>) -> Result<(), BoxError> {
//! let agent = Identity::new("agent", key)?.for_host("*.example.com")?;
//! let client = Client::builder(tls, Credentials::new().with(agent)?)
//!     .configure(|builder| builder.user_agent("example/1.0"))
//!     .build()?;
//! let request = client.plain().get("https://reports.example.com/today").build()?;
//! println!("{}", client.execute(request).await?.text().await?);
//! # Ok(())
//! # }
//! ```
//!
//! [`client`](super::client) says how challenges are answered.
//!
//! # How it is done
//! reqwest 0.13 says nothing about, and lets nobody choose, the connection on which a request goes:
//! its layers around connectors see neither for whom they connect nor what comes of TLS, and its
//! pool knows origins only. So there is a [`reqwest::Client`] without authentication for all, and
//! one more for each protection space, which has the identity and goes to one origin.
//!
//! Each of them is made by the function that is given to [`Builder::configure`]; what it sets is so
//! for all. A store of cookies that they share is one that it is given (`cookie_provider`), not one
//! that each makes for itself (`cookie_store`). TLS is not what it sets, but the [`ClientConfig`].
//!
//! # What this client cannot do, and the one over hyper can
//! * Say which alert came with a late refusal over HTTP/2, or when it was lost with the connection:
//!   that is an [`Error::LikelyRefused`].
//! * Tell that a server speaks TLS 1.2 before it sends the request there again. No certificate goes
//!   over it; the report says [`Unanswered::StillChallenged`](super::client::Unanswered).
//! * Know the TLS version.
//! * Limit connections that are in use, rather than idle. Requests that come together open a
//!   connection each, over HTTP/2, too, and then share the one that is there first. With
//!   authentication, the first request of a protection space makes the connection, and others wait
//!   for it.
//! * Limit connections without authentication to a number of origins: see
//!   [`Limits::origins`](super::client::Limits::origins).
//! * Leave a connection over HTTP/2 when a request on it was given up. A connection whose packets
//!   are lost is used until a ping is not answered: see
//!   [`Limits::keep_alive_interval`](super::client::Limits::keep_alive_interval).
//! * See a response over HTTP/1.1 that comes before the request's body is sent, if the server then
//!   closes the connection: writing fails first. The layers of [`server`](super::server) read the
//!   body of a request that they refuse, so that it does not come to this.
//! * See proxies. A tunnel through an `http` proxy is fine. An `https` proxy has a connection over
//!   TLS of its own, for which reqwest uses the same config: so that it does not get the
//!   certificate, who is challenged behind it gets none either.
//!
//! # Redirects
//! Those without authentication are followed as [`Builder::redirect`] says, wherever they lead; no
//! certificate goes with them. If one leads to a challenge, a GET or HEAD request without a body is
//! made again there. Of others it is not known what became of them on the way, so the challenge is
//! the caller's.
//!
//! Those with authentication are followed within their origin only (CANT-6), and never to `http`
//! (CANT-1). One that leads away is the caller's: a request to where it leads begins afresh.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Request, Response};
use rustls::ClientConfig;
use tower_service::Service;

use super::client::{Credentials, Driver, Limits};

mod connections;
mod error;
mod lane;
mod redirect;
mod transport;

pub use error::Error;
use transport::{Configure, Reqwest};

/// A client over reqwest that answers `ClientCertificate` challenges.
///
/// Clones have the same connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Driver<Reqwest>>);

impl Client {
    /// Begin one that verifies servers as this config does, and has these credentials.
    ///
    /// What the config says of certificates of its own, and of offers, is not heeded. HTTP/2 and
    /// HTTP/1.1 are proposed if its application protocols are empty.
    pub fn builder(tls: ClientConfig, credentials: Credentials) -> Builder {
        Builder {
            tls,
            credentials,
            limits: Limits::default(),
            redirect: Policy::default(),
            configure: Box::new(|builder| builder),
        }
    }

    /// Send a request, and answer challenges. A [`Report`](super::client::Report) is among the
    /// response's extensions.
    ///
    /// # Errors
    /// [`Error`]. What a server says in a response, a challenge that is not answered among it, is
    /// none.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        self.0.send(request).await
    }

    /// The client without authentication. It makes requests; those that it sends itself are not
    /// authenticated, and challenges to them not answered.
    pub fn plain(&self) -> &reqwest::Client {
        self.0.transport.plain()
    }
}

impl Service<Request> for Client {
    type Response = Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { client.execute(request).await })
    }
}

/// A [`Client`] in the making.
pub struct Builder {
    tls: ClientConfig,
    credentials: Credentials,
    limits: Limits,
    redirect: Policy,
    configure: Box<Configure>,
}

impl Builder {
    /// Configure each of reqwest's clients like this.
    ///
    /// TLS, `https_only` and redirects are seen to afterwards.
    pub fn configure(
        mut self,
        configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// Follow redirects like this, rather than ten of them.
    pub fn redirect(mut self, policy: Policy) -> Self {
        self.redirect = policy;
        self
    }

    /// Other limits than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Build it.
    ///
    /// # Errors
    /// [`Error::Build`] if reqwest cannot be configured like this.
    pub fn build(self) -> Result<Client, Error> {
        let Self { mut tls, credentials, limits, redirect, configure } = self;
        let limits = limits.for_clocks();
        if tls.alpn_protocols.is_empty() {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let clock = tls.time_provider.clone();
        let transport =
            Reqwest::new(tls, credentials.clone(), limits.clone(), redirect, configure)?;
        Ok(Client(Arc::new(Driver::new(transport, credentials, limits, clock))))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
