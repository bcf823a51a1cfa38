use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, Response};
use tower_layer::Layer;

use super::gate::{Check, EmptyBody, Gate, OnDenied};
use super::host::Host;
use super::hosts::{serves, would_ask};
use super::{ConnectionInfo, Denied, HostPolicy, Identity, Scope};

/// Who makes a request: on which connection, and to which host of the server's.
///
/// Each request that has come through a [`CallerLayer`] has one among its extensions.
#[derive(Clone, Debug)]
pub struct Caller {
    connection: ConnectionInfo,
    host: Host,
    hosts: Arc<dyn HostPolicy>,
}

impl Caller {
    /// The caller of a request, from its extensions.
    ///
    /// # Errors
    /// [`Denied::NoCaller`] if it has not come through a [`CallerLayer`].
    pub fn of(extensions: &Extensions) -> Result<&Self, Denied> {
        extensions.get().ok_or(Denied::NoCaller)
    }

    /// What is known of the connection.
    pub fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }

    /// The host name that the request is for, in lower case and without a final dot; `None` if it
    /// is for an address.
    pub fn host(&self) -> Option<&str> {
        self.host.name()
    }

    /// The client, if it is authenticated in `scope` now.
    pub fn identity(&self, scope: &str) -> Option<Identity> {
        self.connection.identity(scope)
    }

    /// The client, which must be authenticated in `scope`.
    ///
    /// # Errors
    /// * [`Denied::OtherScope`] if it is authenticated in another one.
    /// * [`Denied::Unauthenticated`] if it is not authenticated, but may be if it opens another
    ///   connection to this host. The challenge has the scope's name for its realm.
    /// * [`Denied::NeverAsked`] if not even that would help.
    /// * [`Denied::UnknownScope`] if the policy has no such scope.
    pub fn require(&self, scope: &str) -> Result<Identity, Denied> {
        self.require_with_realm(scope, scope)
    }

    /// The same for a scope with a type.
    ///
    /// # Errors
    /// As [`require()`](Self::require).
    pub fn require_typed<S: Scope>(&self) -> Result<Identity<S>, Denied> {
        self.require(S::NAME)?.typed().ok_or(Denied::OtherScope)
    }

    /// The same as [`require()`](Self::require), with another realm in the challenge: a name for
    /// what needs the same certificate (RFC 9110 section 11.5).
    ///
    /// # Errors
    /// As [`require()`](Self::require). A realm that cannot be in a challenge is left out.
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

/// Gives each request of a connection its [`Caller`], and turns away those that do not belong on
/// the connection.
///
/// A request is answered
///
/// | if | with |
/// |---|---|
/// | it does not say for which host it is, twice, or not clearly | 400; but a request of HTTP/1.0 without a host is for the server name of its connection |
/// | connections to its host are asked for something that this one was not asked for | 421 |
/// | else | whatever the service behind this answers |
///
/// A request's body must be a [`Body`](http_body::Body), of which some is read before 400 and 421:
/// see [`read_unread`](super::read_unread). [`admit`](Self::admit) is for other servers.
///
/// One layer is enough for all connections of a server, where the HTTP server puts the
/// [`ConnectionInfo`] of its connection among the extensions of each request, as `axum::serve` does
/// with `into_make_service_with_connect_info::<ConnectionInfo>()` for a `tokio::Listener` (features
/// `axum` and `tokio`). A request that has none there gets 500. For other HTTP servers, make a layer
/// for each connection with [`with_connection()`](Self::with_connection).
///
/// The responses of this layer have an empty body (`R: Default`), unless
/// [`on_denied()`](Self::on_denied) makes another one.
///
/// There is no way to relax what the layer does: a wildcard certificate
/// lets HTTP/2 clients send requests for any of its names on one connection (RFC 9113 section
/// 9.1.1), and these would get past what the handshake has demanded for their own.
///
/// What a host's connections are asked for is what the policy would decide for the same client
/// asking for that host:
/// * A port does not matter, nor case, nor a final dot. Addresses count as no server name, which is
///   what a client asks for then.
/// * A connection that was made for the request's own host name always serves it, also when the
///   policy has changed since: a connection goes on as it began.
/// * Where a certificate is required, one that was given in the same scope will do, for whichever
///   name. Where one is requested, to have been asked will do.
/// * Where it is not known which rule would hold, as a client's whole list of application protocols
///   is not, all that may hold must be met.
#[derive(Clone, Debug)]
pub struct CallerLayer<D = EmptyBody> {
    callers: Callers,
    denied: D,
}

/// Finds out who makes a request.
#[derive(Clone, Debug)]
pub struct Callers {
    /// `None` if each request has it among its extensions.
    connection: Option<ConnectionInfo>,
    hosts: Arc<dyn HostPolicy>,
}

impl CallerLayer {
    /// For the requests of all connections to a server with this policy.
    pub fn new(hosts: impl HostPolicy + 'static) -> Self {
        let callers = Callers { connection: None, hosts: Arc::new(hosts) };
        Self { callers, denied: EmptyBody }
    }
}

impl<D> CallerLayer<D> {
    /// The same layer for the requests of this connection only.
    pub fn with_connection(mut self, connection: ConnectionInfo) -> Self {
        self.callers.connection = Some(connection);
        self
    }

    /// Make the responses to denied requests: own pages for 401, 403 and 421, and also for 400 and 500.
    ///
    /// `page` is called with the reason. [`Denied::response`] makes a response with the status and
    /// the challenge; another response takes its place as it is. It is called for what this layer
    /// denies, and for what is denied behind it, by [`RequireScope`](super::RequireScope) or an
    /// extractor, unless an `on_denied()` there has made the response already.
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

    /// The caller of a request, for servers that do not use tower.
    ///
    /// # Errors
    /// [`Denied::Host`] and [`Denied::Misdirected`]; [`Denied::NoConnection`] if the layer is for all
    /// connections, and the request does not say which is its own.
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
