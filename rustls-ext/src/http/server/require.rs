use http::request::Parts;
use tower_layer::Layer;

use super::gate::{Gate, Judge};
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
#[derive(Clone, Debug)]
pub struct RequireScope {
    scope: String,
    realm: Option<String>,
}

impl RequireScope {
    /// Callers must be authenticated in the scope of this name.
    pub fn new(scope: impl Into<String>) -> Self {
        Self { scope: scope.into(), realm: None }
    }

    /// Callers must be authenticated in this scope.
    pub fn typed<S: Scope>() -> Self {
        Self::new(S::NAME)
    }

    /// Challenge with this realm, rather than the scope's name: a name for what needs the same
    /// certificate (RFC 9110 section 11.5). One that cannot be in a challenge is left out.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }
}

impl<S> Layer<S> for RequireScope {
    type Service = Gate<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(self.clone(), inner)
    }
}

impl Judge for RequireScope {
    fn judge(&self, request: &mut Parts) -> Result<(), Denied> {
        let realm = self.realm.as_deref().unwrap_or(&self.scope);
        Caller::of(&request.extensions)?.require_with_realm(&self.scope, realm).map(drop)
    }
}
