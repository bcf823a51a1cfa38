//! A client over hyper and hyper-util that answers challenges.
//!
//! It has connections of its own, over whatever hyper-util's connectors connect: only so is each
//! kept to its origin, protection space and identity. [`client`](super::client) says how challenges
//! are answered.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use http_body_util::Empty;
//! use hyper::body::Bytes;
//! use rustls_ext::http::client::{Credentials, Identity, IdentityError, Report};
//! use rustls_ext::http::hyper::{Client, Error};
//! use rustls_ext::rustls::{ClientConfig, sign::CertifiedKey};
//!
//! type Own = Client<Empty<Bytes>>;
//!
//! fn client(tls: ClientConfig, key: Arc<CertifiedKey>) -> Result<Own, IdentityError> {
//!     let agent = Identity::new("agent", key)?.for_host("*.example.com")?;
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
//! # What it does not do
//! It follows no redirects, has no cookies, takes no proxies from the environment, and can neither
//! CONNECT nor upgrade. It is a [`tower_service::Service`]: layers do the rest. A request that is
//! made of a redirect is a request like every other here, so one to `http` or to another host gets
//! no certificate. `Host` is sent as the URI has it, unless the request has such a field already; a
//! request that has a field for another host is never authenticated.

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

mod body;
mod connect;
mod error;
mod heard;
mod lane;
mod pool;
mod replay;
mod transport;

pub use body::ResponseBody;
use connect::Connect;
use error::BoxError;
pub use error::{ConnectError, Error};
pub use replay::{Once, Replay, RequestBody};
use transport::Hyper;

/// An HTTP client, for HTTP/1.1 and HTTP/2, that answers `ClientCertificate` challenges.
///
/// Clones have the same connections. They are closed when there are no clones any more, and no
/// responses that are still being read.
pub struct Client<B: RequestBody>(Arc<Driver<Hyper<B>>>);

// For one kind of body, so that it need not be said twice of which kind the built one is.
impl Client<Empty<Bytes>> {
    /// Begin one that verifies servers as this config does, and has these credentials.
    ///
    /// What the config says of certificates of its own, and of offers, is not heeded. HTTP/2 and
    /// HTTP/1.1 are proposed if its application protocols are empty.
    pub fn builder(tls: ClientConfig, credentials: Credentials) -> Builder {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        Builder { tls, credentials, limits: Limits::default(), connect: Connect::new(http) }
    }
}

impl<B: RequestBody> Client<B> {
    /// Send a request, and answer challenges.
    ///
    /// # Errors
    /// [`Error`]. What a server says in a response, a challenge that is not answered among it, is
    /// none.
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

/// A [`Client`] in the making.
#[derive(Debug)]
pub struct Builder {
    tls: ClientConfig,
    credentials: Credentials,
    limits: Limits,
    connect: Connect,
}

impl Builder {
    /// Other limits than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Connect with this, TLS being added on top, rather than with an [`HttpConnector`].
    ///
    /// It is given the origin, as `https://host:port`, and connects to it or to a tunnel there.
    pub fn connector<C>(mut self, connector: C) -> Self
    where
        C: Service<Uri, Future: Send, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
        C::Response: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        self.connect = Connect::new(connector);
        self
    }

    /// Build it.
    pub fn build<B: RequestBody>(self) -> Client<B> {
        let Self { mut tls, credentials, limits, connect } = self;
        let limits = limits.for_clocks();
        if tls.alpn_protocols.is_empty() {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let clock = tls.time_provider.clone();
        let transport = Hyper::new(tls, credentials.clone(), limits.clone(), connect);
        Client(Arc::new(Driver::new(transport, credentials, limits, clock)))
    }
}
