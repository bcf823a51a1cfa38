//! For tokio: a listener and an acceptor that ask a policy before the handshake goes on, and a
//! connector that reports a refusal as one, also when it comes after the client's handshake.
//!
//! A [`Listener`] is all that a server of axum's needs. For other servers,
//! [`Acceptor::accept`] gives the stream of an unmodified `tokio-rustls`, for hyper, axum or
//! whatever else takes one, and [`Acceptor::accept_and_report`] what a log should have besides;
//! [`Connector::connect`] a [`ClientStream`], which is one with ears.
//!
//! # Late refusals
//! With TLS 1.3, a client's handshake is complete when it has sent its certificate, which is before
//! the server has looked at it. What the server has to say of the certificate comes later, as an
//! alert in place of the first answer; and a server that closes right after it resets the
//! connection, so that a client which is still writing sees a broken pipe and never reads the
//! alert. A [`ClientStream`] looks for the alert before it gives up:
//!
//! * What the server said is a [`Refusal`], in the [`std::io::Error`] of whatever failed, a read, a
//!   write or [`Connector::connect`] itself; [`Refusal::in_chain`] finds it there, or in the error
//!   of a library around it.
//! * Where it said nothing, and a refusal is one possible reason, the error has a
//!   [`LikelyRefusal`].
//! * Where it has sent application data before it went, as an HTTP server does that answers before
//!   it has read a request, that data can be read first, and writing fails afterwards.
//! * Some libraries drop the reason of an I/O error, h2 for one. [`ClientStream::outcome`] gives a
//!   handle that can be kept when the stream is handed over, and asked afterwards.

#[doc(no_inline)]
pub use tokio_rustls;

mod acceptor;
mod beginning;
mod connector;
mod error;
mod listener;
mod other_protocol;
mod policy;
mod refusal;
mod report;
mod stream;
mod transport;
mod watch;

pub use acceptor::{Acceptor, linger};
pub use connector::Connector;
pub use error::AcceptError;
pub use listener::{Listener, RefusedConnection};
pub use other_protocol::OtherProtocol;
pub use policy::{AsyncPolicy, BoxError, HelloInfo, PolicyFn, policy_fn};
pub use refusal::{End, LikelyRefusal, Outcome, Refusal};
pub use report::AcceptReport;
pub use stream::ClientStream;
pub use watch::watch;
