//! Telling HTTP services who their callers are, and turning away those who are not authenticated in
//! the scope that they need: layers for tower, so for hyper, axum, tonic and whatever else has
//! requests of the crate `http`.
//!
//! * [`ConnectionInfo`] is what is known of a connection, made once, when its handshake is complete.
//! * A [`CallerLayer`] puts a [`Caller`] into each request, and refuses requests that do not belong on
//!   their connection. Its `on_denied` makes pages for refused requests.
//! * [`RequireScope`] stands before what needs a scope, and challenges callers that lack it.
//! * An [`Identity`] is who a caller is, in one scope.
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
//! A request that these layers refuse may have a body. They read some of it before they answer, so
//! that clients over HTTP/1.1 see the answer: see [`read_unread`] for how much.
//!
//! With the feature `axum`, handlers of axum's have extractors for all of that.

mod caller;
mod certificate;
mod connection;
mod denied;
mod gate;
mod host;
mod hosts;
mod identity;
mod require;
mod unread;

pub use caller::{Caller, CallerLayer};
pub use certificate::{AlternativeName, CertificateError, CertificateInfo};
pub use connection::{Asked, ConnectionInfo, Outcome};
pub use denied::Denied;
pub use gate::{Answer, DeniedResponse, EmptyBody, Gate, OnDenied};
pub use host::HostProblem;
pub use hosts::HostPolicy;
pub use identity::{Identity, Named, Scope};
pub use require::RequireScope;
pub use unread::{ReadUnread, read_unread};
