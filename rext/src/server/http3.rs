//! HTTP/3 on the port of the server (RFC 9114), by quinn and h3.
//!
//! Connections have the policy, the identities, the application and the limits of those over TCP.
//! Clients learn of it by `Alt-Svc` (RFC 7838) in the responses to them.
//!
//! | limit | value |
//! |---|---|
//! | handshake, control stream, head of a request | `--handshake-timeout` |
//! | handshakes with clients whose address is not validated | 64, then a Retry packet (RFC 9000 section 8.1.2) |
//! | open connections | `--max-connections`, besides those over TCP; then `CONNECTION_REFUSED` |
//! | requests at a time | as over HTTP/2 |
//! | a request's head | 64 KiB, then 431; a HEADERS frame of more than 128 KiB ends the connection (`H3_EXCESSIVE_LOAD`) |
//! | memory of heads that are not complete | 1/8 of `--connection-memory`, then `H3_REQUEST_REJECTED`: the client may send the request again |
//! | requests without a valid head | 1000, then `H3_EXCESSIVE_LOAD` |
//! | cancelled requests | 500 more than finished ones, then `H3_EXCESSIVE_LOAD` |
//! | memory of a connection | `--connection-memory`, then 503 |
//! | a connection without a request, a body without progress | `--idle-timeout` |
//! | age | `--max-connection-age` |
//!
//! The limit of connections per client address, and PROXY protocol headers, are for TCP only.
//!
//! When a new process takes over (SIGUSR2), the old one keeps its UDP socket until its connections have
//! ended, after `--drain-timeout` at most, and refuses new ones, whose clients use TCP. Handshakes that have
//! begun are completed, and their requests are answered or rejected. Then the new process opens its own
//! socket, and offers HTTP/3 from then on. So no packet of a connection reaches the other process.
//!
//! Early data (0-RTT) is not accepted (RES-6). If a request has a pseudo-header field twice, the last one
//! counts, for the policy and for the server behind: h3 does not refuse it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use command_line::Failure;
use h3::error::Code;
use quinn::{Endpoint, EndpointConfig, TokioRuntime};
use rustls_ext::http::secondary;
use rustls_ext::with_causes;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tracing::{Instrument, debug, debug_span, info, warn};

mod alt_svc;
mod body;
mod config;
mod connection;
mod exchange;
mod fate;
mod frames;
mod socket;
mod stream;
mod transport;

use super::{App, Server};
use crate::listener::{Phase, PhaseReceiver};
use crate::observe::connection_refused;
pub(super) use alt_svc::AltSvc;
use config::Configs;
use socket::Socket;
pub(super) use socket::bind;
use transport::{Transport, varint};

/// With so many unfinished handshakes of clients whose address is not validated, further clients
/// must show first that they receive packets at their address.
const MAX_UNVALIDATED: usize = 64;
/// How long to wait until clients know that their connections are closed.
const CLOSE: Duration = Duration::from_secs(1);

/// h3's transport, with the frames for certificates.
type Layered = secondary::Http3<Transport>;

/// A server of HTTP/3, with the data that its connections share.
struct Http3Server<A> {
    /// What it has in common with the server over TCP.
    server: Arc<Server<A>>,
    configs: Configs,
    max_connections: usize,
    /// The unfinished handshakes of clients whose address is not validated.
    unvalidated: Arc<AtomicUsize>,
}

/// A server of HTTP/3 that is ready to serve.
pub(super) struct Http3<A> {
    server: Arc<Http3Server<A>>,
    socket: Socket,
    alt_svc: AltSvc,
    phase: PhaseReceiver,
}

impl<A: App> Http3<A> {
    /// Serves the application of `server` on the socket, under the setup that is current when a
    /// connection begins.
    ///
    /// # Errors
    /// If the current setup cannot be used for QUIC.
    pub(super) fn new(
        server: &Arc<Server<A>>,
        socket: Socket,
        alt_svc: AltSvc,
        phase: PhaseReceiver,
        max_connections: usize,
    ) -> Result<Self, Failure> {
        let configs = Configs::new(server.live.clone(), server.shares).map_err(|err| {
            Failure::Usage(format!("--http3 is not possible: {}", with_causes(&err)))
        })?;
        let server = Http3Server {
            server: server.clone(),
            configs,
            max_connections,
            unvalidated: Arc::default(),
        };
        Ok(Self { server: Arc::new(server), socket, alt_svc, phase })
    }

