//! Telling HTTP clients to come back with a certificate: the authentication scheme
//! `ClientCertificate` (draft-thomson-httpbis-cant).
//!
//! ```text
//! HTTP/1.1 401 Unauthorized
//! WWW-Authenticate: ClientCertificate realm="reports", dn=MBExDzANBgNVBAMMBmFnZW50cw
//! ```
//!
//! The scheme has no credentials to put into a field. Who is challenged makes the request again,
//! on a new connection on which it offers to authenticate with a certificate, and does.
//!
//! * A server writes a [`Challenge`], with what its scope accepts: [`Challenge::for_anchors`] or
//!   [`Policy::challenge`](crate::Policy::challenge).
//! * A client reads all [`Challenges`] of a response, and sees which of its certificates one of
//!   them [accepts](Challenge::accepts).
//!
//! * Services learn who their callers are, and challenge those who must be somebody else, with the
//!   layers of [`server`]; a reverse proxy tells the server behind it with those of [`client_cert`].
//!
//! What is read comes from a peer, and has [limits].
//!
//! # The parser
//! Fields are parsed here rather than by a general parser of challenges, because what stands
//! beside a `ClientCertificate` must not hide it. Parsers that keep one value for each name lose
//! alternatives (CANT-4). `http-auth` keeps them, but takes no `token68`, with which `Negotiate`
//! and `NTLM` are challenged with, no more than one space behind a scheme, and nothing that stands
//! behind the first mistake. Where it reads a field, the tests compare what it reads with what is
//! read here.

mod challenge;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
pub mod client;
pub mod client_cert;
mod error;
mod facts;
mod field;
mod hash;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod limits;
mod parse;
#[cfg(feature = "reqwest")]
pub mod reqwest;
pub mod server;

pub use challenge::{Acceptable, Challenge, SCHEME};
pub use error::{ChallengeError, ChallengeProblem, Place};
#[cfg(any(feature = "hyper", feature = "reqwest"))]
pub(crate) use facts::ChainFacts;
pub use field::Challenges;
pub use hash::{Fingerprint, HashName};
