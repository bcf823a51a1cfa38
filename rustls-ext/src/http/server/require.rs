use http::Response;
use http::request::Parts;
use tower_layer::Layer;

use super::gate::{Check, EmptyBody, Gate, OnDenied};
use super::{Caller, Denied, Scope};

/// Lets only those requests through whose callers are authenticated in a scope.
///
/// Others are answered
///
/// | if the caller | with |
/// |---|---|
/// | is authenticated in another scope | 403 |
/// | is not authenticated, and another connection to this host could change that | 401, and the challenge |
/// | is not authenticated, and no connection could | 403 |
/// | can never be, since the policy has no scope of this name | 500 |
///
/// A connection can change it if the policy may ask such a client for a certificate of the scope,
/// with or without an offer; under TLS 1.2, in which there are no flags, with one by CARE only.
///
/// A request's body must be a [`Body`](http_body::Body), of which some is read before these
/// answers: see [`read_unread`](super::read_unread).
///
/// Requests must come through a [`CallerLayer`](super::CallerLayer) first, and get 500 otherwise.
/// What that refuses as misdirected never gets here, so 421 comes before 401 and 403: what is known
/// of the wrong connection is no reason for either, and every client knows what to do about it.
///
/// These responses have an empty body (`R: Default`), unless [`on_denied()`](Self::on_denied) or
/// [`CallerLayer::on_denied`](super::CallerLayer::on_denied) makes another one.
#[derive(Clone, Debug)]
pub struct RequireScope<D = EmptyBody> {
    needed: NeededScope,
    denied: D,
}

/// The scope that callers need.
#[derive(Clone, Debug)]
pub struct NeededScope {
    scope: String,
    realm: Option<String>,
}

impl RequireScope {
    /// Callers must be authenticated in the scope of this name.
    pub fn new(scope: impl Into<String>) -> Self {
        Self { needed: NeededScope { scope: scope.into(), realm: None }, denied: EmptyBody }
    }

    /// Callers must be authenticated in this scope.
    pub fn from_scope<S: Scope>() -> Self {
        Self::new(S::NAME)
    }
}

impl<D> RequireScope<D> {
    /// Challenge with this realm, rather than the scope's name: a name for what needs the same
    /// certificate (RFC 9110 section 11.5). One that cannot be in a challenge is left out.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.needed.realm = Some(realm.into());
        self
    }

    /// Make the responses to callers that this layer denies: 401, 403 and 500.
    ///
    /// `page` is called with the reason. [`Denied::response`] makes a response with the status and
    /// the challenge. See [`CallerLayer::on_denied`](super::CallerLayer::on_denied) for all of a
    /// server's denials in one place, and an example.
    pub fn on_denied<F, B>(self, page: F) -> RequireScope<OnDenied<F>>
    where
        F: Fn(Denied) -> Response<B> + Clone,
    {
        RequireScope { needed: self.needed, denied: OnDenied::new(page) }
    }
}

impl<D: Clone, S> Layer<S> for RequireScope<D> {
    type Service = Gate<NeededScope, D, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(self.needed.clone(), self.denied.clone(), inner)
    }
}

impl Check for NeededScope {
    fn check(&self, request: &mut Parts) -> Result<(), Denied> {
        let realm = self.realm.as_deref().unwrap_or(&self.scope);
        Caller::of(&request.extensions)?.require_with_realm(&self.scope, realm).map(drop)
    }
}
