//! A listener, an acceptor and a connector for tokio: servers ask a policy before the handshake
//! continues, and clients learn that their certificate was refused, even after their handshake.
//!
//! A [`Listener`] is all that an axum server needs. For other servers, [`Acceptor::accept`] returns
//! the stream of an unmodified `tokio-rustls`, for hyper and other libraries, and
//! [`Acceptor::accept_and_report`] adds the information that a log should have. For clients,
//! [`Connector::connect`] returns a [`ClientStream`], which also reads late alerts.
//!
//! # Late refusals
//! With TLS 1.3, a client's handshake is complete when it has sent its certificate, before the
//! server has checked it. If the server refuses the certificate, its alert comes later, in place of
//! the first response. A server that closes the connection right after the alert resets it, so that
//! a client which is still writing gets a broken pipe error and never reads the alert. A
//! [`ClientStream`] looks for the alert before it reports an error:
//!
//! * The alert is reported as a [`Refusal`], inside the [`std::io::Error`] of the operation that
//!   failed: a read, a write or [`Connector::connect`] itself. [`Refusal::in_chain`] finds it
//!   there, or in the error of a library around it.
//! * If there was no alert, and a refusal is one possible reason, the error has a
//!   [`LikelyRefusal`].
//! * If the server has sent application data before it closed the connection, such as an HTTP
//!   response before it has read the request, that data can be read first, and writing fails
//!   afterwards.
//! * Some libraries, such as h2, drop the reason of an I/O error. [`ClientStream::outcome`] returns
//!   a handle to keep when the stream is handed over; ask it afterwards.

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
#[cfg_attr(not(feature = "tracing"), path = "tokio/no_span.rs")]
mod span;
mod stream;
mod transport;
mod watch;

pub use acceptor::{Acceptor, linger};
pub use connector::Connector;
pub use error::AcceptError;
pub use listener::{Listener, RefusedConnection};
pub use other_protocol::OtherProtocol;
pub use policy::{AsyncPolicy, BoxError, HelloInfo, PolicyFn, policy_fn};
pub use refusal::{ConnectionOutcome, End, LikelyRefusal, Refusal};
pub use report::AcceptReport;
pub use stream::ClientStream;
pub use watch::watch;
