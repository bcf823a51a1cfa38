//! Re-exports of the crates whose types are in public signatures of this crate, in matching
//! versions.
//!
//! A program that uses them from here needs no dependency of its own, and always has the version
//! that this crate uses.
//!
//! | crate | feature | where its types are |
//! |---|---|---|
//! | `ipnet` | | [`Conditions::peer`](crate::Conditions::peer), [`RuleProblem`](crate::RuleProblem) |
//! | `rustls`, and in it `pki_types` | | everywhere |
//! | `zeroize` | | ticket keys as text: [`TicketKey::to_text`](crate::tickets::TicketKey::to_text) |
//! | `redis` | `redis` | [`tickets`](crate::tickets) in Redis |
//! | `bytes`, `http`, `http_body`, `tower_layer`, `tower_service` | `http` | requests, responses, bodies, layers and services |
//! | `axum` | `axum` | extractors, and the listener for `axum::serve` |
//! | `http_body_util`, `hyper` | `hyper` | the client over hyper |
//! | `reqwest` | `reqwest` | the client over reqwest |
//! | `tokio`, `tokio_rustls` | `tokio` | listener, acceptor, connector, and their streams |
//! | `quinn_proto` | `quic`, with a cryptography provider | configs for quinn |
//!
//! ```
//! use rustls_ext::Rule;
//! use rustls_ext::crates::ipnet::IpNet;
//!
//! let inside: IpNet = "192.0.2.0/24".parse()?;
//! let rule = Rule::when().peer(inside).require("agents");
//! # drop(rule);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "axum")]
#[doc(no_inline)]
pub use ::axum;
#[cfg(feature = "http")]
#[doc(no_inline)]
pub use ::http;
#[cfg(feature = "hyper")]
#[doc(no_inline)]
pub use ::hyper;
#[cfg(feature = "redis")]
#[doc(no_inline)]
pub use ::redis;
#[cfg(feature = "reqwest")]
#[doc(no_inline)]
pub use ::reqwest;
#[cfg(feature = "tokio")]
#[doc(no_inline)]
pub use ::tokio;
#[cfg(feature = "http")]
#[doc(no_inline)]
pub use bytes;
#[cfg(feature = "http")]
#[doc(no_inline)]
pub use http_body;
#[cfg(feature = "hyper")]
#[doc(no_inline)]
pub use http_body_util;
#[doc(no_inline)]
pub use ipnet;
#[cfg(all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs")))]
#[doc(no_inline)]
pub use quinn_proto;
#[doc(no_inline)]
pub use rustls;
#[cfg(feature = "tokio")]
#[doc(no_inline)]
pub use tokio_rustls;
#[cfg(feature = "http")]
#[doc(no_inline)]
pub use tower_layer;
#[cfg(feature = "http")]
#[doc(no_inline)]
pub use tower_service;
#[doc(no_inline)]
pub use zeroize;
