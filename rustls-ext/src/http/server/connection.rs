use std::net::SocketAddr;
#[cfg(feature = "tokio")]
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::UnixTime;
use rustls::server::{ClientAuth, ClientAuthDecision, ClientAuthDemand, ClientAuthStatus};
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};

use super::{HostPolicy, Identity, NoLongerVerified};
#[cfg(feature = "tokio")]
use crate::http::secondary::ConnectionError;
use crate::http::secondary::server::ServerExchange;
use crate::rule::normal_forms;
use crate::wire::Offer;
use crate::{ClientFacts, PeerIdentity, PostHandshakeDemand};

/// A handle to the facts about a server's connection whose handshake is complete.
///
/// Clones are cheap and share their state, so that each request can have one. A client can be
/// authenticated in several scopes at the same time (SCC-11): by its handshake, and by answers to
/// requests on the open connection. Such a scope is visible to all clones at once.
#[derive(Clone, Debug)]
pub struct ConnectionInfo(Arc<ConnectionData>);

/// The same for a part of the connection: it does not keep the facts.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub(in crate::http) struct WeakConnectionInfo(Weak<ConnectionData>);

#[cfg(feature = "tokio")]
impl WeakConnectionInfo {
    /// Returns `None` if there is no clone any more.
    pub(in crate::http) fn upgrade(&self) -> Option<ConnectionInfo> {
        self.0.upgrade().map(ConnectionInfo)
    }
}

#[derive(Debug)]
struct ConnectionData {
    peer: Option<SocketAddr>,
    server_name: Option<String>,
    tls_version: ProtocolVersion,
    resumed: bool,
    /// The facts about the client that the policy may have used.
    client: ClientFacts,
    acknowledged: bool,
    certificate_request: Option<CertificateRequest>,
    outcome: ClientAuthOutcome,
    /// The client in the scope of the handshake.
    identity: Option<Identity>,
    /// True if the certificate of the handshake no longer verifies.
    withdrawn: AtomicBool,
    exchange: OnceLock<Arc<ServerExchange>>,
}

/// The certificate request that the client received, on this connection or on the one that it
/// resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateRequest {
    /// The scope in which its certificate would count.
    pub scope: String,
    /// True if the client could not continue without a certificate.
    pub required: bool,
}

/// The outcome of the certificate request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientAuthOutcome {
    /// The client was not asked for a certificate.
    NotAsked,
    /// It was asked and sent no certificate.
    Declined,
    /// It sent a certificate that does not count, and continued unauthenticated, for this reason.
    Refused(rustls::Error),
    /// It proved possession of a certificate that counts in the requested scope.
    Authenticated,
}

impl ConnectionInfo {
    /// Collects the facts about a connection of rustls, which for a stream of tokio-rustls is
    /// `get_ref().1`, and its peer's address.
    ///
    /// Call it when the handshake is complete; before that, the client is not authenticated.
    pub fn from_tls(connection: &ServerConnection, peer: impl Into<Option<SocketAddr>>) -> Self {
        let auth = connection.client_auth().filter(|_| !connection.is_handshaking());
        let identity = identity(auth, |scope| PeerIdentity::from_connection(connection, scope));
        Self::with(
            auth,
            identity,
            ConnectionData {
                server_name: connection.server_name().map(str::to_owned),
                resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
                ..ConnectionData::new(
                    peer.into(),
                    connection.protocol_version(),
                    connection.alpn_protocol().map(<[u8]>::to_vec),
                )
            },
        )
    }

    /// Collects the facts about a QUIC connection.
    ///
    /// Call it when the handshake is complete; before that, the client is not authenticated.
    #[cfg(all(feature = "quic", any(feature = "ring", feature = "aws-lc-rs")))]
    pub fn from_quic(handshake: &crate::quic::HandshakeData, peer: SocketAddr) -> Self {
        let auth = handshake.client_auth();
        let identity = identity(auth, |scope| handshake.peer_identity(scope));
        Self::with(
            auth,
            identity,
            ConnectionData {
                server_name: handshake.server_name.clone(),
                resumed: handshake.kind == Some(HandshakeKind::Resumed),
                ..ConnectionData::new(
                    Some(peer),
                    Some(ProtocolVersion::TLSv1_3),
                    handshake.protocol.clone(),
                )
            },
        )
    }

