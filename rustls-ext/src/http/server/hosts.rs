use std::fmt::Debug;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::server::ClientAuthDecision;

use super::ConnectionInfo;
use super::host::Host;
use crate::http::Challenge;
use crate::wire::Offer;
use crate::{ClientFacts, Live, Policy};

/// Says what connections to a host name are asked for, when there is no ClientHello to decide on.
///
/// A [`Policy`] can say that of itself. Who decides by other means has to say it here, too: what is
/// said here keeps requests away from connections that were asked for less.
pub trait HostPolicy: Debug + Send + Sync {
    /// Whatever may be decided for a connection to `server_name` of a client of which no more than
    /// this is known; at least one decision.
    ///
    /// `server_name` is in lower case and without a final dot; `None` is for a client that sends
    /// none, as for a URL with an address in it.
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision>;

    /// A challenge that accepts what counts in this scope; `None` if there is no such scope, which is
    /// then answered with 500.
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

/// By the policy that is current at the time of the request.
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

/// Whether `connection` is one on which requests for `host` may be answered.
///
/// It is, if it was made for that very name; or else, if it was asked for whatever its client would
/// have been asked for on a connection to that name, and has given it where that is required.
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
        // A flag in the hello does not count, and is forgotten; but who decided before the version
        // was chosen has seen it.
        _ => vec![offer, Offer::new(true, offer.has_care())],
    };
    connection
        .client(&offers)
        .iter()
        .flat_map(|client| hosts.possible_decisions(host.name(), client))
        .all(|decision| connection.meets(&decision))
}

/// Whether the client of `connection` may be asked for a certificate that counts in `scope`, if it
/// opens another connection to `host` and offers what it can.
pub(super) fn would_ask(
    hosts: &(impl HostPolicy + ?Sized),
    connection: &ConnectionInfo,
    host: &Host,
    scope: &str,
) -> bool {
    let offers = match connection.tls_version() {
        ProtocolVersion::TLSv1_3 => &[Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH][..],
        // There is no flag (FLAGS-9).
        _ => &[Offer::NONE, Offer::CARE],
    };
    connection
        .client(offers)
        .iter()
        .flat_map(|client| hosts.possible_decisions(host.name(), client))
        .any(|decision| decision.demand().is_some_and(|demand| demand.scope() == scope))
}
