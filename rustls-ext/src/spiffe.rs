//! Certificates and trust anchors from a SPIFFE Workload API, renewed while a server or a client
//! runs.
//!
//! A workload asks the Workload API of its host, such as a SPIRE agent, for its X.509-SVIDs and for
//! the trust bundles of its own trust domain and of federated ones. The API sends them again
//! whenever they change. [`Workload::connect`] waits for the first [`Update`], and
//! [`Workload::renew`] waits for all others.
//!
//! A server uses its SVID as its certificate, and accepts the SVIDs of a trust domain in the scope
//! with the name of that trust domain:
//!
//! ```no_run
//! use rustls_ext::spiffe::{Workload, WorkloadApi};
//! use rustls_ext::{Live, LoadError, Rule, Setup, Verdict, with_causes};
//!
//! async fn live() -> Result<Live, LoadError> {
//!     let mut workload = Workload::connect(WorkloadApi::from_env()?).await?;
//!     let live = workload.live(|update| {
//!         let policy = update
//!             .policy(["example.org", "partner.example"])?
//!             .rule(Rule::when().server_name("partners.example.org").require("partner.example"))
//!             .rule(Rule::when().offered(true).request("example.org"))
//!             .otherwise(Verdict::None)
//!             .build()?;
//!         Ok(Setup::new(update.server_config()?, policy))
//!     })?;
//!     tokio::spawn(workload.renew(|renewed| match renewed {
//!         Ok(update) => println!("new connections use the SVID {}", update.svid().id()),
//!         Err(err) => eprintln!("the last update stays in use: {}", with_causes(&err)),
//!     }));
//!     Ok(live)
//! }
//! ```
//!
//! A client offers its SVID, and accepts servers by their SPIFFE ID instead of a DNS name:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use rustls_ext::spiffe::{Workload, WorkloadApi, WorkloadError};
//! use rustls_ext::tokio::Connector;
//!
//! # #[cfg(feature = "tokio")]
//! async fn connector() -> Result<Connector, WorkloadError> {
//!     let workload = Workload::connect(WorkloadApi::from_env()?).await?;
//!     let config = workload.client_config(["spiffe://example.org/database"])?;
//!     tokio::spawn(workload.renew(|_| {}));
//!     Ok(Connector::new(Arc::new(config)))
//! }
//! ```
//!
//! # Which certificates are accepted
//! A certificate must be an X.509-SVID (X509-SVID sections 2 to 5): one URI among its alternative
//! names and no other, which is a SPIFFE ID with a path; not a certificate authority; keyUsage with
//! digitalSignature, without keyCertSign and cRLSign. Its chain is verified only against the bundle
//! of its own trust domain.
//!
//! | certificate | error | alert |
//! |---|---|---|
//! | its chain does not end in the bundle of the trust domain, or there is no such bundle | [`UnknownIssuer`][unknown] | `unknown_ca` |
//! | an authority with the name of one in the bundle, but with another key, has issued it | [`BadSignature`][signature] | `decrypt_error` |
//! | it is expired | [`ExpiredContext`][expired] | `certificate_expired` |
//! | it is no SVID | [`SvidProblem`] in [`Other`][other] | `certificate_unknown` |
//! | its SPIFFE ID is in another trust domain than that of the scope, or is not one that the client expects | [`ApplicationVerificationFailure`][denied] | `access_denied` |
//!
//! [unknown]: rustls::CertificateError::UnknownIssuer
//! [signature]: rustls::CertificateError::BadSignature
//! [expired]: rustls::CertificateError::ExpiredContext
//! [other]: rustls::CertificateError::Other
//! [denied]: rustls::CertificateError::ApplicationVerificationFailure
//!
//! # Updates
//! * **A good update** replaces everything at once. Each new connection uses it; open connections
//!   continue. A bundle that is missing from an update is not used any more, so certificates of its
//!   trust domain are refused from then on.
//! * **A bad update** is reported as a [`WorkloadError`] and changes nothing: an unreadable SVID, one
//!   that is expired or breaks the rules above, a key that does not fit, an empty bundle, or a bundle
//!   with a certificate that is no certificate authority. The setups of [`Workload::live`] are made
//!   before anything is replaced, so an error in one of them also leaves everything as it is.
//! * **If the connection to the Workload API ends**, that is reported, and another connection is made
//!   at once, then after growing delays: [`WorkloadApi::with_retry_delays`]. The last good update
//!   stays in use. This is also so if the Workload API denies the workload an identity
//!   ([`WorkloadError::NoIdentity`]), which SPIRE does for a moment while it starts; end the program if
//!   it must not continue.
//! * **An SVID that expires** because there is no update stays in use, and peers refuse it with
//!   `certificate_expired`. [`Svid::expires_at`] says when; SPIRE renews at half of the lifetime.
//!
//! # Sessions
//! Servers keep their sessions across updates. When a session resumes, its certificate is verified
//! again, against the bundle of the current update. Clients of
//! [`client_config`](Workload::client_config) do not resume: a resumed session would not be checked
//! against the current bundle.
//!
//! # Limits
//! The Workload API can also send revocation lists. The crate `spiffe`, which speaks its protocol,
//! does not pass them on, so they are not used; SPIRE does not send any.

mod api;
mod error;
mod read;
mod svid;
mod update;
mod verifier;
mod workload;

pub use api::WorkloadApi;
pub use error::WorkloadError;
pub use svid::SvidProblem;
pub use update::{Svid, Update};
pub use workload::Workload;