    fn with(auth: Option<&ClientAuth>, identity: Option<Identity>, data: ConnectionData) -> Self {
        let Some(auth) = auth else { return Self(Arc::new(data)) };
        let certificate_request = auth.decision().demand().map(|demand| CertificateRequest {
            scope: demand.scope().to_owned(),
            required: matches!(auth.decision(), ClientAuthDecision::Require(_)),
        });
        let outcome = match (auth.status(), auth.refusal()) {
            (_, Some(reason)) => ClientAuthOutcome::Refused(reason.clone()),
            (ClientAuthStatus::Authenticated { .. }, _) => ClientAuthOutcome::Authenticated,
            (ClientAuthStatus::NotAsked, _) => ClientAuthOutcome::NotAsked,
            _ => ClientAuthOutcome::Declined,
        };
        Self(Arc::new(ConnectionData {
            client: ClientFacts {
                offer: auth.offer(),
                origins: Some(normal_forms(auth.origins())),
                ..data.client
            },
            acknowledged: auth.acknowledged(),
            certificate_request,
            outcome,
            identity,
            ..data
        }))
    }

    /// Returns the client, if it is authenticated in `scope` now: by its handshake, or by an answer
    /// to a request on the open connection. Such an answer counts as long as the current policy
    /// accepts its certificate, whatever the host: [`Caller::identity`](super::Caller::identity)
    /// also checks the rules of the host.
    pub fn identity(&self, scope: &str) -> Option<Identity> {
        self.of_handshake(scope).or_else(|| self.exchange()?.identity_anywhere(scope))
    }

    /// Returns the client in each scope in which it is authenticated now, the scope of the
    /// handshake first.
    ///
    /// For logs. A handler should name the scope that it needs: [`identity()`](Self::identity).
    pub fn identities(&self) -> Vec<Identity> {
        let proved = self.exchange().map(|exchange| exchange.identities());
        let own = self.handshake_identity().into_iter().cloned();
        own.chain(proved.into_iter().flatten()).collect()
    }

    /// Verifies the certificates of the client again, under this policy: for servers that load
    /// another policy or another revocation list while connections are open.
    ///
    /// A certificate of the handshake counts as long as the connection is open, unless this finds
    /// that it no longer does. From then on the client is not authenticated by it, for all clones
    /// and for requests that are being handled; [`CallerLayer`](super::CallerLayer) refuses further
    /// requests with 421 if the handshake required a certificate. The server should then end the
    /// connection. Certificates that were requested on the open connection are verified again at
    /// each use in any case.
    ///
    /// `now` is the time at which the certificates must be valid. A verification takes about as long
    /// as in a handshake.
    ///
    /// # Errors
    /// If the policy accepted a certificate of this client before, and no longer does.
    pub fn verify_again(
        &self,
        policy: &(impl HostPolicy + ?Sized),
        now: UnixTime,
    ) -> Result<(), NoLongerVerified> {
        if let Some(identity) = self.handshake_identity() {
            if let Err(reason) = verify(identity, policy, now) {
                self.0.withdrawn.store(true, Ordering::Release);
                return Err(NoLongerVerified::new(identity.clone(), reason));
            }
        }
        match self.exchange().and_then(|exchange| exchange.no_longer_verified()) {
            Some((identity, reason)) => Err(NoLongerVerified::new(identity, reason)),
            None => Ok(()),
        }
    }

    /// Returns why the certificate does not count that the client presented for `scope` on the open
    /// connection, if it did. It has proved that it has the key.
    pub fn refusal(&self, scope: &str) -> Option<rustls::Error> {
        self.exchange()?.refusal_anywhere(scope)
    }

    /// Returns why this side ended the connection, if it did because the client broke the rules of
    /// requests on open connections. The error of the HTTP library has only its code.
    ///
    /// For logs: its text says, for example, that a proxy may terminate TLS.
    #[cfg(feature = "tokio")]
    pub fn secondary_error(&self) -> Option<ConnectionError> {
        self.exchange()?.outbox().error()
    }

    /// The client, if its handshake authenticates it in `scope`.
    pub(in crate::http) fn of_handshake(&self, scope: &str) -> Option<Identity> {
        self.handshake_identity().filter(|identity| identity.scope() == scope).cloned()
    }

    fn handshake_identity(&self) -> Option<&Identity> {
        self.0.identity.as_ref().filter(|_| !self.is_withdrawn())
    }

    /// Returns true if the certificate of the handshake no longer verifies: see
    /// [`verify_again`](Self::verify_again).
    fn is_withdrawn(&self) -> bool {
        self.0.withdrawn.load(Ordering::Acquire)
    }

    /// Returns true if the client could not have connected without a certificate, and its
    /// certificate no longer verifies.
    pub(super) fn lacks_required(&self) -> bool {
        self.is_withdrawn() && self.certificate_request().is_some_and(|request| request.required)
    }

    /// Returns true if the handshake authenticates the client in any scope. Not public, since a
    /// certificate that counts in one scope does not count in another.
    pub(super) fn is_authenticated(&self) -> bool {
        self.handshake_identity().is_some()
    }

