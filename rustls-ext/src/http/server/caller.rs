use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, Response};
use tower_layer::Layer;

use super::gate::{Check, EmptyBody, Gate, OnDenied};
use super::host::Host;
use super::hosts::{serves, would_ask};
use super::{ConnectionInfo, Denied, HostPolicy, Identity, Scope};

/// The client that makes a request, its connection, and the host that the request is for.
///
/// Each request that has come through a [`CallerLayer`] has one among its extensions.
#[derive(Clone, Debug)]
pub struct Caller {
    connection: ConnectionInfo,
    host: Host,
    hosts: Arc<dyn HostPolicy>,
}

impl Caller {
    /// Returns the caller of a request, from its extensions.
    ///
    /// # Errors
    /// [`Denied::NoCaller`] if the request has not come through a [`CallerLayer`].
    pub fn of(extensions: &Extensions) -> Result<&Self, Denied> {
        extensions.get().ok_or(Denied::NoCaller)
    }

    /// Returns the connection of the request.
    pub fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }

    /// Returns the host name that the request is for, in lower case and without a final dot; `None`
    /// if it is for an address.
    pub fn host(&self) -> Option<&str> {
        self.host.name()
    }

    /// Returns the client, if it is authenticated in `scope` now.
    pub fn identity(&self, scope: &str) -> Option<Identity> {
        self.connection.identity(scope)
    }

    /// Returns the client, which must be authenticated in `scope`.
    ///
    /// # Errors
    /// * [`Denied::OtherScope`] if it is authenticated in another scope.
    /// * [`Denied::Unauthenticated`] if it is not authenticated, but may be if it opens another
    ///   connection to this host. The realm of the challenge is the scope's name.
    /// * [`Denied::NeverAsked`] if another connection could not change that.
    /// * [`Denied::UnknownScope`] if the policy has no such scope.
    pub fn require(&self, scope: &str) -> Result<Identity, Denied> {
        self.require_with_realm(scope, scope)
    }

    /// The same for a scope that has its own type.
    ///
    /// # Errors
    /// As for [`require()`](Self::require).
    pub fn require_typed<S: Scope>(&self) -> Result<Identity<S>, Denied> {
        self.require(S::NAME)?.typed().ok_or(Denied::OtherScope)
    }

    /// The same as [`require()`](Self::require), with another realm in the challenge: the name of
    /// the protection space, whose resources need the same certificate (RFC 9110 section 11.5).
    ///
    /// # Errors
    /// As for [`require()`](Self::require). A realm that a challenge cannot contain is left out.
    pub fn require_with_realm(&self, scope: &str, realm: &str) -> Result<Identity, Denied> {
        if let Some(identity) = self.identity(scope) {
            return Ok(identity);
        }
        let unknown = || Denied::UnknownScope { scope: scope.to_owned() };
        let challenge = self.hosts.challenge(scope).ok_or_else(unknown)?;
        if self.connection.is_authenticated() {
            return Err(Denied::OtherScope);
        }
        if !would_ask(&*self.hosts, &self.connection, &self.host, scope) {
            return Err(Denied::NeverAsked);
        }
        let challenge = challenge.clone().with_realm(realm).unwrap_or(challenge);
        Err(Denied::Unauthenticated { challenge: Box::new(challenge) })
    }
}

/// A layer that adds a [`Caller`] to each request of a connection, and refuses requests that do not
/// belong on the connection.
///
/// Responses:
///
/// | if | with |
/// |---|---|
/// | the request names no host, more than one, or a malformed one | 400; but an HTTP/1.0 request without a host is for the server name of its connection |
/// | the policy requests a certificate for the request's host that was not requested on this connection | 421 |
/// | otherwise | the response of the inner service |
///
/// A request's body must be a [`Body`](http_body::Body), of which some is read before 400 and 421:
/// see [`read_unread`](super::read_unread). Servers that do not use tower call
/// [`admit`](Self::admit).
///
/// One layer is enough for all connections of a server if the HTTP server adds the
/// [`ConnectionInfo`] to the extensions of each request, as `axum::serve` does with
/// `into_make_service_with_connect_info::<ConnectionInfo>()` for a `tokio::Listener` (features
/// `axum` and `tokio`). A request without it gets 500. For other HTTP servers, make a layer for
/// each connection with [`with_connection()`](Self::with_connection).
///
/// The responses of this layer have an empty body (`R: Default`), unless
/// [`on_denied()`](Self::on_denied) makes another one.
///
/// The layer's checks cannot be relaxed: a wildcard certificate lets HTTP/2 clients send requests
/// for any of its names on one connection (RFC 9113 section 9.1.1), and without the checks these
/// requests would bypass the requirements for their own host.
///
/// The certificate request for a host is the policy's decision for the same client and that server
/// name:
/// * The port, case and a final dot are ignored. An address counts as no server name, since clients
///   send none for addresses.
/// * A connection whose server name is the request's host always serves the request, even if the
///   policy has changed since: a connection keeps the decision that it began with.
/// * If a certificate is required, one that was verified in the same scope is enough, for any
///   server name. If one is requested, an earlier request in that scope is enough.
/// * If it is unknown which rule would match, because the client's list of application protocols is
///   not fully known, the connection must satisfy all rules that may match.
#[derive(Clone, Debug)]
pub struct CallerLayer<D = EmptyBody> {
    callers: Callers,
    denied: D,
}

