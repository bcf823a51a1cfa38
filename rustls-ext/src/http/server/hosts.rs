use std::fmt::Debug;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::server::{ClientAuthDecision, ClientAuthDemand};

use super::ConnectionInfo;
use super::host::Host;
use crate::http::Challenge;
use crate::live::Shared;
use crate::rule::OFFERS;
use crate::wire::Offer;
use crate::{ClientFacts, Live, Policy, PostHandshakeDemand};

/// Tells which certificate requests the policy may make for a host name, without a ClientHello.
///
/// A [`Policy`] implements this. A server that decides by other means must implement it, too: with
/// it, requests are kept off connections on which less was requested.
pub trait HostPolicy: Debug + Send + Sync {
    /// Returns all decisions that are possible for a connection to `server_name`, given only these
    /// facts about the client; at least one.
    ///
    /// `server_name` is in lower case and without a final dot. It is `None` for a client that sends
    /// none, such as for a URL that contains an address.
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision>;

    /// Returns true if `accepts` returns true for each of the
    /// [`possible_decisions()`](Self::possible_decisions).
    ///
    /// The default calls that method. An implementation that has the decisions need not copy them:
    /// this is called for each request whose host is not the server name of its connection.
    fn all_possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
        accepts: &mut dyn FnMut(&ClientAuthDecision) -> bool,
    ) -> bool {
        self.possible_decisions(server_name, client).iter().all(accepts)
    }

    /// Returns a challenge that accepts the certificates of this scope; `None` if there is no such
    /// scope, which is then answered with 500.
    fn challenge(&self, scope: &str) -> Option<Challenge>;

    /// Returns the certificates that may be requested on an open connection for requests to this
    /// host; at most one for each scope. By default, there are none.
    ///
    /// `server_name` is as for [`possible_decisions()`](Self::possible_decisions).
    fn post_handshake(&self, server_name: Option<&str>) -> Vec<PostHandshakeDemand> {
        let _ = server_name;
        Vec::new()
    }

    /// Returns true if certificates may be requested on open connections, for any host. By default,
    /// they may not.
    fn has_post_handshake(&self) -> bool {
        false
    }

    /// Returns which certificates count in this scope now, and for how long. A certificate that was
    /// requested on an open connection does not count if this returns `None`, as by default.
    fn demand(&self, scope: &str) -> Option<ClientAuthDemand> {
        let _ = scope;
        None
    }
}

impl HostPolicy for Policy {
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        Policy::possible_decisions(self, server_name, client)
    }

    fn all_possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
        accepts: &mut dyn FnMut(&ClientAuthDecision) -> bool,
    ) -> bool {
        self.possible(server_name, client).all(accepts)
    }

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        Policy::challenge(self, scope)
    }

    fn post_handshake(&self, server_name: Option<&str>) -> Vec<PostHandshakeDemand> {
        Policy::post_handshake(self, server_name)
    }

    fn has_post_handshake(&self) -> bool {
        Policy::has_post_handshake(self)
    }

    fn demand(&self, scope: &str) -> Option<ClientAuthDemand> {
        Policy::demand(self, scope).cloned()
    }
}

impl<P: HostPolicy + ?Sized> HostPolicy for Arc<P> {
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        P::possible_decisions(self, server_name, client)
    }

    fn all_possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
        accepts: &mut dyn FnMut(&ClientAuthDecision) -> bool,
    ) -> bool {
        P::all_possible_decisions(self, server_name, client, accepts)
    }

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        P::challenge(self, scope)
    }

    fn post_handshake(&self, server_name: Option<&str>) -> Vec<PostHandshakeDemand> {
        P::post_handshake(self, server_name)
    }

    fn has_post_handshake(&self) -> bool {
        P::has_post_handshake(self)
    }

    fn demand(&self, scope: &str) -> Option<ClientAuthDemand> {
        P::demand(self, scope)
    }
}

