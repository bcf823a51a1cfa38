//! Client authentication by offer for servers on rustls as published, without a patch.
//!
//! A closure of the server sees each ClientHello before rustls does, with the client's offer to
//! authenticate, and decides whether the client is asked for a certificate, and in which [`Scope`].
//! rustls then continues with a config for this decision. [`tokio::Acceptor`] does all of this for
//! one connection, [`tokio::Listener`] for a server; with the feature `axum`, it is a listener for
//! `axum::serve`.
//!
#![cfg_attr(feature = "tokio", doc = "```no_run")]
#![cfg_attr(not(feature = "tokio"), doc = "```text")]
//! use std::sync::Arc;
//! use adapter_rustls::tokio::Acceptor;
//! use adapter_rustls::{ByOffer, CodePoints, Decision, Scope};
//! use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
//! use rustls::server::WebPkiClientVerifier;
//! use rustls::{RootCertStore, ServerConfig};
//!
//! async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut roots = RootCertStore::empty();
//!     roots.add(CertificateDer::from_pem_file("agents-ca.pem")?)?;
//!     let verifier = WebPkiClientVerifier::builder(roots.into()).build()?;
//!     let agents = Arc::new(Scope::new("agents", verifier)?);
//!
//!     let chain = CertificateDer::pem_file_iter("server.pem")?.collect::<Result<_, _>>()?;
//!     let key = PrivateKeyDer::from_pem_file("server.key")?;
//!     let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
//!     let by_offer = ByOffer::new(config, CodePoints::default(), move |hello| {
//!         if hello.offer().is_none() {
//!             Decision::None
//!         } else {
//!             Decision::Request(agents.clone())
//!         }
//!     })?;
//!
//!     let acceptor = Acceptor::new(by_offer);
//!     let listener = tokio::net::TcpListener::bind("[::]:443").await?;
//!     let (tcp, _) = listener.accept().await?;
//!     let stream = acceptor.accept(tcp).await?;
//!     println!("an agent: {}", stream.identity("agents").is_some());
//!     Ok(())
//! }
//! ```
//!
//! # What rustls as published has no way for
//! - An extension of ours in CertificateRequest: offers are not acknowledged (RCA-2), as in the
//!   drafts before -03. An extension of ours in EncryptedExtensions or ServerHello: CARE is not
//!   echoed (CARE-3).
//! - Encrypted Client Hello: rustls servers do not decrypt it, so the outer ClientHello counts.
//! - A request that continues with a client whose certificate is refused.
//!
//! The patched rustls of this project can do all of these.
//!
//! # Bad offers
//! [`tokio::Acceptor`] refuses a ClientHello whose offer breaks a rule (FLAGS-2, FLAGS-3, CARE-1) with
//! `illegal_parameter`, before rustls sees it. It also watches the handshake for a second
//! ClientHello, which follows a HelloRetryRequest. That must have the flags and CARE of the first
//! (FLAGS-12), and the same server name, application protocols, versions and certificate
//! authorities; otherwise it is refused with `illegal_parameter`, too.
//!
//! # Sessions
//! Clients resume as the base config allows. In front of each session, in the storage and in
//! tickets, there is a record of how its client authenticated (RES-1). A session resumes only if that
//! is enough for the decision on the new connection (RES-2, RES-3, RES-4), and if the certificates in
//! it still verify (RES-5); otherwise there is a full handshake. One proof of possession is used
//! for 7 days at most. So one storage and one ticketer serve all scopes, also those that a reload
//! replaces, and several servers may share them if all of them use this crate. Tickets are larger by
//! the client's chain; a ticket that would have more than 32 KiB is not sent.
//!
//! 0-RTT data are switched off for clients that are asked for a certificate, whatever the base config
//! says. A refused resumption refuses the 0-RTT data, too (RES-6).
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

#[cfg(feature = "axum")]
mod axum;
mod by_offer;
mod client_auth;
mod scope;
mod sessions;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use adapter_common::{Hello, Refusal};
pub use by_offer::ByOffer;
pub use client_auth::{ClientAuth, Decision, identity};
pub use rustls_ext_wire::{Alert, CodePoints, Offer};
pub use scope::{Scope, ScopeError};

/// Returns the alert with which a server must refuse the ClientHello.
pub fn alert_of(refusal: Refusal) -> Alert {
    match refusal {
        Refusal::Hello(error) => error.alert(),
        Refusal::Offer(fault) => fault.alert(),
        // Not a ClientHello at all.
        _ => Alert::DECODE_ERROR,
    }
}