/// Finds the caller of a request.
#[derive(Clone, Debug)]
pub struct Callers {
    /// `None` if each request has it among its extensions.
    connection: Option<ConnectionInfo>,
    hosts: Arc<dyn HostPolicy>,
}

impl CallerLayer {
    /// Makes a layer for the requests of all connections to a server with this policy.
    pub fn new(hosts: impl HostPolicy + 'static) -> Self {
        let callers = Callers { connection: None, hosts: Arc::new(hosts) };
        Self { callers, denied: EmptyBody }
    }
}

impl<D> CallerLayer<D> {
    /// Returns the same layer for the requests of this connection only.
    pub fn with_connection(mut self, connection: ConnectionInfo) -> Self {
        self.callers.connection = Some(connection);
        self
    }

    /// Sets a function that makes the responses to denied requests, such as pages for 401, 403 and
    /// 421. It is called for 400 and 500, too.
    ///
    /// `page` gets the reason. [`Denied::response`] makes a response with the status and the
    /// challenge; any other response is sent as it is. `page` is called for requests that this
    /// layer denies, and for those that [`RequireScope`](super::RequireScope) or an extractor
    /// inside it denies, unless an `on_denied()` there has already made the response.
    ///
    /// ```
    /// use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
    /// use http_body_util::Full;
    /// use rustls_ext::{Live, http::server::{CallerLayer, Denied}};
    ///
    /// # fn layer(live: Live) {
    /// let page = |denied: Denied| {
    ///     let text = match denied.status() {
    ///         StatusCode::UNAUTHORIZED => "<h1>Log in with your certificate</h1>",
    ///         StatusCode::MISDIRECTED_REQUEST => "<h1>Please reload this page</h1>",
    ///         _ => "<h1>This page is not for you</h1>",
    ///     };
    ///     let mut response: Response<Full<&[u8]>> = denied.response(Full::new(text.as_bytes()));
    ///     response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    ///     response
    /// };
    /// let layer = CallerLayer::new(live).on_denied(page);
    /// # let _ = layer;
    /// # }
    /// ```
    pub fn on_denied<F, B>(self, page: F) -> CallerLayer<OnDenied<F>>
    where
        F: Fn(Denied) -> Response<B> + Clone,
    {
        CallerLayer { callers: self.callers, denied: OnDenied::new(page) }
    }

    /// Returns the caller of a request, for servers that do not use tower.
    ///
    /// # Errors
    /// [`Denied::Host`] and [`Denied::Misdirected`]; [`Denied::NoConnection`] if the layer is for all
    /// connections, and the request's extensions do not contain its connection.
    pub fn admit(&self, request: &Parts) -> Result<Caller, Denied> {
        self.callers.admit(request)
    }
}

impl Callers {
    fn connection<'a>(&'a self, request: &'a Parts) -> Option<&'a ConnectionInfo> {
        let extensions = &request.extensions;
        let of_request = || {
            #[cfg(feature = "axum")]
            if let Some(info) = extensions.get::<axum::extract::ConnectInfo<ConnectionInfo>>() {
                return Some(&info.0);
            }
            extensions.get::<ConnectionInfo>()
        };
        self.connection.as_ref().or_else(of_request)
    }

    fn admit(&self, request: &Parts) -> Result<Caller, Denied> {
        let connection = self.connection(request).ok_or(Denied::NoConnection)?;
        let host = Host::of(request, connection.server_name()).map_err(Denied::Host)?;
        if serves(&*self.hosts, connection, &host) {
            let (connection, hosts) = (connection.clone(), self.hosts.clone());
            Ok(Caller { connection, host, hosts })
        } else {
            Err(Denied::Misdirected)
        }
    }
}

impl<D: Clone, S> Layer<S> for CallerLayer<D> {
    type Service = Gate<Callers, D, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(self.callers.clone(), self.denied.clone(), inner)
    }
}

impl Check for Callers {
    fn check(&self, request: &mut Parts) -> Result<(), Denied> {
        let caller = self.admit(request)?;
        request.extensions.insert(caller);
        Ok(())
    }
}