    /// Serves connections as long as the server over TCP accepts connections. Then it tells the clients of open connections to
    /// send no further requests, and waits for them, for `drain` at most.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub(super) async fn serve(self, drain: Duration) -> Result<(), Failure> {
        let Self { server, socket, alt_svc, mut phase } = self;
        let socket = tokio::select! {
            socket = socket.open() => socket?,
            _ = phase.ended() => return Ok(()),
        };
        let config = Some(server.configs.endpoint());
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), config, socket, runtime)
            .map_err(|err| Failure::Failed(format!("cannot serve HTTP/3: {err}")))?;
        alt_svc.start();
        // Each connection has a receiver, so that the channel is closed when all have ended.
        let (stopping, stopped) = PhaseReceiver::channel();
        let places = Arc::new(Semaphore::new(server.max_connections));
        let next_phase = loop {
            tokio::select! {
                incoming = endpoint.accept() => match incoming {
                    Some(incoming) => server.accept(incoming, &places, &stopped),
                    None => break Phase::Stopping,
                },
                ended = phase.ended() => break ended,
            }
        };
        alt_svc.stop();
        drop(stopped);
        info!(connections = endpoint.open_connections(), "stopping HTTP/3");
        stopping.send_replace(next_phase);
        end(&endpoint, &stopping, drain).await;
        Ok(())
    }
}

/// Waits for the connections of an endpoint, and closes it.
async fn end(endpoint: &Endpoint, stopping: &watch::Sender<Phase>, drain: Duration) {
    let drained = async {
        tokio::select! {
            () = stopping.closed() => {}
            // Clients that are refused use TCP at once.
            () = async {
                while let Some(incoming) = endpoint.accept().await {
                    incoming.refuse();
                }
            } => {}
        }
    };
    if timeout(drain, drained).await.is_err() {
        let connections = endpoint.open_connections();
        warn!(
            connections,
            ?drain,
            "closing HTTP/3 connections that are still open after the drain timeout"
        );
    }
    endpoint.close(varint(Code::H3_NO_ERROR.value()), b"the server stops");
    let _ = timeout(CLOSE, endpoint.wait_idle()).await;
}

impl<A: App> Http3Server<A> {
    fn accept(
        self: &Arc<Self>,
        incoming: quinn::Incoming,
        places: &Arc<Semaphore>,
        stop: &PhaseReceiver,
    ) {
        let peer = incoming.remote_address();
        let unvalidated = Unvalidated::of(&incoming, &self.unvalidated);
        if incoming.may_retry() && unvalidated.as_ref().is_some_and(Unvalidated::is_one_too_many) {
            debug!(%peer, "many handshakes are unfinished: Retry");
            // It fails only if the client has answered one already.
            let _ = incoming.retry();
            return;
        }
        let Ok(place) = places.clone().try_acquire_owned() else {
            connection_refused("max_connections");
            let max_connections = self.max_connections;
            warn!(%peer, max_connections, "connection refused: so many are open over HTTP/3");
            return incoming.refuse();
        };
        let (server, stop) = (self.clone(), stop.clone());
        let span = debug_span!("connection", %peer, transport = "quic");
        let connection = async move {
            let held = stop.clone();
            server.connection(incoming, unvalidated, stop).await;
            drop((place, held));
        };
        tokio::spawn(connection.instrument(span));
    }
}

/// An unfinished handshake with a client whose address is not validated. Counted until it is dropped.
struct Unvalidated {
    all: Arc<AtomicUsize>,
    number: usize,
}

impl Unvalidated {
    fn of(incoming: &quinn::Incoming, all: &Arc<AtomicUsize>) -> Option<Self> {
        (!incoming.remote_address_validated())
            .then(|| Self { number: all.fetch_add(1, Ordering::Relaxed), all: all.clone() })
    }

    fn is_one_too_many(&self) -> bool {
        self.number >= MAX_UNVALIDATED
    }
}

impl Drop for Unvalidated {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}
