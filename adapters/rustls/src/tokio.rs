//! An acceptor and a listener for tokio.
//!
//! [`Acceptor::accept`] returns a [`TlsStream`] for hyper and other libraries, with the outcome of
//! client authentication. [`Listener`] does so for a server's connections, concurrently and with
//! limits. [`ConnectionInfo`] has the outcome without the stream, for requests.

mod acceptor;
mod error;
mod gate;
mod info;
mod listener;
mod stream;
mod watched;

pub use acceptor::{Acceptor, linger};
pub use error::AcceptError;
pub use gate::SecondHello;
pub use info::ConnectionInfo;
pub use listener::{Listener, RefusedConnection};
pub use stream::TlsStream;
