//! An HTTP client over reqwest that answers challenges, with reqwest's own requests and responses.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use rustls_ext::http::client::{Credentials, ClientIdentity};
//! use rustls_ext::http::reqwest::Client;
//! use rustls_ext::rustls::{ClientConfig, sign::CertifiedKey};
//!
//! # type BoxError = Box<dyn std::error::Error>;
//! # async fn today(tls: ClientConfig, key: Arc<CertifiedKey>) -> Result<(), BoxError> {
//! let agent = ClientIdentity::new("agent", key)?.for_host("*.example.com")?;
//! let client = Client::builder(tls, Credentials::new().with(agent)?)
//!     .configure(|builder| builder.user_agent("example/1.0"))
//!     .build()?;
//! let request = client.plain().get("https://reports.example.com/today").build()?;
//! println!("{}", client.execute(request).await?.text().await?);
//! # Ok(())
//! # }
//! ```
//!
//! [`client`](super::client) explains how challenges are answered.
//!
//! # How it works
//! reqwest 0.13 neither exposes the connection that carries a request nor lets a program choose it:
//! layers around its connectors see neither the request nor the outcome of TLS, and its pool
//! distinguishes only origins. So there is one [`reqwest::Client`] without authentication for all
//! requests, and one more for each protection space, which has the identity and is used for one
//! origin.
//!
//! The function that is given to [`Builder::configure`] configures each of them, so its settings
//! apply to all. To share cookies, give it one cookie store (`cookie_provider`), rather than
//! letting each client make its own (`cookie_store`). TLS settings come from the [`ClientConfig`],
//! not from this function.
//!
//! # Limitations compared with the client over hyper
//! * Servers cannot request a certificate on an open connection
//!   ([`secondary`](super::secondary)): reqwest gives no access to the stream between TLS and HTTP,
//!   and lets no other code send frames. Nothing is announced, and servers send challenges, which
//!   are answered on new connections.
//! * It does not report which alert came with a late refusal over HTTP/2, or that the alert was
//!   lost with the connection: it returns an [`Error::LikelyRefused`].
//! * It cannot tell that a server uses TLS 1.2 before it sends the request there again. No
//!   certificate is sent under TLS 1.2; the report contains
//!   [`Unanswered::StillChallenged`](super::client::Unanswered).
//! * It does not know the TLS version.
//! * It limits only idle connections, not those in use. Requests that start at the same time open a
//!   connection each, over HTTP/2, too, and then share the first one that is ready. With
//!   authentication, the first request of a protection space makes the connection, and others wait
//!   for it.
//! * It does not limit connections without authentication to a number of origins: see
//!   [`Limits::origins`](super::client::Limits::origins).
//! * It does not stop using an HTTP/2 connection after a request on it was given up. A connection
//!   whose packets are lost is used until a ping is not answered: see
//!   [`Limits::keep_alive_interval`](super::client::Limits::keep_alive_interval).
//! * It misses an HTTP/1.1 response that arrives before the request's body is sent, if the server
//!   then closes the connection: writing fails first. The layers of [`server`](super::server) read
//!   the body of a request that they refuse, which avoids this.
//! * It does not see proxies. A tunnel through an `http` proxy works. For the TLS connection to an
//!   `https` proxy, reqwest uses the same config; to keep the certificate from the proxy, requests
//!   that are challenged behind it are not authenticated either.
//!
//! # Redirects
//! Redirects of requests without authentication are followed as [`Builder::redirect`] sets, to any
//! host, and never with a certificate. If a redirect leads to a challenge, a GET or HEAD request
//! without a body is sent again there. For other requests it is unknown how the redirects have
//! changed them, so the caller gets the challenge.
//!
//! Redirects of requests with authentication are followed within their origin only (CANT-6), and
//! never to `http` (CANT-1). The caller gets a redirect to another origin, and can send a new
//! request there.

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
/// Clones share the connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Driver<Reqwest>>);

impl Client {
    /// Starts a client that verifies servers as this config does, and has these credentials.
    ///
    /// The config's own client certificates and offer are ignored. If its list of application
    /// protocols is empty, HTTP/2 and HTTP/1.1 are offered.
    pub fn builder(tls: ClientConfig, credentials: Credentials) -> Builder {
        Builder {
            tls,
            credentials,
            limits: Limits::default(),
            redirect: Policy::default(),
            configure: Box::new(|builder| builder),
        }
    }

    /// Sends a request, and answers challenges. The response's extensions contain a
    /// [`Report`](super::client::Report).
    ///
    /// # Errors
    /// [`Error`]. A response is never an error, not even if it contains a challenge that was not
    /// answered.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        self.0.send(request).await
    }

    /// Returns the client without authentication. Use it to build requests. Requests that are sent
    /// with it directly are not authenticated, and their challenges are not answered.
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

/// Builds a [`Client`].
pub struct Builder {
    tls: ClientConfig,
    credentials: Credentials,
    limits: Limits,
    redirect: Policy,
    configure: Box<Configure>,
}

impl Builder {
    /// Sets a function that configures each reqwest client.
    ///
    /// TLS, `https_only` and redirects are set after it.
    pub fn configure(
        mut self,
        configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// Sets the redirect policy. The default follows ten redirects.
    pub fn redirect(mut self, policy: Policy) -> Self {
        self.redirect = policy;
        self
    }

    /// Sets limits other than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`Error::Build`] if reqwest refuses this configuration.
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
