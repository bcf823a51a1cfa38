use std::fmt::Debug;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::server::ClientAuthDecision;

use super::ConnectionInfo;
use super::host::Host;
use crate::http::Challenge;
use crate::wire::Offer;
use crate::{ClientFacts, Live, Policy};

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

    /// Returns a challenge that accepts the certificates of this scope; `None` if there is no such
    /// scope, which is then answered with 500.
    fn challenge(&self, scope: &str) -> Option<Challenge>;
}

impl HostPolicy for Policy {
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        Policy::possible_decisions(self, server_name, client)
    }

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        Policy::challenge(self, scope)
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

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        P::challenge(self, scope)
    }
}

/// Uses the policy that is current at the time of the request.
impl<P: HostPolicy> HostPolicy for Live<P> {
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        self.current().policy().possible_decisions(server_name, client)
    }

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        self.current().policy().challenge(scope)
    }
}

/// Returns true if requests for `host` may be answered on `connection`.
///
/// That is so if the connection was made for that name. It is also so if the connection already
/// satisfies each decision that is possible for its client on a connection to that name.
pub(super) fn serves(
    hosts: &(impl HostPolicy + ?Sized),
    connection: &ConnectionInfo,
    host: &Host,
) -> bool {
    if connection.server_name() == host.name() {
        return true;
    }
    let offer = connection.offer();
    let offers = match connection.tls_version() {
        ProtocolVersion::TLSv1_3 => vec![offer],
        // Under TLS 1.2 a flag does not count and is not kept. But a policy that decided before the
        // version was chosen has seen it.
        _ => vec![offer, Offer::new(true, offer.has_care())],
    };
    connection
        .client(&offers)
        .iter()
        .flat_map(|client| hosts.possible_decisions(host.name(), client))
        .all(|decision| connection.meets(&decision))
}

/// Returns true if a certificate that counts in `scope` may be requested from the client of
/// `connection`, when it opens another connection to `host` with any possible offer.
pub(super) fn would_ask(
    hosts: &(impl HostPolicy + ?Sized),
    connection: &ConnectionInfo,
    host: &Host,
    scope: &str,
) -> bool {
    let offers = match connection.tls_version() {
        ProtocolVersion::TLSv1_3 => &[Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH][..],
        // There are no flags under TLS 1.2 (FLAGS-9).
        _ => &[Offer::NONE, Offer::CARE],
    };
    connection
        .client(offers)
        .iter()
        .flat_map(|client| hosts.possible_decisions(host.name(), client))
        .any(|decision| decision.demand().is_some_and(|demand| demand.scope() == scope))
}
