use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use http::{Extensions, Response};
use tower_layer::Layer;

use super::gate::{Check, Checked, EmptyBody, Gate, OnDenied};
use super::host::Host;
use super::hosts::{serves, would_ask};
use super::{ConnectionInfo, Denied, HostPolicy, Identity, Scope};
use crate::PostHandshakeDemand;

/// The client that makes a request, its connection, and the host that the request is for.
///
/// Each request that has come through a [`CallerLayer`] has one among its extensions.
#[derive(Clone, Debug)]
pub struct Caller {
    connection: ConnectionInfo,
    host: Host,
    hosts: Arc<dyn HostPolicy>,
    /// `None` if no certificates are requested on the open connection.
    sees: Option<Arc<Sees>>,
}

/// The proofs on the open connection that a request sees, by their numbers.
#[derive(Debug)]
struct Sees {
    /// Those up to the one that was the latest when the request was admitted.
    admitted: u64,
    /// Those that the request asked for itself.
    own: Mutex<Vec<u64>>,
}

impl Sees {
    fn own(&self) -> MutexGuard<'_, Vec<u64>> {
        // Nothing can panic while this is locked.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        self.host.name(self.connection.server_name())
    }

    /// Returns the client, if it is authenticated in `scope` now.
    ///
    /// An answer to a request on the open connection counts if it was validated before this request
    /// was admitted, or if this request has [asked](Self::ask) for it; if the policy may request
    /// the scope for this host; and as long as the current policy accepts the certificate.
    pub fn identity(&self, scope: &str) -> Option<Identity> {
        self.connection.of_handshake(scope).or_else(|| {
            let sees = self.sees.as_deref()?;
            let exchange = self.connection.exchange().filter(|it| it.has_proof(scope))?;
            let sees = |proof| proof <= sees.admitted || sees.own().contains(&proof);
            exchange.identity(&self.demand(scope)?, sees)
        })
    }

    /// The demand of a scope that may be requested for this host, on an open connection or in a
    /// handshake.
    fn demand(&self, scope: &str) -> Option<PostHandshakeDemand> {
        self.post_handshake(scope).or_else(|| {
            let demand = would_ask(&*self.hosts, &self.connection, &self.host, scope)?;
            Some(PostHandshakeDemand::when_needed(demand))
        })
    }

    /// The demand of a scope that may be requested for this host on an open connection.
    fn post_handshake(&self, scope: &str) -> Option<PostHandshakeDemand> {
        let all = self.hosts.post_handshake(self.host());
        all.into_iter().find(|demand| demand.scope() == scope)
    }

    /// Returns the client, which must be authenticated in `scope`; asks the client for a certificate
    /// on the open connection if it is not, and waits for the answer.
    ///
    /// The client is asked if the policy allows it for this host
    /// ([`PolicyBuilder::post_handshake`](crate::PolicyBuilder::post_handshake)), the client takes
    /// part, and it has not been asked for this scope before. If several requests of a connection
    /// need a scope, the client is asked once. Dropping the future does not cancel the request.
    ///
    /// # Errors
    /// As for [`require()`](Self::require), at once or after the wait. [`Denied::Unauthenticated`]
    /// if the client declines, does not take part, or does not answer in time, or if a limit of
    /// `http::secondary::ServerOptions` is reached; [`Denied::Refused`] if its certificate does not
    /// count.
    pub async fn ask(&self, scope: &str) -> Result<Identity, Denied> {
        self.ask_with_realm(scope, scope).await
    }

    /// The same for a scope that has its own type.
    ///
    /// # Errors
    /// As for [`ask()`](Self::ask).
    pub async fn ask_typed<S: Scope>(&self) -> Result<Identity<S>, Denied> {
        self.ask(S::NAME).await?.typed().ok_or(Denied::OtherScope)
    }

    /// The same as [`ask()`](Self::ask), with another realm in the challenge: see
    /// [`require_with_realm()`](Self::require_with_realm).
    ///
    /// # Errors
    /// As for [`ask()`](Self::ask).
    pub async fn ask_with_realm(&self, scope: &str, realm: &str) -> Result<Identity, Denied> {
        let denied = match self.require_with_realm(scope, realm) {
            Err(denied) if self.can_ask(&denied, scope) => denied,
            done => return done,
        };
        let (Some(exchange), Some(sees), Some(demand)) =
            (self.connection.exchange(), &self.sees, self.post_handshake(scope))
        else {
            return Err(denied);
        };
        if let Some(proof) = exchange.ask(&demand).await {
            sees.own().push(proof);
        }
        self.require_with_realm(scope, realm)
    }

    /// Returns true if the client may be able to change this denial on the open connection.
    pub(super) fn can_ask(&self, denied: &Denied, scope: &str) -> bool {
        matches!(denied, Denied::Unauthenticated { .. } | Denied::Refused)
            && self.sees.is_some()
            && self.post_handshake(scope).is_some()
    }

    /// Returns the client, which must be authenticated in `scope`.
    ///
    /// # Errors
    /// * [`Denied::OtherScope`] if its handshake authenticates it in another scope, and the policy
    ///   does not request `scope` on open connections to this host.
    /// * [`Denied::Refused`] if it answered a request on the open connection with a certificate that
    ///   does not count.
    /// * [`Denied::Unauthenticated`] if it is not authenticated, but may be if it opens another
    ///   connection to this host, or takes part on this one. The realm of the challenge is the
    ///   scope's name.
    /// * [`Denied::Misdirected`] if it proved the scope on the open connection, and the policy never
    ///   requests it for this host.
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
        let exchange = self.connection.exchange();
        match (self.post_handshake(scope), exchange) {
            (Some(demand), Some(exchange)) if exchange.refusal(&demand).is_some() => {
                return Err(Denied::Refused);
            }
            (Some(_), _) => {}
            (None, _) if self.connection.is_authenticated() => return Err(Denied::OtherScope),
            (None, _) if self.demand(scope).is_some() => {}
            (None, Some(exchange)) if exchange.identity_anywhere(scope).is_some() => {
                return Err(Denied::Misdirected);
            }
            (None, _) => return Err(Denied::NeverAsked),
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
            let sees = connection.exchange().map(|exchange| {
                Arc::new(Sees { admitted: exchange.latest(), own: Mutex::default() })
            });
            Ok(Caller { connection: connection.clone(), host, hosts: self.hosts.clone(), sees })
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
    fn check(&self, request: &mut Parts) -> Checked {
        let caller = match self.admit(request) {
            Ok(caller) => caller,
            Err(denied) => return Checked::Denied(denied),
        };
        request.extensions.insert(caller);
        Checked::Accepted
    }
}
