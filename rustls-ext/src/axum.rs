//! Extractors for axum that identify the caller by its client certificate, and refuse requests
//! without the certificate they need.
//!
//! ```
//! use axum::{Router, routing::get};
//! use rustls_ext::http::server::{Caller, Denied, Identity, RequireScope, Scope};
//!
//! struct Staff;
//! impl Scope for Staff {
//!     const NAME: &'static str = "staff";
//! }
//!
//! /// Other callers get 401 and the challenge, or 403.
//! async fn admin(staff: Identity<Staff>) -> String {
//!     format!("hello, {}", staff.certificate().common_name().unwrap_or("member of staff"))
//! }
//!
//! /// Every caller gets this page; staff get a greeting.
//! async fn home(staff: Option<Identity<Staff>>) -> &'static str {
//!     if staff.is_some() { "hello, staff" } else { "hello" }
//! }
//!
//! /// The scope's name is known at run time only.
//! async fn report(caller: Caller) -> Result<String, Denied> {
//!     let agent = caller.require("agents")?;
//!     Ok(format!("{:?}", agent.certificate().subject()))
//! }
//!
//! let app: Router = Router::new()
//!     .route("/admin", get(admin))
//!     .route("/report", get(report))
//!     .route("/agents", get(|| async { "agents only" }).layer(RequireScope::new("agents")))
//!     .route("/", get(home));
//! ```
//!
//! Your own pages for 401, 403 and 421 are made in one place, also for what extractors deny:
//!
//! ```
//! use axum::Router;
//! use axum::body::Body;
//! use axum::response::{Html, IntoResponse, Response};
//! use rustls_ext::Live;
//! use rustls_ext::http::server::{CallerLayer, Denied};
//!
//! fn page(denied: Denied) -> Response {
//!     let text = format!("<h1>{denied}</h1>");
//!     let (parts, _) = denied.response(Body::empty()).into_parts(); // status and challenge
//!     (parts.status, parts.headers, Html(text)).into_response()
//! }
//!
//! fn app(routes: Router, live: Live) -> Router {
//!     routes.layer(CallerLayer::new(live).on_denied(page))
//! }
//! ```
//!
//! An extractor does not see the request's body, so the response is sent before the body is read.
//! Over HTTP/1.1, a client that sends a large body may then not see why it is refused. Put a
//! [`RequireScope`](crate::http::server::RequireScope) in front of such handlers: it reads some of
//! the body first.
//!
//! Requests must come through a [`CallerLayer`](crate::http::server::CallerLayer). Without it, each
//! of these extractors answers 500.

#[cfg(feature = "tokio")]
mod serve;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::http::server::{Caller, Denied, Identity, Scope};
use crate::record;

impl<T: Sync> FromRequestParts<T> for Caller {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Denied> {
        Self::of(&parts.extensions).cloned()
    }
}

/// Extracts the caller, which must be authenticated in this scope. A client that takes part is asked
/// for a certificate on the open connection if the policy allows it: see [`Caller::ask`].
impl<S: Scope, T: Sync> FromRequestParts<T> for Identity<S> {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Denied> {
        let identity = match Caller::of(&parts.extensions) {
            Ok(caller) => caller.ask_typed().await,
            Err(denied) => Err(denied),
        };
        identity.inspect_err(|denied| record::denied(denied, Some(S::NAME)))
    }
}

/// Extracts the caller if it is authenticated in this scope, and `None` otherwise. It never asks for
/// a certificate.
impl<S: Scope, T: Sync> OptionalFromRequestParts<T> for Identity<S> {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Option<Self>, Denied> {
        let caller = Caller::of(&parts.extensions)?;
        Ok(caller.identity(S::NAME).and_then(Identity::typed))
    }
}

/// The SPIFFE ID of a caller that is authenticated in this scope, such as `spiffe://example.org/agent/7`.
///
/// As an extractor, it refuses the callers that [`Identity`] refuses, and those whose certificate has
/// no SPIFFE ID or several URIs, with 403. Which trust domains count is a matter of the scope:
/// [`Anchors::with_trust_domain`](crate::Anchors::with_trust_domain).
///
/// ```
/// use rustls_ext::axum::SpiffeId;
/// use rustls_ext::http::server::Scope;
///
/// struct Workloads;
/// impl Scope for Workloads {
///     const NAME: &'static str = "workloads";
/// }
///
/// async fn hello(id: SpiffeId<Workloads>) -> String {
///     format!("hello, {}", id.as_str())
/// }
/// ```
#[derive(Debug)]
pub struct SpiffeId<S> {
    id: String,
    identity: Identity<S>,
}

impl<S> SpiffeId<S> {
    /// Returns the ID.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// Returns the identity that has it.
    pub fn identity(&self) -> &Identity<S> {
        &self.identity
    }
}

impl<S: Scope, T: Sync> FromRequestParts<T> for SpiffeId<S> {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Denied> {
        let identity =
            <Identity<S> as FromRequestParts<T>>::from_request_parts(parts, state).await?;
        let id = identity.spiffe_id().map(str::to_owned).ok_or(Denied::NoSpiffeId);
        let id = id.inspect_err(|denied| record::denied(denied, Some(S::NAME)))?;
        Ok(Self { id, identity })
    }
}

impl IntoResponse for Denied {
    /// A response whose body is one line of text.
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        let mut response = self.response(Body::from(text));
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}
