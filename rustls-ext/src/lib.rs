//! Request TLS client certificates per connection, from exactly those clients that offer one.
//!
//! rustls decides once per [`ServerConfig`] whether it requests client certificates. With the
//! patched rustls that this crate needs, a client can state in its ClientHello that it is able to
//! authenticate (the `request_client_auth` flag of the `tls_flags` extension), and a server decides
//! for each connection whether to request a certificate. The server does not request certificates
//! from clients that do not offer one.
//!
//! # Find your task
//! | you want to | start with | features |
//! |---|---|---|
//! | decide which clients are asked for which certificate | [`Policy`], [`Rule`] and its [`Conditions`] | |
//! | serve axum or tonic | [`tokio::Listener`][listener] and [`http::server`][server] | `axum`, `tokio` |
//! | require a certificate in a handler of axum | the extractors of [`axum`][extractors] | `axum` |
//! | answer 401 with a challenge in another HTTP server | [`http::server`][server] | `http` |
//! | serve another protocol over TCP, or decide asynchronously | [`tokio::Acceptor`][acceptor] | `tokio` |
//! | serve QUIC or HTTP/3 | [`quic`][quic] | `quic` and a provider |
//! | change certificates and rules without a restart | [`Live`] | |
//! | keep the rules in a file | [`policy_file`][policy_file] | `policy-file` |
//! | use the SVIDs and trust bundles of a SPIFFE Workload API | [`spiffe`][spiffe] | `spiffe` |
//! | resume sessions on any server of a fleet | [`tickets`] | `redis` for keys from Redis or Valkey |
//! | use a server that accepts a `ServerConfig` | [`Policy::for_config`] | |
//! | request certificates on open HTTP/2 and HTTP/3 connections | [`PostHandshake`] and [`http::secondary`][secondary] | `http`, `tokio`; `h3` |
//! | prove a certificate on an open connection of another protocol | [`authenticator`] | |
//! | read the client's certificate from a connection | [`PeerIdentity`] | |
//! | offer a certificate as a client | [`ClientAuthOffer`] | |
//! | answer challenges as an HTTP client | [`http::hyper`][hyper] or [`http::reqwest`][reqwest] | `hyper`, `reqwest` |
//! | notice that a server refused the certificate | [`tokio::Connector`][connector] | `tokio` |
//! | read PEM files | [`certified_key_from_pem_files`], [`Anchors`], [`Files`] | |
//! | choose a cryptography provider | [`crypto_provider`] | `ring`, `aws-lc-rs` |
//! | make your own pages for 401, 403 and 421 | [`CallerLayer::on_denied`][denied] | `http` |
//! | count handshakes, certificates and denied requests | [`metrics`][metrics] | `metrics` |
//! | see which connections were refused | [`Listener::on_refusal`][refusal] | `tokio`; `tracing` |
//! | use a server or client that takes only a verifier or a resolver | [`Policy::for_verifier`], [`OfferingResolver`] | |
//! | print an error with its causes | [`with_causes`] | |
//! | explain to people why a certificate was refused | [`explain`](fn@explain) | |
//! | name a type of another crate that a signature here uses | [`crates`] | |
//!
//! # The patch
//! The patched rustls is selected in the `Cargo.toml` at the root of your workspace:
//!
//! ```toml
//! [patch.crates-io]
//! rustls = { git = "https://example.org/rustls-ext" } # the same source as for rustls-ext
//! ```
//!
//! # Features
//! No feature is needed to write policies and to offer certificates. No cryptography provider is
//! enabled by default.
//!
//! | feature | adds |
//! |---|---|
//! | `ring`, `aws-lc-rs` | a cryptography provider of rustls |
//! | `tls12` (default) | TLS 1.2 |
//! | `logging` | log messages of rustls |
//! | `tokio` | a listener, an acceptor and a connector for tokio |
//! | `http` | the `ClientCertificate` challenge, and layers for tower |
//! | `axum` | extractors for axum; with `tokio`, a listener for `axum::serve` |
//! | `h3` | client certificates on open HTTP/3 connections of h3, over any transport |
//! | `hyper`, `reqwest` | HTTP clients that answer challenges |
//! | `quic` | configs for quinn; needs `ring` or `aws-lc-rs`, too |
//! | `policy-file` | policies in TOML files |
//! | `redis` | session ticket keys from Redis or Valkey |
//! | `spiffe` | X.509-SVIDs and trust bundles of a SPIFFE Workload API, for servers and clients |
//! | `tracing` | events for connections that a listener refuses |
//! | `metrics` | counters and histograms for any recorder of the crate metrics |
//!
//! # Terms
//! | term | meaning |
//! |---|---|
//! | offer | a client's statement in its ClientHello that it can authenticate; no credential |
//! | policy | decides from a ClientHello whether to request a certificate |
//! | decision | request no certificate, request one, or require one |
//! | demand | which certificates are accepted, and the name of their scope |
//! | scope | the name under which a certificate counts; a session resumes only inside its scope |
//!
//! [`ServerConfig`]: rustls::ServerConfig
#![cfg_attr(feature = "tokio", doc = "[listener]: tokio::Listener")]
#![cfg_attr(not(feature = "tokio"), doc = "[listener]: #features")]
#![cfg_attr(feature = "http", doc = "[secondary]: http::secondary")]
#![cfg_attr(not(feature = "http"), doc = "[secondary]: #features")]
#![cfg_attr(feature = "http", doc = "[denied]: http::server::CallerLayer::on_denied")]
#![cfg_attr(not(feature = "http"), doc = "[denied]: #features")]
#![cfg_attr(feature = "tokio", doc = "[refusal]: tokio::Listener::on_refusal")]
#![cfg_attr(not(feature = "tokio"), doc = "[refusal]: #features")]
#![cfg_attr(feature = "metrics", doc = "[metrics]: mod@metrics")]
#![cfg_attr(not(feature = "metrics"), doc = "[metrics]: #features")]
#![cfg_attr(feature = "spiffe", doc = "[spiffe]: mod@spiffe")]
#![cfg_attr(not(feature = "spiffe"), doc = "[spiffe]: #features")]
#![cfg_attr(feature = "tokio", doc = "[acceptor]: tokio::Acceptor")]
#![cfg_attr(not(feature = "tokio"), doc = "[acceptor]: #features")]
#![cfg_attr(feature = "tokio", doc = "[connector]: tokio::Connector")]
#![cfg_attr(not(feature = "tokio"), doc = "[connector]: #features")]
#![cfg_attr(feature = "http", doc = "[server]: http::server")]
#![cfg_attr(not(feature = "http"), doc = "[server]: #features")]
#![cfg_attr(feature = "axum", doc = "[extractors]: mod@axum")]
#![cfg_attr(not(feature = "axum"), doc = "[extractors]: #features")]
#![cfg_attr(feature = "hyper", doc = "[hyper]: http::hyper")]
#![cfg_attr(not(feature = "hyper"), doc = "[hyper]: #features")]
#![cfg_attr(feature = "reqwest", doc = "[reqwest]: http::reqwest")]
#![cfg_attr(not(feature = "reqwest"), doc = "[reqwest]: #features")]
#![cfg_attr(feature = "policy-file", doc = "[policy_file]: policy_file")]
#![cfg_attr(not(feature = "policy-file"), doc = "[policy_file]: #features")]
#![cfg_attr(
    all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs")),
    doc = "[quic]: mod@quic"
)]
#![cfg_attr(
    not(all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs"))),
    doc = "[quic]: #features"
)]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use rustls;
pub use rustls::client::ClientAuthOffer;
pub use rustls::ext_wire as wire;

