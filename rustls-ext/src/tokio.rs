//! An acceptor for tokio that asks a policy before the handshake goes on.
//!
//! What comes out is the stream of an unmodified `tokio-rustls`, for hyper, axum or whatever else
//! takes one.

mod acceptor;
mod policy;
mod watch;

pub use acceptor::{AcceptError, Acceptor};
pub use policy::{AsyncPolicy, BoxError, HelloInfo, PolicyFn, policy_fn};
pub use watch::watch;
