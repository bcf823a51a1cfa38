use std::sync::Arc;

use http::Response;
use http::request::Parts;
use tower_layer::Layer;

use super::gate::{Check, Checked, EmptyBody, Gate, OnDenied};
use super::{Caller, Denied, Scope};
use crate::record;

/// A layer that accepts only requests whose callers are authenticated in a scope.
///
/// Responses to other requests:
///
/// | if the caller | with |
/// |---|---|
/// | is authenticated in another scope | 403 |
/// | is not authenticated, and another connection to this host could change that | 401, with the challenge |
/// | is not authenticated, and no connection could | 403 |
/// | has proved the scope on the open connection, and the policy never requests it for this host | 421 |
/// | presented a certificate on the open connection that does not count | 403 |
/// | can never be, since the policy has no scope of this name | 500 |
///
/// If the policy allows it for the host, a client that takes part is asked for a certificate on the
/// open connection first, and the request waits for the answer: see [`Caller::ask`].
///
/// Another connection can change it if the policy may request a certificate of the scope from such
/// a client, with or without an offer. Under TLS 1.2, which has no flags, the offer can only be by
/// CARE.
///
/// A request's body must be a [`Body`](http_body::Body), of which some is read before these
/// responses: see [`read_unread`](super::read_unread).
///
/// Requests must come through a [`CallerLayer`](super::CallerLayer) first; otherwise they get 500.
/// Requests that it refuses as misdirected do not get here, so 421 takes precedence over 401 and
/// 403: the state of the wrong connection is no reason for these, and every client can handle 421.
///
/// These responses have an empty body (`R: Default`), unless [`on_denied()`](Self::on_denied) or
/// [`CallerLayer::on_denied`](super::CallerLayer::on_denied) makes another response.
#[derive(Clone, Debug)]
pub struct RequireScope<D = EmptyBody> {
    needed: NeededScope,
    denied: D,
}

/// The scope that callers need.
#[derive(Clone, Debug)]
pub struct NeededScope {
    // Servers clone their services for each request.
    scope: Arc<str>,
    realm: Option<Arc<str>>,
}

impl RequireScope {
    /// Requires that callers are authenticated in the scope of this name.
    pub fn new(scope: impl Into<String>) -> Self {
        let scope: String = scope.into();
        Self { needed: NeededScope { scope: scope.into(), realm: None }, denied: EmptyBody }
    }

    /// Requires that callers are authenticated in this scope.
    pub fn from_scope<S: Scope>() -> Self {
        Self::new(S::NAME)
    }
}

impl<D> RequireScope<D> {
    /// Sets the realm of the challenge, instead of the scope's name: the name of the protection
    /// space, whose resources need the same certificate (RFC 9110 section 11.5). A realm that a
    /// challenge cannot contain is left out.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        let realm: String = realm.into();
        self.needed.realm = Some(realm.into());
        self
    }

    /// Sets a function that makes the responses to callers that this layer denies: 401, 403 and
    /// 500.
    ///
    /// `page` gets the reason. [`Denied::response`] makes a response with the status and the
    /// challenge. See [`CallerLayer::on_denied`](super::CallerLayer::on_denied) for an example, and
    /// to handle all denials of a server in one place.
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
    fn scope(&self) -> Option<&str> {
        Some(&self.scope)
    }

    fn check(&self, request: &mut Parts) -> Checked {
        let realm = self.realm.as_deref().unwrap_or(&self.scope);
        let caller = match Caller::of(&request.extensions) {
            Ok(caller) => caller,
            Err(denied) => return Checked::Denied(denied),
        };
        match caller.require_with_realm(&self.scope, realm) {
            Ok(_) => Checked::Accepted,
            Err(denied) if caller.can_ask(&denied, &self.scope) => {
                let (caller, needed) = (caller.clone(), self.clone());
                Checked::Later(Box::pin(async move {
                    let realm = needed.realm.as_deref().unwrap_or(&needed.scope);
                    let asked = caller.ask_with_realm(&needed.scope, realm).await.map(drop);
                    asked.inspect_err(|denied| record::denied(denied, Some(&needed.scope)))
                }))
            }
            Err(denied) => Checked::Denied(denied),
        }
    }
}
