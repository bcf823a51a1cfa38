//! Demand TLS client certificates per connection, from exactly those clients that offer one.
//!
//! rustls decides once per [`ServerConfig`] whether it asks for client certificates. With the
//! patched rustls that this crate needs, a client can say "I would like to authenticate" in its
//! ClientHello (the `request_client_auth` flag of the `tls_flags` extension), and a server decides
//! for each connection whether it demands a certificate, so that everyone who did not offer one is
//! left alone.
//!
//! * A **client** makes an offer with [`ClientAuthOffer`] and reads what came of it from its
//!   connection's `client_auth_status()`.
//! * A **server** writes its rules down as a [`Policy`], and reads what came of them with
//!   [`PeerIdentity::of`], for one scope at a time.
//! * What a server goes by can be loaded again while it serves: [`Live`]; with the feature
//!   `policy-file`, all of it comes from files.
//! * With the feature `http`, [`http::Challenge`] tells HTTP clients to come back with a
//!   certificate; with `hyper` or `reqwest`, [`http::client`] says how clients do.
//! * With it, [`http::server`] tells services who their callers are, and turns others away; with
//!   the feature `axum`, handlers have extractors for that ([`axum`]).
//! * With the feature `tokio`, [`tokio::Acceptor`] decides with an async policy, which also sees
//!   the peer's address, and [`tokio::Connector`] tells a client of a refusal that comes late.
//! * With the feature `quic`, and `ring` or `aws-lc-rs`, [`quic`] has the same for quinn.
//!
//! # The patch
//! The features of rustls that all of this stands on are in a patched build of it, which the root
//! manifest of a workspace selects:
//!
//! ```toml
//! [patch.crates-io]
//! rustls = { git = "https://example.org/rustls-ext" } # wherever you take rustls-ext from
//! ```
//!
//! # The words
//! | word | meaning |
//! |---|---|
//! | offer | what a client says in its hello; a wish, never a credential |
//! | policy | decides for a ClientHello |
//! | decision | ask for nothing, request a certificate, or require one |
//! | demand | which certificates will do, and the name of their scope |
//! | scope | the name under which a certificate counts; a session resumes only inside its scope |
//!
//! [`ServerConfig`]: rustls::ServerConfig
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use rustls;
pub use rustls::client::ClientAuthOffer;
pub use rustls::ext_wire as wire;

mod alert;
mod anchors;
#[cfg(feature = "axum")]
pub mod axum;
mod causes;
mod error;
mod explain;
mod file_error;
mod files;
#[cfg(feature = "http")]
pub mod http;
mod identity;
mod live;
mod name;
mod pem;
mod policy;
#[cfg(feature = "policy-file")]
pub mod policy_file;
mod provider;
#[cfg(all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs")))]
pub mod quic;
mod reach;
mod rule;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use alert::alert_name;
pub use anchors::{
    AnchorError, Anchors, BadUsage, CertificateProblem, CrlError, CrlExpiry, NotAuthority,
    RevocationList, Usage, Warning, WarningKind,
};
pub use causes::{causes, tls_error, with_causes};
pub use error::{PolicyError, RuleProblem};
pub use explain::explain;
pub use file_error::{FileError, FileProblem};
pub use files::{Files, certified_key_from_pem_files};
pub use identity::PeerIdentity;
pub use live::{Live, LoadError, Setup};
pub use name::{rfc4514, subject_of};
pub use pem::{PemError, PemProblem};
pub use policy::{Policy, PolicyBuilder};
pub use provider::{ProviderError, crypto_provider};
pub use rule::{ClientFacts, Conditions, Rule, Verdict};

/// The code in the README, which is thereby compiled.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "hyper",
    feature = "policy-file",
    feature = "quic",
    feature = "reqwest",
    feature = "ring",
    feature = "tokio"
))]
#[doc = include_str!("../../README.md")]
struct Readme;
