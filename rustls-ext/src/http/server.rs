//! Layers for tower that identify the callers of HTTP services, and refuse those that are not
//! authenticated in the required scope. They work with hyper, axum, tonic and all servers that use
//! requests of the crate `http`.
//!
//! * [`ConnectionInfo`] contains the facts about a connection. It is made once, when the handshake
//!   is complete.
//! * [`CallerLayer`] adds a [`Caller`] to each request, and refuses requests that do not belong on
//!   their connection. Its `on_denied` makes pages for refused requests.
//! * [`RequireScope`] protects services that need a scope, and challenges callers that are not
//!   authenticated in it.
//! * [`Identity`] is the identity of a caller in one scope.
//!
//! ```
//! # use std::{convert::Infallible, net::SocketAddr};
//! # use http::{Request, Response};
//! # use rustls_ext::{Live, rustls::ServerConnection};
//! # use tower_layer::Layer;
//! use rustls_ext::http::server::{Caller, CallerLayer, ConnectionInfo, RequireScope};
//!
//! # fn serve<S>(tls: &ServerConnection, peer: SocketAddr, live: Live, reports: S) {
//! // for a connection
//! let info = ConnectionInfo::from_tls(tls, peer);
//! let callers = CallerLayer::new(live).with_connection(info);
//! let service = callers.layer(RequireScope::new("staff").layer(reports));
//! # }
//!
//! // for a request
//! async fn report<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
//!     let name = Caller::of(request.extensions())
//!         .and_then(|caller| caller.require("staff"))
//!         .map(|staff| staff.certificate().common_name().map_or("you", |name| name).to_owned());
//!     Ok(match name {
//!         Ok(name) => Response::new(format!("a report for {name}")),
//!         Err(denied) => denied.response(String::new()),
//!     })
//! }
//! ```
//!
//! A request that these layers refuse may have a body. They read some of it before they respond, so
//! that clients over HTTP/1.1 receive the response: see [`read_unread`] for how much.
//!
//! With the feature `axum`, there are extractors for axum handlers.
//!
//! # Certificates on open connections
//! If the policy allows it, a client that takes part is asked for a certificate on its open HTTP/2 or
//! HTTP/3 connection when a request needs one: by [`RequireScope`], [`Caller::ask`] and the
//! extractors. See [`secondary`](super::secondary). Over HTTP/2, give the HTTP library the connection
//! in a `ServerStream` (feature `tokio`), as the listener for `axum::serve` does.

mod caller;
mod certificate;
mod connection;
mod denied;
mod gate;
mod host;
mod hosts;
mod identity;
mod no_longer;
mod require;
#[cfg(feature = "tokio")]
mod stream;
mod unread;

pub use caller::{Caller, CallerLayer};
pub use certificate::{AlternativeName, CertificateError, CertificateInfo};
#[cfg(feature = "tokio")]
pub(super) use connection::WeakConnectionInfo;
pub use connection::{CertificateRequest, ClientAuthOutcome, ConnectionInfo};
pub use denied::Denied;
pub use gate::{Answer, DeniedResponse, EmptyBody, Gate, OnDenied};
pub use host::HostProblem;
pub use hosts::HostPolicy;
pub use identity::{Identity, Named, ProvedBy, Scope};
pub use no_longer::NoLongerVerified;
pub use require::RequireScope;
#[cfg(feature = "tokio")]
pub use stream::ServerStream;
pub use unread::{ReadUnread, read_unread};
