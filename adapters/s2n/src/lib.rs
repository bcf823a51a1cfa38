//! Client authentication by offer for servers on s2n-tls, through the `s2n-tls` crate.
//!
//! [`ByOffer`] is a callback for ClientHellos. For each, a closure of the server sees the client's
//! values, including its offer to authenticate, and decides whether the server requests a
//! certificate on this connection, and in which scope. A connection with a request continues with
//! the config of a [`Scope`].
//!
//! ```no_run
//! use std::sync::Arc;
//! use adapter_s2n::{ByOffer, Decision, Scope, Version};
//! use s2n_tls::config::Config;
//!
//! let (cert, key) = (std::fs::read("server.pem")?, std::fs::read("server.key")?);
//! let ca = std::fs::read("agents-ca.pem")?;
//! let mut asked = Config::builder();
//! asked.load_pem(&cert, &key)?;
//! let agents = Arc::new(Scope::new("agents", asked, &ca)?);
//! let mut server = Config::builder();
//! server.load_pem(&cert, &key)?;
//! let by_offer = ByOffer::new(Version::Tls13, Default::default(), move |hello| {
//!     if hello.offer().is_none() {
//!         Decision::None
//!     } else {
//!         Decision::Request(agents.clone())
//!     }
//! });
//! server.set_client_hello_callback(by_offer)?;
//! let acceptor = s2n_tls_tokio::TlsAcceptor::new(server.build()?);
//! // … and of each connection: identity(tls.as_ref(), "agents")
//! # drop(acceptor);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits of s2n-tls's API
//! - No new extension in CertificateRequest, EncryptedExtensions or ServerHello: offers are not
//!   acknowledged (RCA-2), as in the drafts before -03, and CARE is not echoed (CARE-3).
//! - No alerts: for a bad offer (FLAGS-2, FLAGS-3, CARE-1), and for a refused certificate, s2n-tls
//!   sends only `close_notify`. [`ClientAuth::refusal`](adapter_common::ClientAuth::refusal)
//!   returns the fault of the offer.
//! - No authorities of the scope in CertificateRequest: under TLS 1.3 the crate sends them only
//!   with an unstable feature, so clients do not learn which certificates are accepted.
//! - No callback for the ClientHello after a HelloRetryRequest: the offer in the first one counts,
//!   and is not compared with the second (FLAGS-12).
//! - The callback does not know the version that s2n-tls will choose: [`ByOffer::new`] takes the
//!   highest one.
//!
//! # Resumption
//! A resumed session of s2n-tls does not have the client's certificate, and does not record the
//! scope in which the client was asked for one. So certificates are requested in full handshakes
//! only: the config of a scope neither accepts tickets nor sends them. All other connections resume
//! from each other's sessions, if the server's own config enables that. That config must not
//! request certificates itself.
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

mod client_auth;
pub mod example;
mod scope;

use std::pin::Pin;

use rustls_ext_wire::{CodePoints, Scan};
use s2n_tls::callbacks::{ClientHelloCallback, ConnectionFuture};
use s2n_tls::connection::Connection;
use s2n_tls::enums::ClientAuthType;
use s2n_tls::error::Error;

pub use adapter_common::{Hello, Refusal};
pub use client_auth::{ClientAuth, Decision, client_auth, identity};
pub use rustls_ext_wire::Version;
pub use scope::{NoScope, Scope};

/// Decides for each connection of a config whether the server requests a certificate.
///
/// It uses the connection's application context.
pub struct ByOffer<F> {
    scan: Scan,
    code_points: CodePoints,
    best: Version,
    decide: F,
}

impl<F> ByOffer<F>
where
    F: Fn(&Hello<'_>) -> Decision + Send + Sync + 'static,
{
    /// Makes a callback that calls `decide`. `best` is the highest version of the server's security
    /// policy; under TLS 1.2, flags are ignored (FLAGS-9).
    pub fn new(best: Version, code_points: CodePoints, decide: F) -> Self {
        Self { scan: Scan::new(&code_points), code_points, best, decide }
    }

    fn on(&self, connection: &mut Connection) -> Result<ClientAuth, Error> {
        // The complete message, except that s2n-tls erases the random, which is not needed here.
        let bytes = connection.client_hello()?.raw_message()?;
        let hello = match Hello::read(&bytes, &self.scan, self.code_points, self.best) {
            Ok(hello) => hello,
            Err(refusal) => return Ok(ClientAuth::refused(refusal)),
        };
        let decision = (self.decide)(&hello);
        if let Some((scope, mode)) = demand(&decision) {
            connection.set_config(scope.config())?;
            connection.set_client_auth_type(mode)?;
        }
        Ok(ClientAuth::new(hello.offer(), decision))
    }
}

impl<F> ClientHelloCallback for ByOffer<F>
where
    F: Fn(&Hello<'_>) -> Decision + Send + Sync + 'static,
{
    fn on_client_hello(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<Pin<Box<dyn ConnectionFuture>>>, Error> {
        let auth = self.on(connection)?;
        let refusal = auth.refusal();
        connection.set_application_context(auth);
        match refusal {
            Some(refusal) => Err(Error::application(Box::new(refusal))),
            None => Ok(None),
        }
    }
}

/// The scope of a decision, and whether a certificate is required; `None` without a request.
fn demand(decision: &Decision) -> Option<(&Scope, ClientAuthType)> {
    match decision {
        Decision::None => None,
        Decision::Request(scope) => Some((scope, ClientAuthType::Optional)),
        Decision::Require(scope) => Some((scope, ClientAuthType::Required)),
    }
}
