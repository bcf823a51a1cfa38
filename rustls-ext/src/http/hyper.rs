//! An HTTP client over hyper and hyper-util that answers challenges.
//!
//! It opens its own connections, with any connector of hyper-util, because each connection must be
//! reserved for its origin, protection space and identity. [`client`](super::client) explains how
//! challenges are answered.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use http_body_util::Empty;
//! use hyper::body::Bytes;
//! use rustls_ext::http::client::{Credentials, ClientIdentity, IdentityError, Report};
//! use rustls_ext::http::hyper::{Client, Error};
//! use rustls_ext::rustls::{ClientConfig, sign::CertifiedKey};
//!
//! type Own = Client<Empty<Bytes>>;
//!
//! fn client(tls: ClientConfig, key: Arc<CertifiedKey>) -> Result<Own, IdentityError> {
//!     let agent = ClientIdentity::new("agent", key)?.for_host("*.example.com")?;
//!     Ok(Client::builder(tls, Credentials::new().with(agent)?).build())
//! }
//!
//! async fn reports(client: &Own) -> Result<(), Error> {
//!     let request = http::Request::get("https://reports.example.com/today");
//!     let response = client.request(request.body(Empty::new()).expect("a request")).await?;
//!     if let Some(report) = Report::of(response.extensions()) {
//!         println!("{} as {:?}", response.status(), report.identity);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # On the open connection
//! If a server requests a certificate on an open HTTP/2 connection, the client answers there, without
//! a new connection; [`client`](super::client) has the rules. [`Builder::secondary`] changes the
//! limits, or turns it off. With a server that does not support it, the client answers challenges
//! as always. Bodies that cannot be sent again, such as tonic's, are no obstacle on an open
//! connection.
//!
//! # Limitations
//! It does not follow redirects, keep cookies, or use proxies from the environment, and it supports
//! neither CONNECT nor upgrades. It is a [`tower_service::Service`], so layers can add the rest. A
//! request that a layer makes for a redirect is treated like every other request, so a redirect to
//! `http` or to another host gets no certificate. `Host` is set from the URI, unless the request
//! already has that field. A request whose `Host` field names another host is never authenticated.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tower_service::Service;

use super::client::{Credentials, Driver, Limits};
use super::secondary::{ClientLimits, HttpCodePoints};

mod activity;
mod body;
mod connect;
mod error;
mod lane;
mod open;
mod pool;
mod replay;
mod transport;

pub use body::ResponseBody;
use connect::Connect;
use error::BoxError;
pub use error::{ConnectError, Error};
use open::Secondary;
pub use replay::{Once, Replay, RequestBody};
use transport::Hyper;

/// An HTTP client, for HTTP/1.1 and HTTP/2, that answers `ClientCertificate` challenges.
///
/// Clones share the connections. The connections are closed when there are no clones any more, and
/// no responses that are still being read.
pub struct Client<B: RequestBody>(Arc<Driver<Hyper<B>>>);

// For one kind of body, so that callers need not write the type of the body twice.
impl Client<Empty<Bytes>> {
    /// Starts a client that verifies servers as this config does, and has these credentials.
    ///
    /// The config's own client certificates and offer are ignored. If its list of application
    /// protocols is empty, HTTP/2 and HTTP/1.1 are offered.
    pub fn builder(tls: ClientConfig, credentials: Credentials) -> Builder {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let (limits, connect) = (Limits::default(), Connect::new(http));
        let (secondary, code_points) = (Some(ClientLimits::default()), HttpCodePoints::DEFAULT);
        Builder { tls, credentials, limits, connect, secondary, code_points }
    }
}

impl<B: RequestBody> Client<B> {
    /// Sends a request, and answers challenges.
    ///
    /// # Errors
    /// [`Error`]. A response is never an error, not even if it contains a challenge that was not
    /// answered.
    pub async fn request(&self, request: Request<B>) -> Result<Response<ResponseBody>, Error> {
        self.0.send(request).await
    }
}

impl<B: RequestBody> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: RequestBody> std::fmt::Debug for Client<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl<B: RequestBody> Service<Request<B>> for Client<B> {
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { client.request(request).await })
    }
}

/// Builds a [`Client`].
#[derive(Debug)]
pub struct Builder {
    tls: ClientConfig,
    credentials: Credentials,
    limits: Limits,
    connect: Connect,
    secondary: Option<ClientLimits>,
    code_points: HttpCodePoints,
}

impl Builder {
    /// Sets limits other than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the connector, in place of an [`HttpConnector`]. TLS is added on top.
    ///
    /// The connector gets the origin as `https://host:port`, and connects to it or to a tunnel
    /// there.
    pub fn connector<C>(mut self, connector: C) -> Self
    where
        C: Service<Uri, Future: Send, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
        C::Response: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        self.connect = Connect::new(connector);
        self
    }

    /// Sets whether servers may request certificates on open connections
    /// ([`secondary`](super::secondary)), and the limits for that. By default they may, with the
    /// default limits.
    pub fn secondary(mut self, limits: impl Into<Option<ClientLimits>>) -> Self {
        self.secondary = limits.into();
        self
    }

    /// Sets other numbers for requests on open connections than the default ones. The servers must
    /// use the same.
    pub fn secondary_code_points(mut self, code_points: HttpCodePoints) -> Self {
        self.code_points = code_points;
        self
    }

    /// Builds the client.
    pub fn build<B: RequestBody>(self) -> Client<B> {
        let Self { mut tls, credentials, limits, connect, secondary, code_points } = self;
        let limits = limits.for_clocks();
        if tls.alpn_protocols.is_empty() {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let clock = tls.time_provider.clone();
        let secondary = secondary.map(|limits| Secondary {
            credentials: credentials.clone(),
            clock: clock.clone(),
            code_points,
            limits,
        });
        let transport = Hyper::new(tls, credentials.clone(), limits.clone(), connect, secondary);
        Client(Arc::new(Driver::new(transport, credentials, limits, clock)))
    }
}
