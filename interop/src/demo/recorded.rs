//! The server's record of a connection, and its answers to requests, for TCP and QUIC.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::Response;
use http::request::Parts;
use rext_cli::debug_info::Verified;
use rustls_ext::Policy;
use rustls_ext::http::server::{CallerLayer, Denied};
use rustls_ext::rustls::Error;
use rustls_ext::rustls::server::{
    ClientAuth, ClientAuthDecision, ClientAuthPolicy, ClientAuthStatus, ClientHello,
};
use rustls_ext::tokio::{AsyncPolicy, BoxError};

use crate::count_io::Count;

/// The server's report of a handshake that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeReport {
    /// Whether the client made an offer.
    pub offered: bool,
    /// Whether the server requested a certificate.
    pub asked: bool,
    /// Whether the server acknowledged the offer; `None` after a handshake that failed.
    pub acknowledged: Option<bool>,
    /// The verified certificate of the client.
    pub verified: Option<Verified>,
    /// The alert that ended the handshake, and which side sent it.
    pub refused: Option<String>,
    /// Bytes and flights of the handshake; `None` over QUIC.
    pub count: Option<Count>,
}

impl HandshakeReport {
    pub(super) fn accepted(
        auth: Option<&ClientAuth>,
        verified: Option<Verified>,
        count: Option<Count>,
    ) -> Self {
        Self {
            offered: auth.is_some_and(|auth| auth.offered()),
            asked: auth.is_some_and(|auth| auth.status() != ClientAuthStatus::NotAsked),
            acknowledged: auth.map(|auth| auth.acknowledged()),
            verified,
            refused: None,
            count,
        }
    }

    pub(super) fn refused(noted: PolicyRecord, by: String, count: Option<Count>) -> Self {
        Self {
            offered: noted.offered,
            asked: noted.asked,
            acknowledged: None,
            verified: None,
            refused: Some(by),
            count,
        }
    }
}

/// The path of the page that requires an identity of the scope "agents".
pub(super) const REPORTS: &str = "/reports";

/// The paths of pages that request a certificate of the scopes "agents", "staff" and "partners" on
/// the open connection, if the policy allows it for the host.
pub(super) const ACCOUNT: &str = "/account";
pub(super) const ADMINISTRATION: &str = "/admin";
pub(super) const PARTNERS: &str = "/partners";

/// The response to a request on a connection with this layer.
pub(super) async fn answer(layer: &CallerLayer, request: &Parts) -> Response<String> {
    let answer = async {
        let caller = layer.admit(request)?;
        let identity = match request.uri.path() {
            REPORTS => Some(caller.require("agents")?),
            ACCOUNT => Some(caller.ask("agents").await?),
            ADMINISTRATION => Some(caller.ask("staff").await?),
            PARTNERS => Some(caller.ask("partners").await?),
            _ => caller.identity("agents"),
        };
        let name = identity.as_ref().and_then(|identity| identity.certificate().common_name().ok());
        Ok(format!("hello, {}\n", name.unwrap_or("stranger")))
    };
    match answer.await {
        Ok(text) => Response::new(text),
        Err(denied) => Denied::response(denied, String::new()),
    }
}

/// The demo's policy, which also records its input and decision, so that they are known if the
/// handshake fails.
#[derive(Debug)]
pub(super) struct RecordingPolicy {
    pub(super) policy: Arc<Policy>,
    pub(super) noted: Arc<OnceLock<PolicyRecord>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PolicyRecord {
    pub(super) offered: bool,
    pub(super) asked: bool,
}

impl RecordingPolicy {
    fn note(&self, hello: &ClientHello<'_>, peer: Option<SocketAddr>) -> ClientAuthDecision {
        let decision = Policy::decide(&self.policy, hello, peer);
        let _ = self.noted.set(PolicyRecord {
            offered: hello.offers_client_auth(),
            asked: decision.demand().is_some(),
        });
        decision
    }
}

impl ClientAuthPolicy for RecordingPolicy {
    fn decide(&self, hello: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        Ok(self.note(hello, None))
    }
}

impl AsyncPolicy for RecordingPolicy {
    async fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: Option<SocketAddr>,
    ) -> Result<ClientAuthDecision, BoxError> {
        Ok(self.note(hello, peer))
    }
}
