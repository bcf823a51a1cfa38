//! Client certificates on an open HTTP/2 or HTTP/3 connection
//! (draft-rosomakho-httpbis-secondary-client-certs): the server requests a certificate between two
//! requests, and the client answers with an [authenticator](crate::authenticator).
//!
//! HTTP libraries do not let other code send frames. So these frames are added and taken out below
//! an unmodified library, by a filter:
//!
//! | | |
//! |---|---|
//! | [`Exchange`] | decides what to do about the peer's setting and frames |
//! | [`Outbox`] | holds this side's frames until they can be sent |
//! | [`ConnectionError`] | why the connection must end |
//! | [`Http2Filter`][filter] | the filter of HTTP/2 |
//! | [`Http3`][http3] | the filter of HTTP/3, for h3 over any QUIC library |
//!
#![cfg_attr(feature = "tokio", doc = "[filter]: Http2Filter")]
#![cfg_attr(not(feature = "tokio"), doc = "[filter]: crate#features")]
#![cfg_attr(feature = "h3", doc = "[http3]: Http3")]
#![cfg_attr(not(feature = "h3"), doc = "[http3]: crate#features")]

mod error;
mod exchange;
#[cfg(feature = "tokio")]
mod http2;
#[cfg(feature = "h3")]
pub mod http3;

pub use crate::wire::secondary::{HttpCodePointError, HttpCodePoints};
pub use error::ConnectionError;
pub use exchange::{Exchange, Frame, Outbox, SendError};
#[cfg(feature = "tokio")]
pub use http2::Http2Filter;
#[cfg(feature = "h3")]
pub use http3::Http3;