impl<P: HostPolicy + 'static> Live<P> {
    /// The policy that is current at the time of each use, without memory for each connection.
    #[cfg(feature = "tokio")]
    pub(super) fn as_hosts(&self) -> Arc<dyn HostPolicy> {
        self.shared().clone()
    }
}

/// Uses the policy that is current at the time of the request.
impl<P: HostPolicy> HostPolicy for Live<P> {
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        self.shared().possible_decisions(server_name, client)
    }

    fn all_possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
        accepts: &mut dyn FnMut(&ClientAuthDecision) -> bool,
    ) -> bool {
        self.shared().all_possible_decisions(server_name, client, accepts)
    }

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        self.shared().challenge(scope)
    }

    fn post_handshake(&self, server_name: Option<&str>) -> Vec<PostHandshakeDemand> {
        self.shared().post_handshake(server_name)
    }

    fn has_post_handshake(&self) -> bool {
        self.shared().has_post_handshake()
    }

    fn demand(&self, scope: &str) -> Option<ClientAuthDemand> {
        self.shared().demand(scope)
    }
}

impl<P: HostPolicy> HostPolicy for Shared<P> {
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        self.current().policy().possible_decisions(server_name, client)
    }

    fn all_possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
        accepts: &mut dyn FnMut(&ClientAuthDecision) -> bool,
    ) -> bool {
        self.current().policy().all_possible_decisions(server_name, client, accepts)
    }

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        self.current().policy().challenge(scope)
    }

    fn post_handshake(&self, server_name: Option<&str>) -> Vec<PostHandshakeDemand> {
        self.current().policy().post_handshake(server_name)
    }

    fn has_post_handshake(&self) -> bool {
        self.current().policy().has_post_handshake()
    }

    fn demand(&self, scope: &str) -> Option<ClientAuthDemand> {
        self.current().policy().demand(scope)
    }
}

/// Returns true if requests for `host` may be answered on `connection`.
///
/// That is so if the connection was made for that name. It is also so if the connection already
/// satisfies each decision that is possible for its client on a connection to that name. It is not so
/// if the connection required a certificate that no longer verifies.
pub(super) fn serves(
    hosts: &(impl HostPolicy + ?Sized),
    connection: &ConnectionInfo,
    host: &Host,
) -> bool {
    if connection.lacks_required() {
        return false;
    }
    let name = host.name(connection.server_name());
    if name == connection.server_name() {
        return true;
    }
    let meets = |client: &ClientFacts| {
        hosts.all_possible_decisions(name, client, &mut |decision| connection.meets(decision))
    };
    if !meets(connection.client()) {
        return false;
    }
    // Under TLS 1.2, a flag and origins do not count and are not kept. But a policy that decided before
    // the version was chosen has seen them.
    let flag = Offer::new(true, connection.offer().has_care());
    connection.tls_version() == ProtocolVersion::TLSv1_3
        || [flag, flag.with_origins(true)]
            .map(|offer| connection.client_with(offer))
            .iter()
            .all(meets)
}

/// Returns the demand of this scope, if a certificate that meets it may be requested from the client
/// of `connection` when it opens another connection to `host` with any possible offer.
pub(super) fn would_ask(
    hosts: &(impl HostPolicy + ?Sized),
    connection: &ConnectionInfo,
    host: &Host,
    scope: &str,
) -> Option<ClientAuthDemand> {
    let offers = match connection.tls_version() {
        ProtocolVersion::TLSv1_3 => &OFFERS[..],
        // There are no flags (FLAGS-9) and no origins (WIO-7) under TLS 1.2.
        _ => &[Offer::NONE, Offer::CARE],
    };
    let name = host.name(connection.server_name());
    offers
        .iter()
        .flat_map(|offer| hosts.possible_decisions(name, &connection.client_with(*offer)))
        .find_map(|decision| decision.demand().filter(|demand| demand.scope() == scope).cloned())
}
