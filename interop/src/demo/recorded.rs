//! What the server notes of a connection, and what it answers there, over whatever transport.

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

/// What the server knows of a handshake that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeReport {
    /// Whether the client offered to authenticate.
    pub offered: bool,
    /// Whether it was asked for a certificate.
    pub asked: bool,
    /// Whether its offer was acknowledged; not known of a handshake that failed.
    pub acknowledged: Option<bool>,
    /// Who the client proved to be.
    pub verified: Option<Verified>,
    /// What ended the handshake, and who sent it.
    pub refused: Option<String>,
    /// What the handshake took, over TCP.
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

/// What is only for those who are authenticated in the scope "agents".
pub(super) const REPORTS: &str = "/reports";

/// The answer to a request on a connection with this layer.
pub(super) fn answer(layer: &CallerLayer, request: &Parts) -> Response<String> {
    let answer = || {
        let caller = layer.admit(request)?;
        let agent = match request.uri.path() {
            REPORTS => Some(caller.require("agents")?),
            _ => caller.identity("agents"),
        };
        let name = agent.as_ref().and_then(|agent| agent.certificate().common_name().ok());
        Ok(format!("hello, {}\n", name.unwrap_or("stranger")))
    };
    match answer() {
        Ok(text) => Response::new(text),
        Err(denied) => Denied::response(denied, String::new()),
    }
}

/// The demo's policy, and a note of what it saw and said, which outlives a handshake that fails.
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
