//! Implements the traits that `axum::serve` needs for a listener and for connection information.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use rustls::server::{ClientAuthDecision, ClientAuthDemand};
use tokio::net::TcpStream;

use crate::http::Challenge;
use crate::http::server::{ConnectionInfo, HostPolicy, ServerStream};
use crate::tokio::{AsyncPolicy, Listener};
use crate::{ClientFacts, Live, PostHandshakeDemand};

/// Certificates are requested on open connections by the rules of
/// [`AsyncPolicy::host_policy`].
impl<P: AsyncPolicy + 'static> axum::serve::Listener for Listener<P> {
    type Io = ServerStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (tls, peer) = Self::accept(self).await;
        let setup = self.live().current();
        let hosts = self.hosts(|live| Arc::new(Hosts(live.clone())));
        let options = self.post_handshake_options();
        let (stream, _) = ServerStream::with_hosts(tls, peer, setup.config(), hosts, options);
        (stream, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl<P: AsyncPolicy + 'static> Connected<IncomingStream<'_, Listener<P>>> for ConnectionInfo {
    fn connect_info(stream: IncomingStream<'_, Listener<P>>) -> Self {
        stream.io().info().clone()
    }
}

/// The rules for open connections of the current policy.
struct Hosts<P>(Live<P>);

impl<P: AsyncPolicy> Hosts<P> {
    fn read<T: Default>(&self, read: impl FnOnce(&dyn HostPolicy) -> T) -> T {
        self.0.current().policy().host_policy().map(read).unwrap_or_default()
    }
}

impl<P: AsyncPolicy> HostPolicy for Hosts<P> {
    fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        self.read(|hosts| hosts.possible_decisions(server_name, client))
    }

    fn all_possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
        accepts: &mut dyn FnMut(&ClientAuthDecision) -> bool,
    ) -> bool {
        // As if there were no possible decision.
        let setup = self.0.current();
        let hosts = setup.policy().host_policy();
        hosts.is_none_or(|hosts| hosts.all_possible_decisions(server_name, client, accepts))
    }

    fn challenge(&self, scope: &str) -> Option<Challenge> {
        self.read(|hosts| hosts.challenge(scope))
    }

    fn post_handshake(&self, server_name: Option<&str>) -> Vec<PostHandshakeDemand> {
        self.read(|hosts| hosts.post_handshake(server_name))
    }

    fn has_post_handshake(&self) -> bool {
        self.read(|hosts| hosts.has_post_handshake())
    }

    fn demand(&self, scope: &str) -> Option<ClientAuthDemand> {
        self.read(|hosts| hosts.demand(scope))
    }
}

impl<P> fmt::Debug for Hosts<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").finish_non_exhaustive()
    }
}
