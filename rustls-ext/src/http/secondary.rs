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
//! | [`ClientExchange`] | is the client's [`Exchange`]: answers the server's requests |
//! | [`ConnectionError`] | why the connection must end |
//! | [`ServerExchange`][exchange] | is the server's: requests certificates and validates the answers |
//! | [`Http2Filter`][filter] | the filter of HTTP/2 |
//! | [`Http3`][http3] | the filter of HTTP/3, for h3 over any QUIC library |
//!
//! # Clients
//! [`ClientExchange`] announces how many requests it accepts at a time (2), and answers each with an
//! authenticator: a proof for a certificate that the application chooses, or an empty one. It ends
//! the connection of a server that breaks the rules, and has [limits](ClientLimits) for a server
//! that never stops.
//!
//! The client in `http::hyper` does all of this by itself. To add it to another HTTP/2 client:
//! take the [`Exporters`](crate::authenticator::Exporters) of the connection after the handshake,
//! make a [`ClientExchange`] with an [`Outbox`], and pass both to [`Http2Filter`][filter] around the
//! TLS stream. Do so only for TLS 1.3, where ALPN chose `h2`, and only if the server's name was
//! verified and the server may see a certificate of yours: a server that reads the setting knows that
//! there is one (SCC-15). Once a certificate was shown, all requests on the connection count as
//! authenticated (SCC-10), so send those that should not on another connection.
//!
//! The draft says that the requests are `ClientCertificateRequest`s, which RFC 9261 has for requests
//! *by* clients. Here they are `CertificateRequest`s (type 13), as RFC 9261 has them for servers
//! (SCC-3).
//!
//! # Servers
//! The policy says which scopes may be requested for which hosts:
//! [`PolicyBuilder::post_handshake`](crate::PolicyBuilder::post_handshake). The rest happens by
//! itself with the listener for `axum::serve`, and with `http::server::ServerStream` for other
//! servers. [`RequireScope`](super::server::RequireScope) and the extractors of axum then hold a
//! request that needs a certificate, and other handlers call
//! [`Caller::ask`](super::server::Caller::ask). Over HTTP/3, attach a [`ServerExchange`][exchange]
//! to the `ConnectionInfo` of each connection, and give its outbox to [`Http3`][http3].
//!
//! ```
//! # #[cfg(feature = "ring")]
//! # fn policy(users: rustls_ext::Anchors) -> Result<rustls_ext::Policy, rustls_ext::PolicyError> {
//! use rustls_ext::{Policy, PostHandshake, Verdict};
//!
//! Policy::builder()
//!     .scope("users", users)
//!     .post_handshake(PostHandshake::when_needed("users").host("app.example.com"))
//!     .otherwise(Verdict::None)
//!     .build()
//! # }
//! ```
//!
//! * The client must take part: it announces a number of requests in its SETTINGS (SCC-1). TLS 1.3
//!   only. Clients that do not take part are not waited for, and get 401.
//! * There is one request for a scope, however many HTTP requests wait for it. A client that
//!   declines, or whose certificate does not count, is not asked again on the connection, unless
//!   [`PostHandshake::ask_again_after`](crate::PostHandshake::ask_again_after) says so.
//! * A certificate that does not count (expired, revoked, from an unknown authority) ends nothing:
//!   requests get 403, and [`ConnectionInfo::refusal`](super::server::ConnectionInfo::refusal) has
//!   the reason. An authenticator that does not validate ends the connection (SCC-9).
//! * Identities add up: one connection can prove a device and a person (SCC-11). Each counts in its
//!   own scope, for the hosts whose rules may ask for that scope, in the handshake or later; other
//!   hosts answer 421.
//! * The current policy counts: the chain is verified again after a reload, when a certificate of it
//!   has expired, and otherwise once a minute. A proof counts for the maximum age of its scope, and
//!   never on another connection, resumed or not (SCC-14).
//! * A request sees what was proved when it was admitted, and what it asked for itself.
//!
#![cfg_attr(feature = "tokio", doc = "[filter]: Http2Filter")]
#![cfg_attr(not(feature = "tokio"), doc = "[filter]: crate#features")]
#![cfg_attr(feature = "h3", doc = "[http3]: Http3")]
#![cfg_attr(not(feature = "h3"), doc = "[http3]: crate#features")]
#![cfg_attr(feature = "tokio", doc = "[exchange]: ServerExchange")]
#![cfg_attr(not(feature = "tokio"), doc = "[exchange]: crate#features")]

mod client;
mod error;
mod exchange;
#[cfg(feature = "tokio")]
mod http2;
#[cfg(feature = "h3")]
pub mod http3;
#[cfg_attr(not(feature = "tokio"), path = "secondary/no_server.rs")]
pub(crate) mod server;

pub use crate::wire::secondary::{HttpCodePointError, HttpCodePoints};
pub use client::{Answer, ChooseCertificate, ClientExchange, ClientLimits, Declined, Work};
pub use error::ConnectionError;
pub use exchange::{Exchange, Frame, Outbox, SendError};
#[cfg(feature = "tokio")]
pub use http2::Http2Filter;
#[cfg(feature = "h3")]
pub use http3::Http3;
#[cfg(feature = "tokio")]
pub use server::{ServerExchange, ServerOptions};
