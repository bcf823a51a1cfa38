//! The HTTP authentication scheme `ClientCertificate` (draft-thomson-httpbis-cant): a server tells
//! HTTP clients to authenticate with a certificate.
//!
//! ```text
//! HTTP/1.1 401 Unauthorized
//! WWW-Authenticate: ClientCertificate realm="reports", dn=MBExDzANBgNVBAMMBmFnZW50cw
//! ```
//!
//! The scheme has no credentials to put into a field. A client that is challenged makes the request
//! again on a new connection, on which it offers to authenticate and presents its certificate.
//!
//! * A server writes a [`Challenge`] that describes the certificates its scope accepts:
//!   [`Challenge::for_anchors`] or [`Policy::challenge`](crate::Policy::challenge).
//! * A client reads all [`Challenges`] of a response, and checks which of its certificates a
//!   challenge [accepts](Challenge::accepts).
//!
//! * The layers of [`server`] identify callers, and challenge callers that are not authenticated as
//!   required. With the layers of [`client_cert`], a reverse proxy passes the client's certificate
//!   on to the server behind it.
//!
//! Fields come from the peer, so parsing has [limits].
//!
//! # The parser
//! Fields are parsed here rather than by a general parser of challenges, because other challenges
//! beside a `ClientCertificate` challenge must not hide it. Parsers that keep one value for each
//! name lose alternatives (CANT-4). `http-auth` keeps them, but does not accept a `token68`, which
//! `Negotiate` and `NTLM` challenges use, nor more than one space after a scheme, nor anything
//! after the first mistake. For fields that `http-auth` can read, the tests compare its result with
//! the result of this parser.

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
pub mod secondary;
pub mod server;

pub use challenge::{Acceptable, Challenge, SCHEME};
pub use error::{ChallengeError, ChallengeProblem, Place};
#[cfg(any(feature = "hyper", feature = "reqwest"))]
pub(crate) use facts::ChainFacts;
pub use field::Challenges;
pub use hash::{Fingerprint, HashName};