    /// The exchange of certificates on the open connection. If there is none, `make` makes it.
    #[cfg(feature = "tokio")]
    pub(in crate::http) fn exchange_or(
        &self,
        make: impl FnOnce() -> Arc<ServerExchange>,
    ) -> Arc<ServerExchange> {
        self.0.exchange.get_or_init(make).clone()
    }

    /// The exchange of certificates on the open connection, if there is one.
    pub(in crate::http) fn exchange(&self) -> Option<&Arc<ServerExchange>> {
        self.0.exchange.get()
    }

    #[cfg(feature = "tokio")]
    pub(in crate::http) fn downgrade(&self) -> WeakConnectionInfo {
        WeakConnectionInfo(Arc::downgrade(&self.0))
    }

    /// Returns the certificate request that the client received, if any.
    pub fn certificate_request(&self) -> Option<&CertificateRequest> {
        self.0.certificate_request.as_ref()
    }

    /// Returns the outcome of the certificate request.
    pub fn outcome(&self) -> &ClientAuthOutcome {
        &self.0.outcome
    }

    /// Returns the ways in which the client offered to authenticate.
    pub fn offer(&self) -> Offer {
        self.0.client.offer
    }

    /// Returns true if the server acknowledged the offer, so that the client knows it was asked
    /// because of it.
    pub fn acknowledged(&self) -> bool {
        self.0.acknowledged
    }

    /// Returns the client's address; `None` if the connection has none, for example over a Unix
    /// domain socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// Returns the server name that the client sent (RFC 6066), in lower case.
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// Returns the negotiated application protocol (RFC 7301).
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.client.protocol.as_deref()
    }

    /// Returns the TLS version.
    pub fn tls_version(&self) -> ProtocolVersion {
        self.0.tls_version
    }

    /// Returns true if the connection resumes an earlier session.
    pub fn resumed(&self) -> bool {
        self.0.resumed
    }

    /// Returns true if this connection already satisfies `decision`.
    pub(super) fn meets(&self, decision: &ClientAuthDecision) -> bool {
        let asked_for =
            |scope| self.certificate_request().is_some_and(|asked| asked.scope == scope);
        match decision {
            ClientAuthDecision::None => true,
            ClientAuthDecision::Request(demand) => asked_for(demand.scope()),
            ClientAuthDecision::Require(demand) => self.proves(demand),
            _ => false,
        }
    }

    /// Returns true if the client is authenticated in the scope of this demand.
    fn proves(&self, demand: &ClientAuthDemand) -> bool {
        let by_answer = || {
            let exchange = self.exchange().filter(|it| it.has_proof(demand.scope()))?;
            exchange.identity(&PostHandshakeDemand::when_needed(demand.clone()), |_| true)
        };
        self.handshake_identity().is_some_and(|identity| identity.scope() == demand.scope())
            || by_answer().is_some()
    }

    /// The facts about this client that the policy may have used.
    pub(super) fn client(&self) -> &ClientFacts {
        &self.0.client
    }

    /// The facts that it may use when the client opens another connection with this offer, and with any
    /// origins.
    pub(super) fn client_with(&self, offer: Offer) -> ClientFacts {
        ClientFacts { offer, origins: None, ..self.0.client.clone() }
    }
}

impl ConnectionData {
    fn new(
        peer: Option<SocketAddr>,
        tls_version: Option<ProtocolVersion>,
        protocol: Option<Vec<u8>>,
    ) -> Self {
        let ip = peer.map(|peer| peer.ip());
        Self {
            peer,
            server_name: None,
            tls_version: tls_version.unwrap_or(ProtocolVersion::Unknown(0)),
            resumed: false,
            client: ClientFacts { protocol, peer: ip, ..ClientFacts::default() },
            acknowledged: false,
            certificate_request: None,
            outcome: ClientAuthOutcome::NotAsked,
            identity: None,
            withdrawn: AtomicBool::new(false),
            exchange: OnceLock::new(),
        }
    }
}

/// Verifies a certificate of a handshake again.
fn verify(
    identity: &Identity,
    policy: &(impl HostPolicy + ?Sized),
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let demand = policy.demand(identity.scope()).ok_or_else(NoLongerVerified::no_scope)?;
    let (own, others) =
        identity.chain().split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
    demand.verifier().verify_client_cert(own, others, now).map(drop)
}

/// The client in the only scope in which it can be authenticated.
fn identity<'a>(
    auth: Option<&ClientAuth>,
    in_scope: impl FnOnce(&str) -> Option<PeerIdentity<'a>>,
) -> Option<Identity> {
    let scope = auth?.decision().demand()?.scope();
    Identity::new(scope, &in_scope(scope)?)
}