mod alert;
mod anchors;
pub mod authenticator;
#[cfg(feature = "axum")]
pub mod axum;
mod carried;
mod causes;
pub mod crates;
mod error;
mod explain;
mod file_error;
mod files;
mod found;
#[cfg(feature = "http")]
pub mod http;
mod identity;
mod live;
mod load_error;
#[cfg(feature = "metrics")]
pub mod metrics;
mod name;
#[cfg(all(
    test,
    feature = "axum",
    feature = "hyper",
    feature = "policy-file",
    feature = "quic",
    feature = "redis",
    feature = "reqwest",
    feature = "ring",
    feature = "spiffe",
    feature = "tokio"
))]
mod one_level;
mod pem;
mod policy;
#[cfg(feature = "policy-file")]
pub mod policy_file;
mod post_handshake;
mod provider;
#[cfg(all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs")))]
pub mod quic;
mod reach;
#[cfg_attr(feature = "metrics", path = "metrics/record.rs")]
#[cfg_attr(not(feature = "metrics"), path = "metrics/no_record.rs")]
mod record;
mod rule;
#[cfg(feature = "spiffe")]
pub mod spiffe;
pub mod tickets;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use alert::alert_name;
pub use anchors::{
    AnchorError, Anchors, BadUsage, CertificateProblem, CrlError, CrlExpiry, NotAuthority,
    RevocationList, Usage, Warning, WarningKind,
};
pub use carried::OfferingResolver;
pub use causes::{causes, tls_error, with_causes};
pub use error::{PolicyError, PostHandshakeProblem, RuleProblem};
pub use explain::explain;
pub use file_error::{FileError, FileProblem};
pub use files::{Files, certified_key_from_pem_files};
pub use identity::PeerIdentity;
pub use live::{Live, Setup};
pub use load_error::LoadError;
pub use name::{rfc4514, subject_of};
pub use pem::{PemError, PemProblem};
pub use policy::{Policy, PolicyBuilder};
pub use post_handshake::{PostHandshake, PostHandshakeDemand};
pub use provider::{ProviderError, crypto_provider};
pub use rule::{ClientFacts, Conditions, Rule, Verdict};
